import Gateway
import Ledger
import TLS

/// Authorities, which vouch for devices' certificates.
extension Documents {
    static let authority = Shape<(id: AuthorityID, record: AuthorityRecord)>("Authority") {
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
    }
}

extension Schema {
    /// One certificate in PEM.
    static let certificatePEM = text(
        .init(
            lengths: 1...AuthorityCertificate.textMaximum, alphabet: .lines,
            example: "-----BEGIN CERTIFICATE-----\nMIIB...\n-----END CERTIFICATE-----\n"))

    static let authorityCode = text(
        .init(
            lengths: 64...64, alphabet: .bytes(where: AuthorityID.allows),
            example: String(repeating: "3f", count: 32)))

    /// An authority with its certificate.
    static let shownAuthority = Documents.authority.schema.adding(
        ["certificate": .anyText], named: "ShownAuthority")
}
