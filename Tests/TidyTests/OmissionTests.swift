import Foundation
import Processes
import Testing

/// A case of the ledger's words that is forgotten somewhere does not compile.
///
/// Each probe adds a case to an enumeration in a copy of `LedgerModel`, and looks at which `switch`es
/// the compiler then calls incomplete.
@Suite(.serialized) struct OmissionTests {
    /// An enumeration, and where a new case of it has to be dealt with in `LedgerModel`.
    struct Probe: Sendable {
        let type: String
        let declaration: String
        let places: Set<String>

        init(_ type: String, in declaration: String? = nil, _ places: Set<String>) {
            self.type = type
            self.declaration = declaration ?? "enum \(type)"
            self.places = places
        }
    }

    /// The areas of the actions, of the changes and of the refusals.
    private static let areas = [
        Probe("Action", ["Action.part"]), Probe("Change", ["Change.part"]),
        Probe("Refusal", ["Refusal.part"]),
    ]

    private static let actions =
        [
            "DeviceAction", "CodeAction", "ProductAction", "PackageAction", "AccountAction",
            "ImportAction", "TopUpAction", "UpgradeAction", "KeyAction", "ClockAction",
            "CorrectionAction", "LimitAction", "ProductSecretAction", "AnswerAction",
            "ClusterAction",
            "WebhookAction", "AuthorityAction", "MetadataAction", "FirmwareAction",
            "CampaignAction",
        ].map { Probe($0, ["\($0).encode", "\($0).asked"]) }
        // Nothing of these is made anew for a repetition.
        + [Probe("AlertAction", ["AlertAction.encode"])]

    private static let changes =
        [
            "DeviceChange", "CodeChange", "ProductChange", "PackageChange", "AccountChange",
            "ImportChange", "KeyChange", "ClockChange", "LimitChange", "ProductSecretChange",
            "ClusterChange", "WebhookChange", "MetadataChange", "AlertChange",
            "AuthorityChange", "FirmwareChange", "CampaignChange",
        ].map { Probe($0, ["\($0).encode", "\($0).name"]) } + [
            Probe(
                "TopUpChange", in: "struct TopUpChange",
                ["TopUpChange.encode", "TopUpChange.name", "TopUpChange.movement"]),
            Probe(
                "UpgradeChange", in: "struct UpgradeChange",
                ["UpgradeChange.encode", "UpgradeChange.name"]),
            Probe(
                "Correction", in: "struct Correction",
                ["Correction.encode", "Correction.name"]),
        ]

    private static let refusals = [
        "DeviceRefusal", "CodeRefusal", "ProductRefusal", "PackageRefusal", "AccountRefusal",
        "ImportRefusal", "TopUpRefusal", "UpgradeRefusal", "KeyRefusal", "CommandRefusal",
        "ClockDoubt", "CorrectionRefusal", "LimitRefusal", "ClusterRefusal", "WebhookRefusal",
        "AlertRefusal", "AuthorityRefusal", "FirmwareRefusal", "CampaignRefusal",
        "MetadataRefusal",
    ].map { Probe($0, ["\($0).encode", "\($0).description"]) }

    private static let answers = [
        Probe(
            "CampaignFilter",
            ["CampaignFilter.encode", "CampaignFilter.isInRange", "CampaignFilter.inOrder"]),
        Probe("Effect", ["Effect.encode"]), Probe("Outcome", ["Outcome.encode", "Outcome.effect"]),
        Probe("MetadataOwner", ["MetadataOwner.encode", "MetadataOwner.description"]),
        Probe(
            "AlertSubject",
            [
                "AlertSubject.encode", "AlertSubject.description", "AlertSubject.product",
                "AlertSubject.packs",
            ]),
        Probe("Envelope", in: "enum Content", ["Envelope.encode", "Envelope.number"]),
    ]

    private static let tagged = actions + changes + refusals + answers

    @Test("without a probe all compiles")
    func unchanged() throws {
        let workshop = try Workshop()
        #expect(try workshop.emit("LedgerModel") == [])
        try workshop.emitFoundations()
        #expect(try workshop.check("Ledger") == [])
        #expect(try workshop.checkDocuments() == [])
    }

