/// How a property's value is written (1.5).
public enum PropertyRepresentation: UInt8, Sendable, CaseIterable {
    /// One byte; every property of one byte is 0 or 1.
    case boolean
    case twoByteInteger
    case fourByteInteger
    case variableByteInteger
    case string
    case binary
    case stringPair
}
