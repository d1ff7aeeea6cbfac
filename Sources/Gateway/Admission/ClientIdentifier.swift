import Bytes

/// The client identifier of a device that signs: `{PK}.{DK}|key=value,key=value|` (wire.md, "Who
/// connects"). Borrowed from the CONNECT; nothing is allocated.
struct SignedClientIdentifier: ~Escapable {
    /// `{PK}.{DK}`: what stands before the first `|`.
    let name: Span<UInt8>
    private let parameters: Span<UInt8>

    /// `nil` when the identifier does not end in a parameter list between bars.
    @_lifetime(copy clientID)
    init?(_ clientID: Span<UInt8>) {
        guard let bar = clientID.firstIndex(of: UInt8(ascii: "|")), bar + 1 < clientID.count,
            clientID[clientID.count - 1] == UInt8(ascii: "|")
        else { return nil }
        name = clientID.extracting(0..<bar)
        parameters = clientID.extracting(bar + 1..<max(bar + 1, clientID.count - 1))
    }

    /// The value of the first parameter of that name, or `nil`.
    @_lifetime(copy self)
    func value(_ name: StaticString) -> Span<UInt8>? {
        var start = 0
        while start < parameters.count {
            var end = start
            while end < parameters.count, parameters[end] != UInt8(ascii: ",") { end += 1 }
            let parameter = parameters.extracting(start..<end)
            if let equals = parameter.firstIndex(of: UInt8(ascii: "=")),
                parameter.extracting(0..<equals).isEqual(to: name)
            {
                return parameter.extracting(equals + 1..<parameter.count)
            }
            start = end + 1
        }
        return nil
    }
}

extension Span where Element == UInt8 {
    /// Whether these bytes are that text's UTF-8.
    func isEqual(to text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return hasPrefix(text)
    }

    /// Whether these bytes begin with that text's UTF-8.
    func hasPrefix(_ text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        // Safe: a static string's UTF-8 lives as long as the program.
        return text.withUTF8Buffer { bytes in
            for index in 0..<bytes.count where unsafe bytes[index] != self[index] { return false }
            return true
        }
    }
}
