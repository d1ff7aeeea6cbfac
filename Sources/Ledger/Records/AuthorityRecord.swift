public import Bytes
public import Cryptography
public import Storage
public import Time

/// An account's authority as the books keep it.
public struct AuthorityRecord: StorageRecord, Hashable, Sendable {
    public let account: AccountID
    public let name: String

    /// DER.
    public let certificate: [UInt8]

    /// The certificate's subject, for people.
    public let subject: String
    public let notBefore: Timestamp
    public let notAfter: Timestamp

    /// Whether it vouches for devices.
    public internal(set) var isOn: Bool
    public let registeredAt: Timestamp

    /// An authority as the command makes it.
    init(_ authority: NewAuthority, registeredAt: Timestamp) {
        account = authority.account
        name = authority.name
        certificate = authority.certificate
        subject = authority.subject
        notBefore = authority.notBefore
        notAfter = authority.notAfter
        isOn = true
        self.registeredAt = registeredAt
    }

    /// Whether it vouches for devices at that time.
    public func vouches(at time: Timestamp) -> Bool {
        isOn && notBefore <= time && time <= notAfter
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            Version.v1, account, name, certificate, subject, notBefore, notAfter, isOn,
            registeredAt)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "authority") {
        case .v1:
            account = try reader.take()
            name = try reader.take()
            certificate = try reader.take()
            subject = try reader.take()
            notBefore = try reader.take()
            notAfter = try reader.take()
            isOn = try reader.take()
            registeredAt = try reader.take()
        }
    }
}

extension AuthorityID {
    /// Of a certificate by the SHA-256 digest of its DER.
    public init(_ fingerprint: SHA256Digest) {
        self.init(checked: Hexadecimal.text(of: fingerprint.span))
    }
}
