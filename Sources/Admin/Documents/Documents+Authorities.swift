import Gateway
import Ledger
import TLS
import Time

/// Authorities, which vouch for devices' certificates.
extension Documents {
    static let authority = Shape<(view: AuthorityView, now: Timestamp)>("Authority") {
        Member("id", \.view.id, "The SHA-256 fingerprint of its certificate.")
        Member("name", \.view.record.name, as: .name)
        Member("account", \.view.record.account)
        Member(
            "subject", \.view.record.subject, "Of its certificate (RFC 2253), at most 256 bytes.")
        Member("notBefore", \.view.record.notBefore)
        Member(
            "notAfter", \.view.record.notAfter,
            "When its certificate ends; it lets no device in afterwards.")
        Member(
            "pinning", \.view.pinning,
            "Which of its certificates a device may show. This and the rules are the same of all that the account has of its name and key."
        )
        Member(
            "pattern", \.view.rules.pattern?.text, as: .nullable(.certificatePattern),
            "Where its certificates name devices; null: cn:${pk}.${dk} or san-uri:urn:tollgate:device:${pk}:${dk}."
        )
        Member(
            "product", \.view.rules.product,
            "Whose devices they are, where the pattern does not say it; null: CONNECT does.")
        Member(
            "registersDevices", \.view.rules.registersDevices,
            "Whether devices that are not known are registered when they first connect.")
        Member(
            "daysLeft", { $0.view.record.daysLeft(at: $0.now) },
            "Whole days until then; 0 when it has ended.")
        Member(
            "nearEnd", { $0.view.record.isNearEnd(at: $0.now) },
            "Whether it has ended, or does within 30 days.")
        Member("on", \.view.record.isOn, "Whether its certificates let devices in.")
        Member("registeredAt", \.view.record.registeredAt)
        Member(
            "crlNumber", \.view.revocations?.number?.description, as: .nullable(.anyText),
            "Of the list of revoked certificates that is about its own, in hexadecimal digits.")
        Member("crlThisUpdate", \.view.revocations?.thisUpdate, "When that list was made.")
        Member(
            "crlNextUpdate", \.view.revocations?.nextUpdate,
            "When the next one is due; this one goes on counting until it comes.")
        Member(
            "crlOverdue", { $0.view.revocations?.isOverdue(at: $0.now) ?? false },
            "Whether the next one should have come.")
        Member(
            "revoked", { $0.view.revocations?.count ?? 0 }, "How many certificates the list names.")
    }
}

extension Schema {
    /// One certificate in PEM.
    static let certificatePEM = text(
        .init(
            lengths: 1...AuthorityCertificate.textMaximum, alphabet: .lines,
            example: "-----BEGIN CERTIFICATE-----\nMIIB...\n-----END CERTIFICATE-----\n"))

    static let certificatePattern = text(
        .init(
            lengths: 1...CertificatePattern.maximumLength, alphabet: .visible, example: "cn:${dk}"))

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
