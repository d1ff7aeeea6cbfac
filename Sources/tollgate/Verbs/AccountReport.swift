import Admin
import ArgumentParser
import Linux

extension AccountVerbs {
    /// An account's month: for people, for programs, and as a page to be printed.
    struct Report: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "An account's month: codes, devices, messages, OTA and alerts.",
            discussion: """
                As CSV it has a row for each product, and the total in the last one. The page loads nothing, and can be \
                printed as it is.
                """
                .followed(
                    byExamples: "account report acme --month 2026-11",
                    "account report acme --html acme.html --language zh"))

        @Argument(help: .account) var id: String
        @Option(help: "The month, like 2026-11. Default: the running one.") var month: String?
        @Option(help: "Writes the report as a page to this file; -: to standard output.")
        var html: String?
        @Option(help: "That of the page: en or zh. Default: en.") var language: Language?
        @OptionGroup var gateway: GatewayOptions

        enum Language: String, ExpressibleByArgument, CaseIterable { case en, zh }

        func validate() throws {
            if html != nil, gateway.form != nil || gateway.place.api.json {
                throw ValidationError("--html is a form of its own: leave --output out")
            }
            if html == nil, language != nil {
                throw ValidationError("--language is that of the page: say --html FILE as well")
            }
        }

        func run() async throws {
            let client = try gateway.client
            let report = try await client.document(
                .get, "accounts/\(id.escaped)/report" + query(["month": month]))
            guard let html else { return try show(report, client.form) }
            let page = Admin.AccountReport.page(of: report, inChinese: language == .zh)
            guard html != "-" else { return try Output.raw(page) }
            do throws(FileError) {
                try FileSystem.write(page.span, atomicallyTo: html, mode: 0o644)
            } catch {
                throw Failure(text: "\(error)")
            }
        }

        private func show(_ report: JSON, _ form: OutputForm) throws(Failure) {
            switch form {
            case .json, .ndjson: try Output.json(report.bytes)
            case .csv:
                let text = String(decoding: Admin.AccountReport.csv(of: report), as: UTF8.self)
                try Output.say(text.replacing("\r\n", with: "\n").trimmingEnd)
            case .table:
                try Output.say(Self.head(of: report))
                for table in Table.all { try table.show(report, isWide: gateway.wide) }
            }
        }

        /// What it is about, and mail, which is no table.
        private static func head(of report: JSON) -> String {
            func text(_ name: String) -> String { report[name]?.text ?? "" }
            let isRunning = report["running"]?.bool == true
            let name = text("name").printable()
            let room = Terminal.columns.map { max(10, $0) }
            var lines = [
                room.map { TextWidth.shortened(name, to: $0) } ?? name,
                "month  \(text("month"))\(isRunning ? ", which is running" : "")",
                "from   \(text("from"))", "to     \(text("to"))",
            ]
            if let mail = report["mail"], mail != .null {
                let parts = [("sent", "sent"), ("givenUp", "given up"), ("waiting", "waiting")]
                    .map { "\(mail[$0.0]?.integer ?? 0) \($0.1)" }
                lines.append("mail   \(parts.joined(separator: ", "))")
            } else {
                lines.append("mail   no longer kept")
            }
            let missing = (report["missing"]?.array ?? []).compactMap(\.text)
            if !missing.isEmpty {
                lines.append("without messages of \(missing.joined(separator: ", ")): no answer")
            }
            return lines.joined(separator: "\n")
        }
    }
}

/// One of the report's tables: few enough columns for 80 of a terminal, however large the numbers are.
private struct Table {
    let title: String

    /// Members of the report that are rows: of products, or of a list of its own.
    let list: String
    let name: String

    /// Headings and members.
    let columns: KeyValuePairs<String, String>

    static let all = [
        Table(
            title: "codes", list: "products", name: "pk",
            columns: [
                "bought": "codes.bought", "free": "codes.granted", "void": "codes.voided",
                "assigned": "codes.assigned", "takenBack": "codes.takenBack",
                "lost": "codes.lost", "remaining": "codes.left",
            ]),
        Table(
            title: "codes consumed and ending", list: "products",
            name: "pk",
            columns: [
                "first": "consumed.first", "renewals": "consumed.renewal",
                "manual": "consumed.manual", "void": "consumed.voided",
                "ending": "ending.month", "next": "ending.nextMonth",
            ]),
        Table(
            title: "devices and alerts", list: "products", name: "pk",
            columns: [
                "new": "devices.registered", "deleted": "devices.deleted",
                "known": "devices.known", "active": "devices.active",
                "fired": "alerts.fired", "resolved": "alerts.resolved",
            ]),
        Table(
            title: "messages", list: "products", name: "pk",
            columns: ["allowance": "messages.used", "packs": "messages.topUp"]),
        Table(
            title: "OTA upgrades, and their attempts", list: "products", name: "pk",
            columns: [
                "upgrades": "ota.upgrades", "allowance": "ota.fromAllowance",
                "packs": "ota.fromPacks", "givenBack": "ota.givenBack",
            ]),
        Table(
            title: "top-up packs, in units", list: "packs", name: "kind",
            columns: [
                "packs": "packs", "bought": "bought", "given": "given", "used": "used",
                "givenBack": "givenBack", "expired": "expired", "void": "voided",
            ]),
        Table(
            title: "messages by day", list: "days", name: "day",
            columns: ["allowance": "used", "packs": "topUp"]),
    ]

    func show(_ report: JSON, isWide: Bool) throws(Failure) {
        var rows: [JSON] = (report[list]?.array ?? []).map { item in
            row(item[name]?.text ?? "", item["figures"] ?? item)
        }
        if list == "products", let total = report["total"] { rows.append(row("total", total)) }
        try Output.say("\n\(title)")
        let names = [name] + columns.map(\.key)
        var table =
            isWide ? Output.Table(columns: names, room: nil) : Output.Table(columns: names)
        try table.show(rows)
    }

    private func row(_ title: String, _ figures: JSON) -> JSON {
        var members = [JSON.Member(name: name, value: .text(title))]
        for (heading, path) in columns {
            let value = path.split(separator: ".").reduce(JSON?.some(figures)) { value, name in
                value?[String(name)]
            }
            members.append(JSON.Member(name: heading, value: value ?? .null))
        }
        return .object(members)
    }
}

extension String {
    /// Without the line end behind it.
    fileprivate var trimmingEnd: String { hasSuffix("\n") ? String(dropLast()) : self }
}
