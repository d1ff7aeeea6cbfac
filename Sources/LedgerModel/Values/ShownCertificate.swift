package import Bytes
package import Encoding

/// Names a certificate by the SHA-256 digest of its DER: 64 of `[0-9a-f]`.
public struct CertificateFingerprint: Identifier {
    public let text: String

    public init(checked text: String) { self.text = text }

    public static func allows(_ byte: UInt8) -> Bool { AuthorityID.allows(byte) }
}

/// A certificate that a device has shown, and that TLS has verified.
public struct ShownCertificate: Hashable, Sendable {
    /// Of an account's, that has signed it; `nil`: it is by one of the gateway's own.
    public let authority: AuthorityID?
    public let fingerprint: CertificateFingerprint

    public init(authority: AuthorityID?, fingerprint: CertificateFingerprint) {
        self.authority = authority
        self.fingerprint = fingerprint
    }
}

extension ShownCertificate: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: authority, fingerprint)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(authority:fingerprint:))
    }
}
