import Gateway
import HTTPTypes
import Hummingbird
import NIOCore

/// A form of a page: an operation of the API, and which of its members a person fills in. What each may be, and whether
/// the form is shown at all, the operation's declaration says.
struct FormSpec {
    enum Look { case plain, primary, danger, row }

    struct Field {
        let name: String
        let label: Word
        var value = ""

        /// What can be chosen: values, with what is shown.
        var options: [(value: String, text: String)]?
        var hint: Word?

        /// Of a text with line ends.
        var isLong = false

        /// Of such a text: it can be taken out of a file.
        var isFile = false

        /// As many of `options` as are wanted; `value` has those that are set, with spaces between.
        var isSet = false

        /// What is wrong with a value, where the page knows better than the API's words: in the reader's language.
        var fault: (@Sendable (String) -> String?)?
    }

    /// The one file of a form, which is its last part.
    struct Upload {
        let label: Word

        /// What the browser offers to choose.
        let types: String

        /// How many bytes the file may have.
        let maximum: Int
    }

    let operation: String
    var path: [String: String] = [:]
    var fields: [Field] = []

    /// Members that are not asked for.
    var fixed: [(name: String, value: String)] = []
    let submit: Word

    /// The page behind it; by default the same again.
    var next: ConsoleLink?

    /// What is said of it: what it ends, for example.
    var note: Word?

    /// A part of the path that has to be typed again before it is done.
    var confirming: String?

    /// Another text that has to be.
    var typing: String?
    var look = Look.plain
    var upload: Upload?

    /// What has to be typed before it is done.
    fileprivate var expected: String? { typing ?? confirming.flatMap { path[$0] } }

    /// Tells the forms of a page apart.
    var id: String {
        ([operation] + path.sorted { $0.key < $1.key }.map(\.value) + fixed.map(\.value))
            .joined(separator: ":")
    }
}

extension ConsoleRequest {
    /// The form; nothing when the caller's role may not do that.
    func form(_ spec: FormSpec) -> HTML {
        guard may(spec.operation) else { return HTML() }
        let failure = failure?.form == spec.id ? failure : nil
        var html = HTML()
        let next = spec.next?.text ?? ""
        switch (spec.upload, spec.look) {
        case (let upload?, _):
            html += """
                <form method="post" enctype="multipart/form-data" class="form" data-taken="\(t(.uploadTaken))" data-failed="\(t(.uploadFailed))" data-large="\(t(.uploadLarge))" data-maximum="\(String(upload.maximum))">
                """
        case (nil, .row): html += "<form method=\"post\" class=\"row\">"
        case (nil, .plain), (nil, .primary), (nil, .danger):
            html += "<form method=\"post\" class=\"form\">"
        }
        var hidden: [(String, String)] = [
            ("_token", session.formToken), ("_operation", spec.operation), ("_form", spec.id),
            ("_once", SecretWord.made()), ("_next", next), ("_expected", spec.expected ?? ""),
        ]
        hidden += spec.path.sorted { $0.key < $1.key }.map { ("p.\($0.key)", $0.value) }
        hidden += spec.fixed.map { ($0.name, $0.value) }
        for (name, value) in hidden {
            html += "<input type=\"hidden\" name=\"\(name)\" value=\"\(value)\">"
        }
        let isTypedWrong = failure?.detail(of: "_typed") != nil
        if let failure {
            // The focus is on the field that is to be mended; where there is none, on what is said.
            let hasField = spec.fields.contains { fault(of: $0, spec, failure) != nil }
            html += alert(failure.problem, hasFocus: !hasField && !isTypedWrong)
        }
        if let note = spec.note { html += "<p class=\"soft\">\(t(note))</p>" }
        for field in spec.fields { html += input(field, of: spec, failure) }
        if let expected = spec.expected {
            let mark: HTML = isTypedWrong ? " aria-invalid=\"true\" autofocus" : ""
            html += """
                <div class="field"><label for="\(spec.id)-typed">\(t(.typeToConfirm)) <code>\(expected)</code></label>
                <input id="\(spec.id)-typed" name="_typed" autocomplete="off" required\(mark)></div>
                """
        }
        if let upload = spec.upload {
            html += """
                <div class="field"><label for="\(spec.id)-file">\(t(upload.label))</label>
                <input id="\(spec.id)-file" type="file" name="_file" accept="\(upload.types)" required>
                <small>\(t(.fileAtMost)) \(grouped(Int64(upload.maximum)))</small></div>
                <progress hidden aria-label="\(t(upload.label))"></progress><p role="status" class="soft"></p>
                """
        }
        let submit = t(spec.submit)
        switch spec.look {
        case .plain, .row: html += "<button>\(submit)</button></form>"
        case .primary: html += "<button class=\"primary\">\(submit)</button></form>"
        case .danger: html += "<button class=\"danger\">\(submit)</button></form>"
        }
        return html
    }

