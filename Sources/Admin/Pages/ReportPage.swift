/// An account's month as tables, to be read and to be printed: what the console shows, and what the program writes to a
/// file. It is made of the API's document, and loads nothing.
struct ReportPage {
    let report: JSON
    let language: Language

    private struct Column {
        let title: Word
        let path: String
    }

    /// More rows than that begin on a page of their own, printed.
    private static let rowsBesideOthers = 12

    func t(_ word: Word) -> String { word.text(in: language) }

    /// `Acme Ltd.: 2026-11`
    var title: String { "\(report.text("name")): \(report.text("month"))" }

    /// The tables, one behind the other.
    var body: HTML {
        let sections = [
            summary, byProduct(.codes, Self.codes), byProduct(.consumedAndEnding, Self.consumed),
            byProduct(.devices, Self.devices), byProduct(.messagesAndOTA, Self.messages),
            byProduct(.alerts, Self.alerts), packs, days,
        ]
        return "<div class=\"report\">\(HTML(sections))</div>"
    }

    /// The whole page, with its own style.
    var document: HTML {
        ConsoleFrame.document(
            language, title: title,
            head: "<style>\n\(HTML(stringLiteral: ConsoleStyle.markup))\n</style>",
            """
            <main id="main">
            <h1>\(title)</h1>
            \(body)
            <footer class="soft">\(t(.timesAreUTC))</footer>
            </main>
            """)
    }

    private static let codes = [
        Column(title: .bought, path: "codes.bought"),
        Column(title: .granted, path: "codes.granted"),
        Column(title: .voided, path: "codes.voided"),
        Column(title: .assigned, path: "codes.assigned"),
        Column(title: .takenBack, path: "codes.takenBack"),
        Column(title: .lostWithProducts, path: "codes.lost"),
        Column(title: .remaining, path: "codes.left"),
    ]

    private static let consumed = [
        Column(title: .valueFirst, path: "consumed.first"),
        Column(title: .valueRenewal, path: "consumed.renewal"),
        Column(title: .valueManual, path: "consumed.manual"),
        Column(title: .voided, path: "consumed.voided"),
        Column(title: .endInMonth, path: "ending.month"),
        Column(title: .endInNextMonth, path: "ending.nextMonth"),
    ]

    private static let devices = [
        Column(title: .newDevices, path: "devices.registered"),
        Column(title: .deletedDevices, path: "devices.deleted"),
        Column(title: .devices, path: "devices.known"),
        Column(title: .activatedDevices, path: "devices.active"),
    ]

    private static let messages = [
        Column(title: .withinAllowances, path: "messages.used"),
        Column(title: .topUpsUsed, path: "messages.topUp"),
        Column(title: .upgrades, path: "ota.upgrades"),
        Column(title: .fromAllowance, path: "ota.fromAllowance"),
        Column(title: .fromPacks, path: "ota.fromPacks"),
        Column(title: .givenBack, path: "ota.givenBack"),
    ]

    private static let alerts = [
        Column(title: .fired, path: "alerts.fired"),
        Column(title: .resolved, path: "alerts.resolved"),
    ]

    private var summary: HTML {
        let isRunning = report.at("running")?.bool ?? false
        var lines: [(Word, HTML)] = [
            (.account, "<code>\(report.text("account"))</code>"),
            (.period, "\(time("from")) – \(time("to"))"), (.asOf, time("at")),
        ]
        if let mail = report.at("mail") {
            let parts = [
                (Word.valueSent, "sent"), (.valueGivenUp, "givenUp"), (.valueWaiting, "waiting"),
            ].map { "\(t($0.0)) \(mail.number($0.1).grouped)" }
            lines.append((.mail, "\(parts.joined(separator: ", "))"))
        } else {
            lines.append((.mail, Self.dash))
        }
        var html = HTML()
        for (word, value) in lines {
            html += "<div><dt>\(t(word))</dt><dd>\(value)</dd></div>"
        }
        let hint = t(isRunning ? .monthIsRunning : .dashIsNotKept)
        return """
            <section class="card"><dl class="facts">\(html)</dl><p class="soft">\(hint)</p>\(missing)</section>
            """
    }

    /// Which nodes' messages are not in it.
    private var missing: HTML {
        let nodes = (report.at("missing")?.array ?? []).compactMap(\.text)
        guard !nodes.isEmpty else { return HTML() }
        return """
            <p class="alert" role="status">\(t(.nodesMissing)) \(nodes.joined(separator: ", "))</p>
            """
    }

    private func time(_ path: String) -> HTML {
        let text = report.text(path)
        let short = String(text.prefix(16)).replacing("T", with: " ")
        return "<time datetime=\"\(text)\">\(short)</time>"
    }

    private static let dash: HTML = "–"