    @Test("a case without its encoding, digest, name or words does not compile")
    func omission() throws {
        let workshop = try Workshop()
        // A place is named after its own enumeration: one compilation has those of all.
        for probes in [Self.areas, Self.tagged] {
            try workshop.renewModel()
            for probe in probes { try workshop.addCase(behind: probe.declaration) }
            let found = try workshop.emit("LedgerModel")
            for probe in probes {
                #expect(probe.places.isSubset(of: found), "\(probe.type): \(found.sorted())")
            }
        }
    }

    @Test("a tag, or an area, without its decoding does not compile")
    func decoding() throws {
        let workshop = try Workshop()
        try workshop.addCases(to: "enum Tag: UInt16, RecordTag {", "case probe = 250")
        #expect(try workshop.emit("LedgerModel") == Set(Self.tagged.map { "\($0.type).init" }))
        try workshop.renewModel()
        try workshop.addCases(to: "enum Area: CaseIterable {", "case probe")
        #expect(try workshop.emit("LedgerModel") == Set(Self.areas.map { "\($0.type).init" }))
    }

    @Test("an action that is not carried out, or a change without its document, does not compile")
    func uses() throws {
        let workshop = try Workshop()
        for probe in Self.tagged { try workshop.addCase(behind: probe.declaration) }
        try workshop.emit("LedgerModel")
        try workshop.emitFoundations()
        // Each area has a function of that name, and all of them are incomplete.
        try workshop.check("Ledger")
        #expect(workshop.lines["Books.carryOut"]?.count == Self.actions.count)
        #expect(try workshop.checkDocuments().contains("Documents.subject"))
        for probe in Self.areas { try workshop.addCase(behind: probe.declaration) }
        try workshop.emit("LedgerModel")
        #expect(try workshop.check("Ledger").contains("Change.mayChangeProduct"))
        #expect(workshop.lines["Books.carryOut"]?.count == Self.actions.count + 1)
    }

    @Test("a reason without its row, or a refusal without its reason, does not compile")
    func reasons() throws {
        let workshop = try Workshop()
        try workshop.emit("LedgerModel")
        try workshop.emitProtocols()
        #expect(try workshop.checkReasons() == [])
        #expect(try workshop.checkReasons(adding: "case probe") == ["Reason.row"])
        for probe in Self.areas.suffix(1) + Self.refusals {
            try workshop.renewModel()
            try workshop.addCase(behind: probe.declaration)
            try workshop.emit("LedgerModel")
            #expect(try workshop.checkReasons() == ["Reason.init"], "\(probe.type)")
        }
    }
}

/// A copy of the sources that the ledger's words need, and a compiler.
private final class Workshop {
    private let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("tollgate-omission-\(UUID().uuidString)")
    private let root: URL

    /// What the compiler said last, by place.
    private(set) var lines: [String: Set<Substring>] = [:]