    /// Why a form was refused that the page does not have any more: what it was for has gone meanwhile.
    func refusalWithoutForm(on page: ConsolePage) -> HTML {
        guard let failure else { return HTML() }
        let mark: HTML = "name=\"_form\" value=\"\(failure.form)\""
        return page.body.contains(mark) ? HTML() : alert(failure.problem, hasFocus: true)
    }

    /// What was wrong with that field: in the API's words.
    private func fault(of field: FormSpec.Field, _ spec: FormSpec, _ failure: ConsoleFailure)
        -> String?
    {
        let parameter = Console.route(spec.operation).pathParameters.first {
            "p.\($0.name)" == field.name
        }
        return failure.detail(of: parameter?.name ?? field.name)
    }

    private func input(_ field: FormSpec.Field, of spec: FormSpec, _ failure: ConsoleFailure?)
        -> HTML
    {
        let id = "\(spec.id)-\(field.name)"
        let value = failure?.values[field.name] ?? field.value
        let route = Console.route(spec.operation)
        let parameter = route.pathParameters.first { "p.\($0.name)" == field.name }
        let asked = route.operation.query.first { $0.name == field.name }
        let member = route.operation.body?.json?.member(field.name)
        let schema = member?.schema ?? parameter?.schema ?? asked?.schema ?? .anyText
        let isRequired = member?.isRequired ?? asked?.isRequired ?? true
        let fault = failure.flatMap { self.fault(of: field, spec, $0) }
        // Of several faults the first one has the focus.
        let faultMarks: HTML =
            fault == nil ? "" : " aria-describedby=\"\(id)-fault\" autofocus"
        if field.isSet {
            let said = fault.flatMap { fault in
                failure.map { self.fault(fault, of: schema, $0.problem, id: id) }
            }
            return boxes(field, value, id: id, faultMarks) + (said ?? HTML())
        }
        var marks: HTML = isRequired && schema.isFilled ? " required" : ""
        if fault != nil { marks += " aria-invalid=\"true\"\(faultMarks)" }
        var html: HTML = "<div class=\"field\"><label for=\"\(id)\">\(t(field.label))</label>"
        if let options = field.options ?? schema.choices(self) {
            html += "<select id=\"\(id)\" name=\"\(field.name)\"\(marks)>"
            if !isRequired && !options.contains(where: { $0.value.isEmpty }) {
                html += "<option value=\"\"></option>"
            }
            for option in options {
                let mark: HTML = option.value == value ? " selected" : ""
                html += "<option value=\"\(option.value)\"\(mark)>\(option.text)</option>"
            }
            html += "</select>"
        } else if field.isLong {
            html +=
                "<textarea id=\"\(id)\" name=\"\(field.name)\" rows=\"4\"\(marks)>\n\(value)</textarea>"
            if field.isFile {
                html += """
                    <input type="file" hidden data-fills="\(id)" aria-label="\(t(field.label)): \(t(.outOfFile))">
                    """
            }
        } else {
            html +=
                "<input id=\"\(id)\" name=\"\(field.name)\" value=\"\(value)\" autocomplete=\"off\"\(schema.attributes)\(marks)>"
        }
        if let hint = field.hint { html += "<small>\(t(hint))</small>" }
        if let failure, let fault {
            if let words = field.fault?(value) {
                html += "<small class=\"fault\" id=\"\(id)-fault\">\(words)</small>"
            } else {
                html += self.fault(fault, of: schema, failure.problem, id: id)
            }
        }
        return html + "</div>"
    }

