import Bytes

/// Whom a listener lets open a WebSocket.
public struct HandshakePolicy: Sendable, Equatable {
    /// What a client must ask for: `/mqtt`. A query behind it is not looked at.
    let path: [UInt8]

    /// Which pages may connect.
    enum Origins: Sendable, Equatable {
        /// Those of the host that the request names.
        case same
        case any
        case listed([[UInt8]])
    }

    let origins: Origins

    /// - Parameter origins: of pages that may connect, as browsers write them: `https://a.example`,
    ///   with a port when it is not the scheme's own, or `null`. `*` is any page. With none, a page
    ///   must come from the host that it connects to.
    public init(path: String = "/mqtt", origins: [String] = []) {
        self.path = Array(path.utf8)
        self.origins =
            origins.isEmpty
            ? .same : origins.contains("*") ? .any : .listed(origins.map { Array($0.utf8) })
    }

    /// Whether a page of that origin may connect (RFC 6455, 4.2.2 and 10.2).
    func admits(origin: Span<UInt8>, host: Span<UInt8>) -> Bool {
        switch origins {
        case .any: return true
        case .same:
            for scheme in [[UInt8]("http://".utf8), [UInt8]("https://".utf8)]
            where origin.hasPrefixIgnoringCase(scheme.span) {
                let authority = origin.extracting(droppingFirst: scheme.count)
                if authority.isEqualIgnoringCase(to: host) { return true }
            }
            return false
        case .listed(let origins):
            return origins.contains { origin.isEqualIgnoringCase(to: $0.span) }
        }
    }
}
