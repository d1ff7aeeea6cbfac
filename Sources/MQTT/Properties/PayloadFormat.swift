/// What a Payload Format Indicator says of a payload (3.3.2.3.2).
public enum PayloadFormat: UInt8, Sendable, CaseIterable {
    case unspecifiedBytes = 0
    case utf8 = 1
}