    /// A box for each option. The empty value is sent when none is set.
    private func boxes(_ field: FormSpec.Field, _ value: String, id: String, _ marks: HTML) -> HTML
    {
        let set = value.split { $0.isWhitespace }
        var html: HTML =
            "<fieldset id=\"\(id)\" tabindex=\"-1\"\(marks)><legend>\(t(field.label))</legend><input type=\"hidden\" name=\"\(field.name)\" value=\"\">"
        for option in field.options ?? [] {
            let mark: HTML = set.contains { $0 == option.value } ? " checked" : ""
            html += """
                <label><input type="checkbox" name="\(field.name)" value="\(option.value)"\(mark)> \(option.text)</label>
                """
        }
        if let hint = field.hint { html += "<small>\(t(hint))</small>" }
        return html + "</fieldset>"
    }

    func alert(_ problem: Problem, hasFocus: Bool = false) -> HTML {
        ConsoleFrame.alert(problem, language, hasFocus: hasFocus)
    }

    /// What is wrong with a field: by its schema, in the reader's language; else in the API's own words, behind the
    /// reader's.
    private func fault(_ detail: String, of schema: Schema, _ problem: Problem, id: String) -> HTML
    {
        let words: HTML
        if let sentence = schema.sentence(for: detail, in: language) {
            words = "\(sentence)"
        } else {
            words = "\(problem.reason.text(in: language))：<span lang=\"en\">\(detail)</span>"
        }
        return "<small class=\"fault\" id=\"\(id)-fault\">\(words)</small>"
    }
}

extension HTML {
    static func + (left: HTML, right: HTML) -> HTML { HTML([left, right]) }
}

extension Schema {
    /// Those of an object; of one with several forms, each member of any of them, which is required when it is in all.
    ///
    /// - Parameter names: of several forms, those without another required member are meant.
    func allMembers(named names: Set<String>? = nil) -> [Member] {
        guard case .either(let all) = bare else { return members }
        let meant = all.filter { form in
            form.members.allSatisfy { !$0.isRequired || names?.contains($0.name) ?? true }
        }
        let forms = meant.isEmpty ? all : meant
        var (found, known): ([Member], Set<String>) = ([], [])
        for member in forms.flatMap(\.members) where known.insert(member.name).inserted {
            let isEverywhere = forms.allSatisfy { form in
                form.members.contains { $0.name == member.name && $0.isRequired }
            }
            let schema = isEverywhere ? member.schema : .optional(member.schema)
            found.append(Member(name: member.name, schema: schema))
        }
        return found
    }

    /// A member, or one of a member: `messages.perSecond`, which is required only where both are.
    fileprivate func member(_ name: String) -> Member? {
        let names = name.split(separator: ".", maxSplits: 1)
        guard let first = names.first, let found = allMembers().first(where: { $0.name == first })
        else { return nil }
        guard names.count > 1, let inner = found.schema.member(String(names[1])) else {
            return names.count > 1 ? nil : found
        }
        guard !found.isRequired, inner.isRequired else { return inner }
        return Member(name: inner.name, schema: .optional(inner.schema))
    }

    /// Whether an empty text is none.
    fileprivate var isFilled: Bool {
        if case .text(let rule) = bare { return rule.lengths.lowerBound > 0 || rule.format != nil }
        return true
    }

    /// What a filter or a field can be set to, if that is a list.
    func choices(_ page: ConsoleRequest) -> [(value: String, text: String)]? {
        switch bare {
        case .choice(let names): names.map { ($0, page.label($0)) }
        case .flag: [("true", page.t(.yes)), ("false", page.t(.no))]
        case .optional(let schema), .nullable(let schema): schema.choices(page)
        case .text, .integer, .list, .object, .map, .either, .named, .noted: nil
        }
    }

