internal import COpenSSL

/// A version of the protocol that we speak; older ones are refused (RFC 8996).
public enum TLSVersion: String, Sendable, Equatable, CaseIterable {
    /// RFC 5246.
    case v1_2 = "TLSv1.2"

    /// RFC 8446.
    case v1_3 = "TLSv1.3"

    /// The number on the wire, `ProtocolVersion` of RFC 8446, B.3.1.
    var wireValue: Int32 {
        switch self {
        case .v1_2: TLS1_2_VERSION
        case .v1_3: TLS1_3_VERSION
        }
    }

    init?(wireValue: Int32) {
        switch wireValue {
        case TLS1_2_VERSION: self = .v1_2
        case TLS1_3_VERSION: self = .v1_3
        default: return nil
        }
    }
}
