import CYAML

/// A value of a YAML document, with the line that it begins in.
indirect enum YAML: Sendable {
    /// - Parameter isNull: left out, `~`, or `null`, without quotation marks.
    case scalar(String, isNull: Bool, line: Int)
    case sequence([YAML], line: Int)
    case mapping([(key: YAML, value: YAML)], line: Int)

    /// From 1.
    var line: Int {
        switch self {
        case .scalar(_, _, let line), .sequence(_, let line), .mapping(_, let line): line
        }
    }

    /// Of a scalar.
    var text: String? {
        guard case .scalar(let text, _, _) = self else { return nil }
        return text
    }

    var isNull: Bool {
        guard case .scalar(_, let isNull, _) = self else { return false }
        return isNull
    }

    /// Why a text can't be read.
    enum Problem: Error, Equatable {
        case syntax(String, line: Int)

        /// Keys that a mapping has more than once, sorted.
        case duplicateKeys([String], line: Int)
    }

    /// The only document of a text; `nil` when there is none.
    ///
    /// An alias (`*name`) is the value that it names. Merge keys (`<<`) are keys like others.
    static func document(in text: String) throws(Problem) -> YAML? {
        var parser = YAMLParser(text)
        return try parser.document()
    }
}

/// libyaml's events, put together to values: `yaml_parser_parse`.
@safe
private struct YAMLParser: ~Copyable {
    // Safe: made by `init`, closed by `deinit`, used by nothing else.
    private let parser: UnsafeMutablePointer<cyaml_parser>
    private var anchors: [String: YAML] = [:]
    private var depth = 0

    /// Values within values.
    private static let depthMaximum = 64

    init(_ text: String) {
        let bytes = Array(text.utf8)
        // Safe: the text is copied during the call.
        let parser = unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe cyaml_open(bytes.baseAddress, bytes.count)
        }
        guard let parser = unsafe parser else { fatalError("memory is short") }
        unsafe self.parser = unsafe parser
    }

    deinit { unsafe cyaml_close(parser) }

    mutating func document() throws(YAML.Problem) -> YAML? {
        // What begins the stream, and the document.
        _ = try next()
        guard try next().type == YAML_DOCUMENT_START_EVENT else { return nil }
        let root = try value(at: try next())
        // What ends the document.
        _ = try next()
        let event = try next()
        guard event.type == YAML_STREAM_END_EVENT else {
            throw .syntax("there is another document", line: event.line)
        }
        return root
    }

    /// An event, with texts of its own.
    private struct Event {
        let type: yaml_event_type_t
        let line: Int
        let text: String
        let anchor: String?
        let tag: String?
        let isPlain: Bool
    }

    private mutating func next() throws(YAML.Problem) -> Event {
        var event = unsafe cyaml_event()
        // Safe: the texts live until the next call, and are copied at once; libyaml gives UTF-8.
        guard unsafe cyaml_next(parser, &event) == 1 else {
            throw .syntax(
                unsafe String(cString: cyaml_problem(parser)),
                line: Int(unsafe cyaml_problem_line(parser)))
        }
        let text = unsafe UnsafeBufferPointer(start: event.text, count: event.count)
        return Event(
            type: yaml_event_type_t(rawValue: UInt32(unsafe event.type)),
            line: Int(unsafe event.line), text: unsafe String(decoding: text, as: UTF8.self),
            anchor: unsafe event.anchor.map { unsafe String(cString: $0) },
            tag: unsafe event.tag.map { unsafe String(cString: $0) },
            isPlain: unsafe event.is_plain != 0)
    }

    private mutating func value(at event: Event) throws(YAML.Problem) -> YAML {
        if event.type == YAML_ALIAS_EVENT {
            guard let value = anchors[event.anchor ?? ""] else {
                throw .syntax("found undefined alias", line: event.line)
            }
            return value
        }
        guard depth < Self.depthMaximum else {
            throw .syntax("values are nested too deeply", line: event.line)
        }
        depth += 1
        defer { depth -= 1 }
        let value: YAML =
            switch event.type {
            case YAML_SEQUENCE_START_EVENT: .sequence(try elements(), line: event.line)
            case YAML_MAPPING_START_EVENT: .mapping(try members(), line: event.line)
            default: .scalar(event.text, isNull: Self.isNull(event), line: event.line)
            }
        if let anchor = event.anchor { anchors[anchor] = value }
        return value
    }

    private mutating func elements() throws(YAML.Problem) -> [YAML] {
        var elements: [YAML] = []
        while true {
            let event = try next()
            if event.type == YAML_SEQUENCE_END_EVENT { return elements }
            elements.append(try value(at: event))
        }
    }

    private mutating func members() throws(YAML.Problem) -> [(key: YAML, value: YAML)] {
        var members: [(key: YAML, value: YAML)] = []
        var lines: [String: Int] = [:]
        var duplicates: Set<String> = []
        while true {
            let event = try next()
            if event.type == YAML_MAPPING_END_EVENT { break }
            let key = try value(at: event)
            if let text = key.text {
                if lines[text] == nil { lines[text] = key.line } else { duplicates.insert(text) }
            }
            members.append((key, try value(at: try next())))
        }
        let names = duplicates.sorted()
        if let first = names.first { throw .duplicateKeys(names, line: lines[first] ?? 0) }
        return members
    }

    /// YAML 1.2.2, 10.3.2 (the core schema): a tag that is written out decides, else the text.
    private static func isNull(_ event: Event) -> Bool {
        if let tag = event.tag, tag != "!" { return tag == "tag:yaml.org,2002:null" }
        return event.tag == nil && event.isPlain
            && ["", "~", "null", "Null", "NULL"].contains(event.text)
    }
}
