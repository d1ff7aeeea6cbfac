/// How important a line is; `GatewayConfiguration.Log.Level` names the least that is written.
public typealias LogLevel = GatewayConfiguration.Log.Level

extension LogLevel: Comparable {
    private var rank: Int {
        switch self {
        case .trace: 0
        case .debug: 1
        case .info: 2
        case .notice: 3
        case .warning: 4
        case .error: 5
        case .critical: 6
        }
    }

    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}

/// A line of the log, in words: what the program writes, as text or as JSON.
public struct LogLine: Equatable, Sendable {
    /// A name and its value, `reason` and `no-code-left`.
    public struct Field: Equatable, Sendable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public let level: LogLevel
    public let message: String
    public let fields: [Field]

    public init(level: LogLevel, message: String, fields: [Field] = []) {
        self.level = level
        self.message = message
        self.fields = fields
    }
}
