public import Gateway
import Linux
public import Logging
import Time

/// Writes lines of the log, as text for people or JSON for programs: what swift-log calls a handler.
public struct LogWriter: LogHandler {
    private let format: GatewayConfiguration.Log.Format
    private let write: @Sendable ([UInt8]) -> Void
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]

    /// - Parameter write: takes one line with its end, whole; `write(2)` on standard error.
    public init(
        _ configuration: GatewayConfiguration.Log,
        write: @escaping @Sendable ([UInt8]) -> Void
    ) {
        format = configuration.format
        logLevel = Logger.Level(configuration.level)
        self.write = write
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let given = metadata.merging(event.metadata ?? [:]) { $1 }
        var fields = given.map { LogLine.Field($0.key, "\($0.value)") }
        fields.sort { Self.rank($0.name) < Self.rank($1.name) }
        let line =
            switch format {
            case .text: Self.text(.now(), event.level, event.message, fields)
            case .json: Self.json(.now(), event.level, event.message, fields)
            }
        write(line)
    }

    /// What is looked for first stands first.
    private static let order = ["reason", "product", "device", "client", "account", "address"]

    private static func rank(_ name: String) -> (Int, String) {
        (order.firstIndex(of: name) ?? order.count, name)
    }

    /// `2026-11-21T08:15:30.250Z info connection refused reason=no-code-left product=lamp device=d1`
    private static func text(
        _ time: Timestamp,
        _ level: Logger.Level,
        _ message: Logger.Message,
        _ fields: [LogLine.Field]
    ) -> [UInt8] {
        var line = "\(time) \(level.rawValue) \("\(message)".printable())"
        for field in fields { line += " \(field.name)=\(quoted(field.value))" }
        return Array("\(line)\n".utf8)
    }

    private static func json(
        _ time: Timestamp,
        _ level: Logger.Level,
        _ message: Logger.Message,
        _ fields: [LogLine.Field]
    ) -> [UInt8] {
        var line: JSON = [
            "time": JSON(time), "level": .text(level.rawValue), "message": .text("\(message)"),
        ]
        for field in fields { line.add(field.name, .text(field.value)) }
        return line.bytes + [UInt8(ascii: "\n")]
    }

    /// In quotes, if a reader could take it for something else. What a client calls itself may hold anything.
    private static func quoted(_ value: String) -> String {
        let isPlain =
            !value.isEmpty
            && value.unicodeScalars.allSatisfy { $0.value > 0x20 && $0 != "\"" && $0 != "=" }
        let text = value.printable()
        return isPlain && text == value
            ? text : "\"\(text.replacing("\"", with: "\\\""))\""
    }
}

extension Logger.Level {
    public init(_ level: LogLevel) {
        self =
            switch level {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            case .critical: .critical
            }
    }
}

extension Logger {
    /// Writes a line of the data plane.
    public func write(_ line: LogLine) {
        let metadata = Metadata(
            uniqueKeysWithValues: line.fields.map { ($0.name, .string($0.value)) })
        log(level: Level(line.level), "\(line.message)", metadata: metadata)
    }
}
