import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import NIOCore

/// A column of a list.
struct Column {
    let title: Word
    var isNumber = false
    let cell: (JSON) -> HTML
}

/// A list of the API on a page: a table with what it can be searched for, its further parts, and a way to have it as CSV.
struct ListSpec {
    let operation: String
    var path: [String: String] = [:]

    /// What is asked for besides.
    var fixed: ConsoleRequest.Fields = []

    /// Parameters that a person can set.
    var filters: [(name: String, label: Word)] = []
    let columns: [Column]
    let title: Word
    var limit = 100
}

extension ConsoleRequest {
    func list(_ spec: ListSpec) async throws -> HTML {
        let set = spec.filters.compactMap { filter in
            asked(filter.name).map { (name: filter.name, value: $0) }
        }
        let route = Console.route(spec.operation)
        for name in spec.fixed.map({ $0.name }) + spec.filters.map({ $0.name }) {
            precondition(route.takes(name), "\(spec.operation) has no parameter \(name)")
        }
        var query = spec.fixed + set
        if route.isPaged {
            query.append(("limit", String(spec.limit)))
            if let cursor = asked("cursor") { query.append(("cursor", cursor)) }
        }
        var html = filters(spec, isSet: !set.isEmpty)
        let part: JSON
        do {
            part = try await get(spec.operation, spec.path, query)
        } catch let problem as Problem
            where problem.status == .unprocessableContent || problem.reason == .unknownCursor
        {
            return html + alert(problem)
        }
        let items = part["items"]?.array ?? []
        let cursor = part["cursor"]?.text
        if items.isEmpty {
            html += "<p class=\"empty\">\(t(cursor == nil ? .nothingHere : .nothingInThisPart))</p>"
        } else {
            html += table(spec.columns, items, title: spec.title)
        }
        html += "<p class=\"pages\">"
        if asked("cursor") != nil {
            html += "<a href=\"\(ConsoleLink(segments, set).text)\">\(t(.firstPage))</a>"
        }
        if let cursor {
            html +=
                "<a rel=\"next\" href=\"\(ConsoleLink(segments, set + [("cursor", cursor)]).text)\">\(t(.nextPage))</a>"
        }
        return html + export(spec.operation, spec.path, spec.fixed + set) + "</p>"
    }

    /// A link to a whole list as CSV.
    private func export(_ operation: String, _ path: [String: String], _ query: Fields) -> HTML {
        let place = path.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        let link = ConsoleLink(["csv", operation], place + query)
        return "<a href=\"\(link.text)\" download>\(t(.exportCSV))</a>"
    }

    /// The same below what is shown of the list elsewhere than in a list of its own.
    func csvLink(_ operation: String, _ path: [String: String] = [:], _ query: Fields = []) -> HTML
    {
        may(operation) ? "<p class=\"pages\">\(export(operation, path, query))</p>" : HTML()
    }

    /// A table that scrolls by itself on a narrow screen.
    func table(_ columns: [Column], _ items: [JSON], title: Word) -> HTML {
        var html: HTML =
            "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"\(t(title))\"><table><thead><tr>"
        for column in columns {
            let mark: HTML = column.isNumber ? " class=\"number\"" : ""
            html += "<th scope=\"col\"\(mark)>\(t(column.title))</th>"
        }
        html += "</tr></thead><tbody>"
        for item in items {
            html += "<tr>"
            for column in columns {
                let mark: HTML = column.isNumber ? " class=\"number\"" : ""
                html += "<td\(mark)>\(column.cell(item))</td>"
            }
            html += "</tr>"
        }
        return html + "</tbody></table></div>"
    }

    private func filters(_ spec: ListSpec, isSet: Bool) -> HTML {
        guard !spec.filters.isEmpty else { return HTML() }
        let declared = Console.route(spec.operation).operation.query
        var html: HTML = "<form class=\"filters\" role=\"search\" method=\"get\">"
        for filter in spec.filters {
            let schema = declared.first { $0.name == filter.name }?.schema ?? .anyText
            let value = asked(filter.name) ?? ""
            html +=
                "<div class=\"field\"><label for=\"f-\(filter.name)\">\(t(filter.label))</label>"
            if let options = schema.choices(self) {
                html +=
                    "<select id=\"f-\(filter.name)\" name=\"\(filter.name)\"><option value=\"\">\(t(.all))</option>"
                for option in options {
                    let mark: HTML = option.value == value ? " selected" : ""
                    html += "<option value=\"\(option.value)\"\(mark)>\(option.text)</option>"
                }
                html += "</select></div>"
            } else {
                html +=
                    "<input id=\"f-\(filter.name)\" name=\"\(filter.name)\" value=\"\(value)\"\(schema.attributes)></div>"
            }
        }
        html += "<div class=\"field\"><button>\(t(.search))</button></div>"
        if isSet {
            html += "<a class=\"clear\" href=\"\(ConsoleLink(segments).text)\">\(t(.clear))</a>"
        }
        return html + "</form>"
    }
}

