import Gateway
import Ledger
import TLS

/// Authorities, which vouch for devices' certificates.
extension Documents {
    static let authority = Shape<AuthorityView>("Authority") {
        Member("id", \.id, "The SHA-256 fingerprint of its certificate.")
        Member("name", \.record.name, as: .name)
        Member("account", \.record.account)
        Member("subject", \.record.subject, "Of its certificate (RFC 2253), at most 256 bytes.")
        Member("notBefore", \.record.notBefore)
        Member(
            "notAfter", \.record.notAfter,
            "When its certificate ends; it lets no device in afterwards.")
        Member("on", \.record.isOn, "Whether its certificates let devices in.")
        Member("registeredAt", \.record.registeredAt)
        Member(
            "crlNumber", \.revocations?.number?.description, as: .nullable(.anyText),
            "Of its list of revoked certificates, in hexadecimal digits.")
        Member("crlThisUpdate", \.revocations?.thisUpdate, "When that list was made.")
        Member(
            "crlNextUpdate", \.revocations?.nextUpdate,
            "When the next one is due; this one goes on counting until it comes.")
        Member("revoked", { $0.revocations?.count ?? 0 }, "How many certificates the list names.")
    }
}

extension Schema {
    /// One certificate in PEM.
    static let certificatePEM = text(
        .init(
            lengths: 1...AuthorityCertificate.textMaximum, alphabet: .lines,
            example: "-----BEGIN CERTIFICATE-----\nMIIB...\n-----END CERTIFICATE-----\n"))

    /// PEM, or Base64 of DER.
    static let revocationList = text(
        .init(
            lengths: 1...CertificateRevocationList.textMaximum, alphabet: .lines,
            example: "-----BEGIN X509 CRL-----\nMIIB...\n-----END X509 CRL-----\n"))

    static let authorityCode = text(
        .init(
            lengths: 64...64, alphabet: .bytes(where: AuthorityID.allows),
            example: String(repeating: "3f", count: 32)))

    /// An authority with its certificate.
    static let shownAuthority = Documents.authority.schema.adding(
        ["certificate": .anyText], named: "ShownAuthority")
}
