internal import COpenSSL

/// A list of revoked certificates (CRL; RFC 5280, 5), as it comes from an account: looked at with care, before it is
/// believed.
public struct CertificateRevocationList: Sendable {
    /// The bytes of the list's number, without zeros in front; nil of a list without one.
    public let number: [UInt8]?

    /// Seconds of Unix time. A list need not say when the next one comes.
    public let thisUpdateSeconds: Int64
    public let nextUpdateSeconds: Int64?

    /// Each the bytes of a certificate's serial number, without zeros in front, as in `PeerIdentity`; in no order, and maybe
    /// twice. A certificate that is only on hold is among them.
    public let serialNumbers: [[UInt8]]

    /// The most bytes of PEM that are looked at, of a list as DER, and of the list's number (RFC 5280, 5.2.3); and the most
    /// certificates.
    public static var textMaximum: Int { 1_500_000 }
    public static var derMaximum: Int { 1_048_576 }
    public static var numberMaximum: Int { 20 }
    public static var countMaximum: Int { 20_000 }

    /// The most bytes of one certificate's serial number. An authority must make none of more than 20 (RFC 5280, 4.1.2.2);
    /// one that did needs its certificates revoked, too, so such an entry is kept as it is.
    public static var serialMaximum: Int { 64 }

    /// Of all serial numbers of a list together: those of `countMaximum` certificates, of 20 bytes each.
    public static var serialsMaximum: Int { 20 * countMaximum }

    /// Of the signature: SHA-256.
    private static var securityMinimum: Int32 { 112 }

    /// Reads one list in PEM, of that authority, which is in force at that time (seconds of Unix time).
    public init(
        pem: String, of authority: ClientAuthority, at seconds: Int64
    ) throws(RevocationListProblem) {
        guard pem.utf8.count <= Self.textMaximum else { throw .tooLong }
        guard !pem.contains("PRIVATE KEY") else { throw .privateKey }
        let parsed = unsafe AuthorityCertificate.parse(pem) {
            unsafe PEM_read_bio_X509_CRL($0, nil, answerPassword, nil)
        }
        unsafe try self.init(adopting: parsed, of: authority, at: seconds)
    }

    /// The same of DER (X.690).
    public init(
        der: [UInt8], of authority: ClientAuthority, at seconds: Int64
    ) throws(RevocationListProblem) {
        guard der.count <= Self.derMaximum else { throw .tooLong }
        let parsed = unsafe der.withUnsafeBufferPointer { bytes -> OpaquePointer? in
            var start = bytes.baseAddress
            // Safe: d2i reads as many bytes as it is told there are.
            return unsafe d2i_X509_CRL(nil, &start, bytes.count)
        }
        unsafe try self.init(adopting: parsed, of: authority, at: seconds)
    }

    private init(
        adopting parsed: OpaquePointer?, of authority: ClientAuthority, at seconds: Int64
    ) throws(RevocationListProblem) {
        // Safe: the list is ours, and what is read of it is copied before it is freed.
        defer {
            unsafe X509_CRL_free(parsed)
            ErrorStack.clear()
        }
        guard let list = unsafe parsed else { throw .notList }
        let count = unsafe tollgate_x509_crl_count(list)
        guard count <= Self.countMaximum else { throw .tooMany }
        unsafe try Self.verify(list, by: authority)
        guard unsafe tollgate_x509_crl_is_whole(list) == 1 else { throw .notWhole }
        unsafe thisUpdateSeconds = tollgate_asn1_time_seconds(X509_CRL_get0_lastUpdate(list))
        guard thisUpdateSeconds <= seconds else { throw .notBegun }
        let next = unsafe X509_CRL_get0_nextUpdate(list)
        nextUpdateSeconds = unsafe next.map { unsafe tollgate_asn1_time_seconds($0) }
        number = unsafe try Self.number(of: list)
        var serialNumbers: [[UInt8]] = []
        serialNumbers.reserveCapacity(Int(count))
        var length = 0
        for index in 0..<count {
            let serial = unsafe PeerIdentity.magnitude(of: tollgate_x509_crl_serial(list, index))
            guard serial.count <= Self.serialMaximum else {
                throw .serialTooLong(entry: Int(index) + 1, serial)
            }
            length += serial.count
            guard length <= Self.serialsMaximum else { throw .serialsTooLong }
            serialNumbers.append(serial)
        }
        self.serialNumbers = serialNumbers
    }