    init() throws {
        root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        try FileManager.default.createDirectory(
            at: directory.appendingPathComponent("modules"), withIntermediateDirectories: true)
        for module in ["Bytes", "Time", "Encoding"] {
            try FileManager.default.copyItem(
                at: root.appendingPathComponent("Sources/\(module)"),
                to: directory.appendingPathComponent(module))
        }
        for module in ["Bytes", "Time", "Encoding"] {
            try #require(try emit(module) == [], "\(module) does not compile")
        }
        try renewModel()
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// Undoes what was added.
    func renewModel() throws {
        let copy = directory.appendingPathComponent("LedgerModel")
        try? FileManager.default.removeItem(at: copy)
        try FileManager.default.copyItem(
            at: root.appendingPathComponent("Sources/LedgerModel"), to: copy)
    }

    /// Adds a case to the enumeration, or to the one inside the structure, that is declared so.
    func addCase(behind declaration: String) throws {
        let line = declaration.hasPrefix("struct") ? "enum Entry:" : "\(declaration):"
        var count = 0
        try editModel { text in
            guard text.contains("public \(declaration):") else { return }
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(
                String.init)
            guard let start = lines.firstIndex(where: { $0.contains("\(declaration):") }),
                let place = lines[start...].firstIndex(where: { $0.contains(line) })
            else { return }
            lines.insert("case probe", at: place + 1)
            text = lines.joined(separator: "\n")
            count += 1
        }
        try #require(count == 1, "\(declaration) is not there, or not once")
    }

    /// Adds a case to each enumeration that begins like that.
    func addCases(to head: String, _ line: String) throws {
        try editModel { $0 = $0.replacingOccurrences(of: head, with: "\(head)\n\(line)\n") }
    }

    private func editModel(_ edit: (inout String) -> Void) throws {
        for file in try files(in: directory.appendingPathComponent("LedgerModel")) {
            var text = try String(contentsOf: file, encoding: .utf8)
            edit(&text)
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
    }

    /// Compiles a module that others then import, errors or not.
    ///
    /// - Returns: where a `switch` is not exhaustive, and any other error as it is.
    @discardableResult
    func emit(_ module: String) throws -> Set<String> {
        try compile(
            ["-emit-module", "-o", path("modules/\(module).swiftmodule")]
                + ["-Xfrontend", "-experimental-allow-module-with-compiler-errors"],
            module,
            files(in: directory.appendingPathComponent(module))
        )
    }

    /// What the ledger stands on besides; of the command logs what they are to it.
    func emitFoundations() throws {
        let sources = root.appendingPathComponent("Sources")
        let log = ["CommandLog", "LogError", "LogGeneration"].map {
            sources.appendingPathComponent("Replication/\($0).swift")
        }
        for (module, sources) in [
            ("Telemetry", try files(in: sources.appendingPathComponent("Telemetry"))),
            ("Storage", try files(in: sources.appendingPathComponent("Storage"))),
            ("Cryptography", try files(in: sources.appendingPathComponent("Cryptography"))),
            ("Replication", log),
        ] {
            let found = try compile(
                ["-emit-module", "-o", path("modules/\(module).swiftmodule")], module, sources)
            try #require(found == [], "\(module) does not compile")
        }
    }

    /// Type-checks a module as it is, with the copy of the words.
    @discardableResult
    func check(_ module: String) throws -> Set<String> {
        let sources = try files(in: root.appendingPathComponent("Sources/\(module)"))
        return try compile(["-typecheck"], module, sources)
    }

    /// Type-checks the documents of events alone: what they need of Admin is made up.
    func checkDocuments() throws -> Set<String> {
        let admin = root.appendingPathComponent("Sources/Admin")
        let copies = try ["Documents/Documents+Events.swift", "HTTP/JSON.swift"].map { place in
            let text = try String(
                contentsOf: admin.appendingPathComponent(place), encoding: .utf8
            )
            .replacingOccurrences(of: "import Ledger\n", with: "import LedgerModel\n")
            let copy = directory.appendingPathComponent(String(place.split(separator: "/")[1]))
            try text.write(to: copy, atomically: true, encoding: .utf8)
            return copy
        }
        let rest = directory.appendingPathComponent("Rest.swift")
        try """
        import LedgerModel
        enum Documents {
            static func subject(of change: TopUpChange) -> JSON { .null }
            static func subject(of change: UpgradeChange) -> JSON { .null }
            static func subject(of change: AlertChange) -> JSON { .null }
            static func subject(of change: FirmwareChange) -> JSON { .null }
            static func subject(of change: CampaignChange) -> JSON { .null }
            static func subject(of correction: Correction) -> JSON { .null }
            static func dialect(_ dialect: Dialect) -> JSON { .null }
            static func limits(_ limits: TrafficLimits) -> JSON { .null }
        }
        extension JSON { init(_ value: Any?) { self = .null } }
        """.write(to: rest, atomically: true, encoding: .utf8)
        return try compile(["-typecheck"], "Admin", copies + [rest])
    }

    /// What the reasons need of other modules: MQTT as it is, and the close codes of WebSocket.
    func emitProtocols() throws {
        let mqtt = try files(in: root.appendingPathComponent("Sources/MQTT"))
        let found = try compile(
            ["-emit-module", "-o", path("modules/MQTT.swiftmodule")], "MQTT", mqtt)
        let codes = directory.appendingPathComponent("CloseCode.swift")
        try """
        public enum CloseCode: Sendable {
            case normal, goingAway, protocolError, policyViolation, messageTooBig, tryAgainLater
        }
        """.write(to: codes, atomically: true, encoding: .utf8)
        let inCodes = try compile(
            ["-emit-module", "-o", path("modules/WebSocket.swiftmodule")], "WebSocket", [codes])
        try #require(found.union(inCodes) == [])
    }

    /// Type-checks the reasons, with a case more if there is one to be added: what they need of Gateway is
    /// made up.
    func checkReasons(adding line: String = "") throws -> Set<String> {
        let reasons = try files(in: root.appendingPathComponent("Sources/Gateway/Reasons"))
        let copies = try reasons.map { file in
            let text = try String(contentsOf: file, encoding: .utf8)
                .replacingOccurrences(of: "import Ledger\n", with: "import LedgerModel\n")
                .replacingOccurrences(
                    of: "    case handshakeFailed\n", with: "    case handshakeFailed\n\(line)\n")
            let copy = directory.appendingPathComponent(file.lastPathComponent)
            try text.write(to: copy, atomically: true, encoding: .utf8)
            return copy
        }
        let rest = directory.appendingPathComponent("Rest.swift")
        try """
        public enum BackupProblem { case directory, running, noSpace, keyReused, stopping, failed }
        public enum DownlinkOutcome {
            case delivered, queued, notConnected, noSubscription, quotaExceeded, tooLarge
            case queueFull, expired, notStored
        }
        """.write(to: rest, atomically: true, encoding: .utf8)
        return try compile(["-typecheck"], "Gateway", copies + [rest])
    }

    private func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

    private func files(in directory: URL) throws -> [URL] {
        let all = FileManager.default.enumerator(at: directory, includingPropertiesForKeys: nil)
        return (all?.allObjects as? [URL] ?? []).filter { $0.pathExtension == "swift" }
    }

    private func compile(
        _ mode: [String],
        _ module: String,
        _ sources: [URL]
    ) throws -> Set<String> {
        let report = directory.appendingPathComponent("report")
        _ = FileManager.default.createFile(atPath: report.path, contents: nil)
        let process = ExternalProcess()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["swiftc", "-wmo", "-swift-version", "6", "-package-name", "main"] + mode
            + ["-module-name", module, "-I", path("modules")]
            + ["CLMDB", "COpenSSL"].flatMap {
                ["-Xcc", "-fmodule-map-file=\(root.path)/Sources/\($0)/module.modulemap"]
            }
            + ["ExistentialAny", "InternalImportsByDefault", "MemberImportVisibility"]
            .flatMap { ["-enable-upcoming-feature", $0] }
            + ["-enable-experimental-feature", "Lifetimes"] + sources.map(\.path)
        process.standardError = try FileHandle(forWritingTo: report)
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        let text = try String(contentsOf: report, encoding: .utf8)
        lines = [:]
        for line in text.split(separator: "\n") {
            if let place = try place(of: line) { lines[place, default: []].insert(line) }
        }
        try #require(!lines.isEmpty || process.terminationStatus == 0, "\(text)")
        return Set(lines.keys)
    }

    /// `Type.member` of a line of the compiler's report that says that a `switch` is not exhaustive;
    /// any other error as it is.
    private func place(of line: Substring) throws -> String? {
        guard line.first == "/", let range = line.firstRange(of: ": error: ") else { return nil }
        guard line[range.upperBound...].hasPrefix("switch must be exhaustive") else {
            return String(line)
        }
        let parts = line[..<range.lowerBound].split(separator: ":")
        let number = try #require(parts.dropFirst().first.flatMap { Int($0) })
        let text = try String(contentsOfFile: String(parts[0]), encoding: .utf8)
        let above = text.split(separator: "\n", omittingEmptySubsequences: false)
            .prefix(number).reversed()
        let member = above.lazy.compactMap {
            Self.name(in: $0, behind: ["func", "var", "init"], indent: 4)
        }
        let type = above.lazy.compactMap {
            Self.name(in: $0, behind: ["extension", "enum", "struct", "class"], indent: 0)
        }
        return "\(type.first ?? "?").\(member.first ?? "?")"
    }

    /// The name that the line declares, when it is indented like that.
    private static func name(
        in line: Substring,
        behind words: [String],
        indent: Int
    ) -> String? {
        guard line.prefix(while: { $0 == " " }).count == indent else { return nil }
        let parts = line.split(whereSeparator: { !$0.isLetter })
        guard let position = parts.firstIndex(where: { words.contains(String($0)) }),
            parts[..<position].allSatisfy({
                ["public", "package", "private", "fileprivate", "static", "final", "mutating"]
                    .contains($0)
            })
        else { return nil }
        if parts[position] == "init" { return "init" }
        return position + 1 < parts.count ? String(parts[position + 1]) : nil
    }
}