    private func byProduct(_ title: Word, _ columns: [Column]) -> HTML {
        let products = report.at("products")?.array ?? []
        let rows = products.map { product in
            let name = product.text("name")
            let key: HTML = "<code>\(product.text("pk"))</code>"
            let cell: HTML = name.isEmpty ? key : "\(name) \(key)"
            let isDeleted = product.at("deleted")?.bool ?? false
            let mark: HTML = isDeleted ? " (\(t(.deleted)))" : HTML()
            return (cell + mark, product.at("figures") ?? .null)
        }
        return section(
            title, first: .product, columns, rows, total: report.at("total") ?? .null)
    }

    private var packs: HTML {
        let columns = [
            Column(title: .packsAdded, path: "packs"), Column(title: .unitsBought, path: "bought"),
            Column(title: .unitsGiven, path: "given"), Column(title: .used, path: "used"),
            Column(title: .givenBack, path: "givenBack"), Column(title: .expired, path: "expired"),
            Column(title: .voided, path: "voided"),
        ]
        let rows = (report.at("packs")?.array ?? []).map { pack -> (HTML, JSON) in
            let name = pack.text("kind")
            return ("\(language.label(of: name) ?? name)", pack)
        }
        return section(.topUps, first: .kind, columns, rows, total: nil)
    }

    private var days: HTML {
        let columns = [
            Column(title: .withinAllowances, path: "used"),
            Column(title: .topUpsUsed, path: "topUp"),
        ]
        let rows = (report.at("days")?.array ?? []).map { day -> (HTML, JSON) in
            ("\(day.text("day"))", day)
        }
        let total = report.at("total.messages")
        return section(.messagesByDay, first: .day, columns, rows, total: total)
    }

    private func section(
        _ title: Word, first: Word, _ columns: [Column], _ rows: [(HTML, JSON)], total: JSON?
    ) -> HTML {
        let mark: HTML = rows.count > Self.rowsBesideOthers ? " class=\"long\"" : HTML()
        var html: HTML = """
            <section\(mark)><h2>\(t(title))</h2>
            <div class="wide" role="region" tabindex="0" aria-label="\(t(title))"><table><thead><tr><th scope="col">\(t(first))</th>
            """
        for column in columns {
            html += "<th scope=\"col\" class=\"number\">\(t(column.title))</th>"
        }
        html += "</tr></thead><tbody>"
        for (name, figures) in rows { html += row(name, figures, columns) }
        html += "</tbody>"
        if let total {
            html += "<tfoot>\(row("\(t(.total))", total, columns))</tfoot>"
        }
        return html + "</table></div></section>\n"
    }

    /// What is not kept is a dash, never a 0.
    private func row(_ name: HTML, _ figures: JSON, _ columns: [Column]) -> HTML {
        var html: HTML = "<tr><th scope=\"row\">\(name)</th>"
        for column in columns {
            let value: HTML =
                figures.at(column.path) == nil
                ? Self.dash : "\(figures.number(column.path).grouped)"
            html += "<td class=\"number\">\(value)</td>"
        }
        return html + "</tr>"
    }
}

/// The month as comma-separated values: a row for each product, and the total in the last one, with the account's packs and
/// mail, which are no product's, and the nodes that did not answer.
extension ReportPage {
    var csv: String {
        let products = report.at("products")?.array ?? []
        let rows = products.map { product in
            head(product.text("pk"), product.text("name"), product.at("figures"))
        }
        var total = head("", "total", report.at("total"))
        for pack in report.at("packs")?.array ?? [] {
            guard case .object(let members) = pack else { continue }
            let figures = members.filter { $0.name != "kind" }
            total.add("packs.\(pack.text("kind"))", .object(figures))
        }
        total.add("mail", report.at("mail") ?? .object([]))
        total.add("missing", report.at("missing") ?? .array([]))
        // The total has all columns.
        return CSV.text(of: rows + [total])
    }

    private func head(_ pk: String, _ name: String, _ figures: JSON?) -> JSON {
        var row: JSON = [
            "month": .text(report.text("month")), "account": .text(report.text("account")),
            "pk": .text(pk), "name": .text(name),
        ]
        guard case .object(let members)? = figures else { return row }
        for member in members { row.add(member.name, member.value) }
        return row
    }
}

/// For the program, which has the document from the API.
public enum AccountReport {
    /// A page to be printed, as UTF-8.
    public static func page(of report: JSON, inChinese: Bool) -> [UInt8] {
        ReportPage(report: report, language: inChinese ? .chinese : .english).document.bytes
    }

    /// RFC 4180: a row for each product, and the total in the last one.
    public static func csv(of report: JSON) -> [UInt8] {
        Array(ReportPage(report: report, language: .english).csv.utf8)
    }
}
