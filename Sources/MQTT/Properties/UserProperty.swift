/// A name and a value that the standard gives no meaning (3.1.2.11.8), both valid UTF-8.
@frozen
public struct UserProperty: ~Escapable {
    public let name: Span<UInt8>
    public let value: Span<UInt8>

    @inlinable
    @_lifetime(copy name, copy value)
    init(name: Span<UInt8>, value: Span<UInt8>) {
        self.name = name
        self.value = value
    }
}
