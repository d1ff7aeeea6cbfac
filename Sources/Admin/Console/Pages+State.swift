import Gateway
import Ledger

/// What a device is to be, and what it says that it is.
extension ConsoleRequest {
    func deviceDocuments(_ path: [String: String]) async throws -> HTML {
        let state = try await get("showState", path)
        func document(_ name: String) -> String { (state.at(name) ?? [:]).indented }
        let version = state.text("desiredVersion")
        var html = facts([
            (.desired, "<pre tabindex=\"0\">\(document("desired"))</pre>"),
            (.desiredVersion, "\(version)"),
            (.stateChangedAt, time(state.text("desiredChangedAt"))),
            (.confirmedVersion, "\(state.text("confirmedVersion"))"),
            (.reported, "<pre tabindex=\"0\">\(document("reported"))</pre>"),
            (.reportedVersion, "\(state.text("reportedVersion"))"),
            (.stateReportedAt, time(state.text("reportedChangedAt"))),
        ])
        let edits: [(title: Word, operation: String, text: String, hint: Word)] = [
            (.changeDesired, "changeState", "{}", .changeDesiredHint),
            (.replaceDesired, "setState", document("desired"), .replaceDesiredHint),
        ]
        for edit in edits {
            html += folded(
                edit.title,
                FormSpec(
                    operation: edit.operation, path: path,
                    fields: [
                        .init(
                            name: "desired", label: .desired, value: edit.text, hint: edit.hint,
                            isLong: true),
                        .init(
                            name: "version", label: .desiredVersion, value: version,
                            hint: .desiredVersionHint),
                    ], submit: .save))
        }
        return html
    }
}

extension JSON {
    /// As JSON text with a member or an element a line, two spaces deeper for each level.
    var indented: String { indented(by: "") }

    private func indented(by space: String) -> String {
        let inner = space + "  "
        func lines(_ first: String, _ lines: [String], _ last: String) -> String {
            "\(first)\n" + lines.map { inner + $0 }.joined(separator: ",\n") + "\n\(space)\(last)"
        }
        switch self {
        case .object(let members) where !members.isEmpty:
            return lines(
                "{",
                members.map { member in
                    let name = String(decoding: JSON.text(member.name).bytes, as: UTF8.self)
                    return "\(name): \(member.value.indented(by: inner))"
                }, "}")
        case .array(let elements) where !elements.isEmpty:
            return lines("[", elements.map { $0.indented(by: inner) }, "]")
        case .null, .bool, .integer, .number, .text, .object, .array:
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}
