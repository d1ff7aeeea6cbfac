/// Where the connections of a context take the traffic secrets of TLS 1.3 from, which their records need once OpenSSL
/// has shaken hands. TLS 1.2 needs none.
public enum SecretSource: Sendable, Equatable, CaseIterable {
    /// Nowhere: sessions of TLS 1.3 stay with OpenSSL.
    case none

    /// OpenSSL's key log, SSL_CTX_set_keylog_callback(3). It writes five lines a handshake, with one sprintf a byte.
    case keyLog

    func install(in context: OpaquePointer) {
        switch self {
        case .none: break
        // Safe: the context is being made, so no other thread has it.
        case .keyLog: unsafe TrafficSecrets.logKeys(of: context)
        }
    }
}
