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

    /// By what a list of revoked certificates knows whose it is (RFC 5280, 6.3.3): the certificate's subject and its
    /// public key, as DER. `nil` of bytes that are no certificate.
    var issuer: ArraySlice<UInt8>? {
        // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serialNumber, signature, issuer, validity,
        // subject, subjectPublicKeyInfo, ... (RFC 5280, 4.1).
        guard var fields = DERElement(certificate[...])?.content,
            let toBeSigned = DERElement(fields)
        else { return nil }
        fields = toBeSigned.content
        var before = 4
        if fields.first == 0xA0 { before += 1 }
        for _ in 0..<before {
            guard let field = DERElement(fields) else { return nil }
            fields = field.rest
        }
        guard let subject = DERElement(fields), let key = DERElement(subject.rest) else {
            return nil
        }
        return fields[..<key.rest.startIndex]
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

/// One element of DER (X.690, 8.1): its content, and what comes behind it.
private struct DERElement {
    let content: ArraySlice<UInt8>
    let rest: ArraySlice<UInt8>

    /// `nil` when the bytes end too early, or the length has more than four bytes.
    init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count >= 2 else { return nil }
        var start = bytes.startIndex + 2
        var length = Int(bytes[start - 1])
        if length >= 0x80 {
            let count = length - 0x80
            guard (1...4).contains(count), bytes.endIndex - start >= count else { return nil }
            length = bytes[start..<start + count].reduce(0) { $0 << 8 | Int($1) }
            start += count
        }
        guard bytes.endIndex - start >= length else { return nil }
        content = bytes[start..<start + length]
        rest = bytes[(start + length)...]
    }
}

extension AuthorityID {
    /// Of a certificate by the SHA-256 digest of its DER.
    public init(_ fingerprint: SHA256Digest) {
        self.init(checked: Hexadecimal.text(of: fingerprint.span))
    }
}

extension CertificateFingerprint {
    /// The SHA-256 digest of a certificate's DER.
    public init(_ digest: SHA256Digest) {
        self.init(checked: Hexadecimal.text(of: digest.span))
    }
}

/// What was said of an authority's certificates; nothing when that is `AuthorityRules.standard`.
public struct AuthorityRulesRecord: StorageRecord, Hashable, Sendable {
    public let rules: AuthorityRules

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    init(rules: AuthorityRules) { self.rules = rules }

    public func encode(into buffer: inout ByteBuffer) { buffer.append(Version.v1, rules) }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "rules of an authority") {
        case .v1: rules = try reader.take()
        }
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

    /// Whether a list says of itself what this one did; which certificates it names is another question.
    func isSame(as list: RevocationList) -> Bool {
        list.number == number && list.thisUpdate == thisUpdate && list.nextUpdate == nextUpdate
            && UInt64(list.serials.count) == count
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
