/// Why bytes are not a packet: the rule they break, and where.
public struct DecodingError: Error, Equatable, Sendable, CustomStringConvertible {
    public let violation: Violation

    /// Where the field begins that breaks the rule: bytes from the start of what was decoded (a
    /// packet for `Framing`, a body for a packet's decoder).
    public let offset: Int

    @inlinable
    public init(_ violation: Violation, at offset: Int) {
        self.violation = violation
        self.offset = offset
    }

    /// The reason code the standard asks for, for a CONNACK or a DISCONNECT.
    public var reason: ReasonCode { violation.reason }

    /// The rule in words, its statement or clause first.
    public var what: String { violation.rawValue }

    public var description: String { "\(what) (at byte \(offset))" }
}