    private static func verify(
        _ list: OpaquePointer, by authority: ClientAuthority
    ) throws(RevocationListProblem) {
        let certificate = unsafe authority.certificate
        guard
            unsafe X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(certificate))
                == 0
        else { throw .ofAnother }
        // All bits are set of a certificate that doesn't say what its key is for.
        guard unsafe X509_get_key_usage(certificate) & UInt32(KU_CRL_SIGN) != 0 else {
            throw .mayNotSign
        }
        guard unsafe tollgate_x509_crl_signature_security(list) >= securityMinimum else {
            throw .weak
        }
        guard let key = unsafe X509_get0_pubkey(certificate),
            unsafe X509_CRL_verify(list, key) == 1
        else { throw .ofAnother }
    }

    private static func number(
        of list: OpaquePointer
    ) throws(RevocationListProblem) -> [UInt8]? {
        var found: Int32 = 0
        guard let value = unsafe X509_CRL_get_ext_d2i(list, NID_crl_number, &found, nil) else {
            // -1: there is none.
            guard found == -1 else { throw .notList }
            return nil
        }
        // Safe: it was made for us, as what a CRL number is: an INTEGER.
        let number = unsafe value.assumingMemoryBound(to: ASN1_INTEGER.self)
        defer { unsafe ASN1_INTEGER_free(number) }
        let bytes = unsafe PeerIdentity.magnitude(of: number)
        guard bytes.count <= numberMaximum else { throw .numberTooLong }
        return bytes
    }
}

/// Why a list of revoked certificates can't be taken. Nothing of what came is in the texts but a serial number, by which
/// its entry is found.
public enum RevocationListProblem: Error, Sendable, Equatable, CustomStringConvertible {
    case tooLong
    case tooMany
    case privateKey
    case notList
    case ofAnother

    /// The authority's certificate says that its key signs no lists.
    case mayNotSign
    case weak
    case notWhole
    case notBegun
    case numberTooLong

    /// The entry of that place, counted from one, has a certificate's serial number of more than `serialMaximum` bytes.
    case serialTooLong(entry: Int, [UInt8])

    /// All serial numbers together have more than `serialsMaximum` bytes.
    case serialsTooLong

    public var description: String {
        switch self {
        case .tooLong:
            "a list has at most \(CertificateRevocationList.derMaximum) bytes of DER, and"
                + " \(CertificateRevocationList.textMaximum) of PEM"
        case .tooMany:
            "a list names at most \(CertificateRevocationList.countMaximum) certificates: leave out those that have ended"
        case .privateKey:
            "there is a private key in it, which must not leave its owner: it was not kept; send the list alone, and"
                + " make another key"
        case .notList:
            "there is no list of revoked certificates: PEM (-----BEGIN X509 CRL-----), or DER as Base64"
        case .ofAnother: "it was not signed by this authority's key, or names another issuer"
        case .mayNotSign:
            "the authority's certificate has a keyUsage without cRLSign: its key may not sign lists (RFC 5280, 6.3.3)"
        case .weak: "its signature is too weak, or unknown: SHA-256 or better"
        case .notWhole:
            "it is not whole: a delta, an indirect list, one of some reasons, of CAs alone or of a distribution point, or with a critical extension"
                + " that is not known"
        case .notBegun: "it is not valid yet: its thisUpdate lies ahead"
        case .numberTooLong:
            "the list's own number has more than \(CertificateRevocationList.numberMaximum) bytes"
        case .serialTooLong(let entry, let serial):
            "entry \(entry) has the serial number \(Self.text(of: serial)) of \(serial.count) bytes: at most"
                + " \(CertificateRevocationList.serialMaximum) can be kept, and authorities give at most 20 (RFC 5280,"
                + " 4.1.2.2); make the list again without this entry, and disable its device"
        case .serialsTooLong:
            "its serial numbers have more than \(CertificateRevocationList.serialsMaximum) bytes together: leave out those"
                + " of certificates that have ended"
        }
    }

    /// The first bytes of a serial number that is too long, as `openssl crl -text` has them.
    private static func text(of serial: [UInt8]) -> String {
        let digits = serial.prefix(8).map {
            ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true)
        }
        return digits.joined() + "..."
    }
}
