import Testing

/// A shard's organ: its folder is the only one that names its fields.
struct Organ: Sendable {
    let file: String

    /// The field of the shard or of its context.
    let name: String

    /// The fields that others work with, each with the reason.
    let lent: [String: String]

    var folder: String { String(file[..<file.lastIndex(of: "/")!]) + "/" }

    static let all = [
        Organ(
            file: "Sources/Gateway/Wire/Wire.swift", name: "wire",
            lent: [
                "epoll": "the shard waits for it, and registers listeners",
                "inbound": "what a read takes is served in place",
                "plaintext": "the same of what TLS has decrypted",
                "unadmitted": "the door says when a connection is admitted",
                "tlsContexts": "made anew on reload",
                "journal": "what the log and the traces are told",
            ]),
        Organ(
            file: "Sources/Gateway/Quota/Quota.swift", name: "quota",
            lent: [
                "published": "the broker asks whether a message has been counted",
                "handedOut": "the same of retained ones",
            ]),
        Organ(file: "Sources/Gateway/Door/Door.swift", name: "door", lent: [:]),
        Organ(file: "Sources/Gateway/Broker/Broker.swift", name: "broker", lent: [:]),
    ]

    /// The stored properties of the organ's structure that its file does not hide itself.
    var fields: [String] {
        let file = SourceFile.all.first { $0.path == self.file }
        return (file?.codeLines ?? []).compactMap { line in
            let words = line.split(separator: " ")
            guard line.hasPrefix("    "), !line.hasPrefix("     "), words.count > 1,
                words[0] == "var" || words[0] == "let", !line.hasSuffix("{"), !line.hasSuffix("}")
            else { return nil }
            return String(words[1].prefix { $0 != ":" })
        }
    }
}

@Suite struct OrganTests {
    @Test("Only an organ's own folder names its fields", arguments: Organ.all)
    func fields(of organ: Organ) {
        let hidden = organ.fields.filter { organ.lent[$0] == nil }
        for file in SourceFile.all
        where file.path.hasPrefix("Sources/Gateway/") && !file.path.hasPrefix(organ.folder) {
            for field in hidden {
                for line in file.lines(with: "\(organ.name).\(field)") {
                    Issue.record("\(file.path):\(line): \(organ.name).\(field) is not lent")
                }
            }
        }
    }

    @Test("What an organ lends is there, and is used", arguments: Organ.all)
    func lent(by organ: Organ) {
        for field in organ.lent.keys.sorted() {
            #expect(organ.fields.contains(field), "\(organ.file) has no field \(field)")
            let isUsed = SourceFile.all.contains { file in
                !file.path.hasPrefix(organ.folder)
                    && !file.lines(with: "\(organ.name).\(field)").isEmpty
            }
            #expect(isUsed, "\(organ.name).\(field) is lent for nothing")
        }
    }

    @Test("The fields are found")
    func finds() {
        #expect(Organ.all.map(\.fields.count).reduce(0, +) > 25)
        #expect(Organ.all[0].fields.contains("connections"))
    }
}
