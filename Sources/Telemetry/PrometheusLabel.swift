/// A label of a sample: a name of the program's own, and any text as its value.
public struct PrometheusLabel: Equatable, Sendable {
    public let name: String
    public let value: String

    /// - Parameter name: `[a-zA-Z_][a-zA-Z0-9_]*`, not beginning with two underscores; traps
    ///   otherwise.
    public init(_ name: String, _ value: String) {
        precondition(Self.isName(name) && !name.hasPrefix("__"), "not a label name")
        self.name = name
        self.value = value
    }

    static func isName(_ name: String, colons: Bool = false) -> Bool {
        guard let first = name.utf8.first, !isDigit(first) else { return false }
        return name.utf8.allSatisfy { byte in
            isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "_")
                || (colons && byte == UInt8(ascii: ":"))
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