    /// What a browser can check by itself.
    var attributes: HTML {
        switch bare {
        case .integer(let range):
            return
                " type=\"number\" min=\"\(String(range.lowerBound))\" max=\"\(String(range.upperBound))\""
        case .optional(let schema), .nullable(let schema): return schema.attributes
        case .text(let rule):
            switch rule.format {
            case .email: return " type=\"email\""
            case .day, .timeOrDay: return " type=\"date\""
            case .time: return ""
            case nil:
                let longest = rule.lengths.upperBound
                return longest < Int.max ? " maxlength=\"\(String(longest))\"" : ""
            }
        case .flag, .choice, .list, .object, .map, .either, .named, .noted: return ""
        }
    }
}

/// Forms that were sent.
extension ConsoleRequest {
    func post() async throws -> Response {
        try console.require(sameOrigin: request)
        let maximum = server.configuration.admin.requestSizeBytes
        let share = server.bodies.share()
        let form = try await ConsoleForm(request, upTo: maximum, share)
        guard Console.isSame(form["_token"] ?? "", session.formToken) else {
            throw Problem.forbidden(t(.formIsOld))
        }
        if segments.first == "sign-out" {
            console.sessions.end(sessionID)
            return console.redirect(
                to: "/console/sign-in", setting: console.cookie(console.cookieName, "", seconds: 0))
        }
        guard let route = Console.routeIfAny(form["_operation"]), route.method != .get else {
            throw Problem.notFound("no such form")
        }
        do {
            return try await carryOut(route, form, upTo: maximum, share)
        } catch let problem as Problem {
            var again = self
            again.failure = ConsoleFailure(
                form: form["_form"] ?? "", problem: problem, values: form.values)
            var response = try await again.view()
            response.status = problem.status
            return response
        }
    }

    private func carryOut(
        _ route: Route, _ form: ConsoleForm, upTo maximum: Int, _ share: BodyBudget.Share
    ) async throws -> Response {
        if let expected = form["_expected"], !expected.isEmpty, form["_typed"] != expected {
            throw Problem.invalid(t(.typedWrong))
        }
        let types = route.operation.body?.contents.map(\.type) ?? []
        let isCSV = form.file != nil && types.contains("text/csv")
        var body: (type: String, content: RequestBody)?
        if let file = form.file {
            if isCSV {
                let bytes = try await file.content(upTo: maximum, share)
                body = ("text/csv", RequestBody(buffer: ByteBuffer(bytes: bytes)))
            } else {
                // It goes through piece by piece; how long it may be the operation says.
                body = ("application/octet-stream", RequestBody(asyncSequence: file.pieces))
            }
        } else if let schema = route.operation.body?.json {
            let bytes = form.json(for: schema).bytes
            body = ("application/json", RequestBody(buffer: ByteBuffer(bytes: bytes)))
        }
        let asked = route.operation.query.compactMap { parameter in
            form[parameter.name].flatMap { $0.isEmpty ? nil : (parameter.name, $0) }
        }
        let once = (form["_once"] ?? "").utf8.count == 64 ? form["_once"] : nil
        var response = try await answer(
            of: route.operation.id, form.path, asked, body: body,
            accept: isCSV ? "text/csv" : "application/json", once: once)
        if isCSV {
            // With the secrets that were made, which are shown this once.
            response.status = .ok
            response.headers[HTTPField.Name("Content-Disposition")!] =
                "attachment; filename=\"devices.csv\""
            return response
        }
        let json = JSON(parsing: try await response.bytes()) ?? .null
        console.sessions.note(Self.notice(of: json, route), in: sessionID)
        let next = form["_next"] ?? ""
        return console.redirect(
            to: ConsoleLink.local(next.isEmpty ? request.uri.path + askedText : next))
    }

    private var askedText: String { request.uri.query.map { "?\($0)" } ?? "" }

    /// What the answer says that is not on a page afterwards.
    private static func notice(of json: JSON, _ route: Route) -> ConsoleNotice {
        var notice = ConsoleNotice(text: .done)
        if json.at("secret") != nil {
            notice.secrets = ["pk", "dk", "id", "userName", "secret", "token"]
                .filter { json.at($0) != nil }.map { ($0, json.text($0)) }
        } else if !route.operation.isRemembered {
            notice.secrets = ["outcome", "delivered", "sent", "status", "error", "answer"]
                .filter { json.at($0) != nil }.map { ($0, json.text($0)) }
        }
        return notice
    }
}
