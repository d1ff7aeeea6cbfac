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

/// What the books keep of an authority's list of revoked certificates; these have a table of their own.
public struct RevocationListRecord: StorageRecord, Hashable, Sendable {
    /// A list may be without one.
    public let number: AuthorityNumber?
    public let thisUpdate: Timestamp

    /// When the next one comes, if it says so.
    public let nextUpdate: Timestamp?

    /// How many certificates it names.
    public let count: UInt64

    /// When the books took it.
    public let takenAt: Timestamp

    init(_ list: RevocationList, takenAt: Timestamp) {
        number = list.number
        thisUpdate = list.thisUpdate
        nextUpdate = list.nextUpdate
        count = UInt64(list.serials.count)
        self.takenAt = takenAt
    }

    /// Whether a list comes before this one, as it was made earlier, or has a smaller number, or none.
    func isNewer(than list: RevocationList) -> Bool {
        if list.thisUpdate < thisUpdate { return true }
        guard let number else { return false }
        return list.number.map { $0 < number } ?? true
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, number, thisUpdate, nextUpdate, count, takenAt)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "revocation list") {
        case .v1:
            number = try reader.take()
            thisUpdate = try reader.take()
            nextUpdate = try reader.take()
            count = try reader.take()
            takenAt = try reader.take()
        }
    }
}