/// Cells.
extension ConsoleRequest {
    func column(_ title: Word, _ path: String) -> Column {
        Column(title: title) { "\($0.text(path))" }
    }

    func code(_ title: Word, _ path: String) -> Column {
        Column(title: title) { "<code>\($0.text(path))</code>" }
    }

    func number(_ title: Word, _ path: String) -> Column {
        Column(title: title, isNumber: true) { item in
            item.at(path) == nil ? "" : "\(grouped(item.number(path)))"
        }
    }

    func time(_ title: Word, _ path: String) -> Column {
        Column(title: title) { time($0.text(path)) }
    }

    func named(_ title: Word, _ path: String) -> Column {
        Column(title: title) { item in item.at(path) == nil ? "" : badge(item.text(path)) }
    }

    /// `2026-11-29 17:30` of a time of the API, which is UTC.
    func time(_ text: String) -> HTML {
        guard text.utf8.count >= 16 else { return "\(text)" }
        let short = String(text.prefix(16)).replacing("T", with: " ")
        return "<time datetime=\"\(text)\">\(short)</time>"
    }

    func grouped(_ number: Int64) -> String { number.grouped }

    /// The API's name of something, in the reader's language.
    func label(_ name: String) -> String {
        language.label(of: name) ?? AlertKind(named: name)?.title(in: language) ?? name
    }

    func badge(_ name: String) -> HTML {
        switch name {
        case "active", "true", "succeeded", "done", "delivered", "online", "sent", "finished":
            "<span class=\"badge good\">\(label(name))</span>"
        case "disabled", "failed", "abandoned", "refused", "given-up", "ending", "overdue":
            "<span class=\"badge bad\">\(label(name))</span>"
        default: "<span class=\"badge\">\(label(name))</span>"
        }
    }

    func link(_ segments: [String], _ query: Fields = [], _ text: String) -> HTML {
        "<a href=\"\(ConsoleLink(segments, query).text)\">\(text)</a>"
    }

    /// How many of how many, as a bar and in numbers.
    func progress(_ part: Int64, of all: Int64, _ title: Word) -> HTML {
        guard all > 0 else { return "\(grouped(part))" }
        return """
            <progress max="\(String(all))" value="\(String(part))" aria-label="\(t(title))"></progress> \(grouped(part)) / \(grouped(all))
            """
    }

    /// A large figure with its name.
    func figure(_ title: Word, _ value: Int64, _ more: HTML = HTML()) -> HTML {
        "<div class=\"figure\"><dt>\(t(title))</dt><dd>\(grouped(value))\(more.isEmpty ? HTML() : "<small>\(more)</small>")</dd></div>"
    }

    /// What a thing is, line by line; lines without a value are left out.
    func facts(_ lines: [(Word, HTML)]) -> HTML {
        var html: HTML = "<dl class=\"facts\">"
        for (title, value) in lines where !value.isEmpty {
            html += "<div><dt>\(t(title))</dt><dd>\(value)</dd></div>"
        }
        return html + "</dl>"
    }

    func card(_ title: Word, _ body: HTML) -> HTML { card(t(title), body) }

    func card(_ title: String, _ body: HTML) -> HTML {
        body.isEmpty ? HTML() : "<section class=\"card\"><h2>\(title)</h2>\(body)</section>"
    }

    /// What users have noted about something (a document's `metadata`), and forms to change it.
    func metadata(of document: JSON, _ operation: String, _ path: [String: String]) -> HTML {
        var entries: [JSON] = []
        if case .object(let members) = document.at("metadata") ?? .null {
            entries = members.map { ["key": .text($0.name), "value": $0.value] }
        }
        var html: HTML = "<p class=\"soft\">\(t(.metadataHint))</p>"
        if !entries.isEmpty {
            let remove = Column(title: .actions) { entry in
                form(
                    FormSpec(
                        operation: operation, path: path,
                        fixed: [(ConsoleForm.entryKey, entry.text("key"))], submit: .remove,
                        look: .row))
            }
            html += table(
                [code(.metadataKey, "key"), column(.value, "value")]
                    + (may(operation) ? [remove] : []), entries, title: .metadata)
        }
        html += form(
            FormSpec(
                operation: operation, path: path,
                fields: [
                    .init(name: ConsoleForm.entryKey, label: .metadataKey),
                    .init(name: ConsoleForm.entryValue, label: .value),
                ], submit: .save))
        return card(.metadata, html)
    }

    /// A form that is folded until it is wanted; open when it was just refused.
    func folded(_ title: Word, _ spec: FormSpec) -> HTML {
        let form = form(spec)
        guard !form.isEmpty else { return form }
        let mark: HTML = failure?.form == spec.id ? " open" : ""
        return "<details class=\"fold\"\(mark)><summary>\(t(title))</summary>\(form)</details>"
    }
}

extension Int64 {
    /// `1,234,567`
    var grouped: String {
        var (text, rest) = ("", String(magnitude))
        while rest.utf8.count > 3 {
            text = ",\(rest.suffix(3))\(text)"
            rest.removeLast(3)
        }
        return (self < 0 ? "-" : "") + rest + text
    }
}
