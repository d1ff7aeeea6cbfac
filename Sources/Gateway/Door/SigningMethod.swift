import Bytes
import Cryptography
import Ledger

/// The hash that a device of Alibaba Cloud's signs with: `signmethod` of its client id.
enum SigningMethod: Equatable {
    case sha256, sha1, md5

    init?(_ name: Span<UInt8>) {
        if name.isEqual(to: "hmacsha256") {
            self = .sha256
        } else if name.isEqual(to: "hmacsha1") {
            self = .sha1
        } else if name.isEqual(to: "hmacmd5") {
            self = .md5
        } else {
            return nil
        }
    }

    /// Whether `text` is the code of the message in hexadecimal, in a time that does not depend on where it differs.
    func isCode(_ text: Span<UInt8>, of message: Span<UInt8>, key: Span<UInt8>) -> Bool {
        switch self {
        case .sha256:
            var code = HMACSHA256(key: key)
            code.update(message)
            return code.finalize().matches(hexadecimal: text)
        case .sha1: return WeakHMAC.sha1.isCode(text, of: message, key: key)
        case .md5: return WeakHMAC.md5.isCode(text, of: message, key: key)
        }
    }

    fileprivate var kind: ProofKind {
        switch self {
        case .sha256: .alibabaSHA256
        case .sha1: .alibabaSHA1
        case .md5: .alibabaMD5
        }
    }
}

extension Claim.Credential {
    /// Whether a product accepts it that accepts those kinds. A certificate is the listener's to accept.
    func isAccepted(_ kinds: ProofKinds) -> Bool {
        switch self {
        case .signature, .registration: kinds.contains(.tollgate) || kinds.contains(.alibabaSHA256)
        case .secret: kinds.contains(.tollgate)
        case .certificate: true
        case .alibaba(let method), .alibabaRegistration(let method): kinds.contains(method.kind)
        case .accessToken: kinds.contains(.azureSAS)
        case .plainSecret: kinds.contains(.plain)
        case .webToken: kinds.contains(.jwt)
        case .preSharedKey: kinds.contains(.psk)
        }
    }

    /// Why it is refused where it is not accepted: as where it is not known at all, but to a device that has proved itself.
    var reasonNotAccepted: Reason {
        switch self {
        case .preSharedKey: .preSharedKeyNotAccepted
        case .alibaba, .alibabaRegistration: .clientIdentifierNotValid
        case .signature, .secret, .registration, .certificate, .accessToken, .plainSecret,
            .webToken:
            .badCredentials
        }
    }
}
