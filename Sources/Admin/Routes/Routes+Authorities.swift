import Cryptography
import Gateway
import Hummingbird
import Ledger
import TLS
import Time

/// An account's authorities: the CA certificates that vouch for its devices' certificates. Who registers one shows that
/// the holder of its key agrees, with a certificate that the key has signed for the account's registration code.
extension Routes {
    mutating func registerAuthorities() {
        on(
            .get, "accounts/:account/authorities", "listAuthorities",
            "The authorities (CAs) whose certificates an account's devices connect with",
            access: .wholeAccounts, answers: .page(of: Documents.authority)
        ) { call in
            let account = try call.account()
            return try call.list({ call.document(of: $0) }) {
                try $0.authorities(of: account, cursor: $1, limit: $2, in: $3)
            }
        }
        on(
            .get, "accounts/:account/authority-code", "showAuthorityCode",
            "What the CN of the certificate is that proves a new authority of the account",
            access: .wholeAccounts,
            answers: .ok(.named("AuthorityCode", .object(["code": .authorityCode])))
        ) { call in
            .json(["code": .text(call.server.mintKey.authorityCode(of: try call.account()))])
        }
        on(
            .get, "accounts/:account/authorities/:authority", "showAuthority",
            "An authority, with its certificate", access: .wholeAccounts,
            answers: .ok(.shownAuthority)
        ) { call in
            let authority = try call.authority()
            return .json(
                call.document(of: authority)
                    .adding("certificate", .text(authority.record.certificatePEM)))
        }
        on(
            .post, "accounts/:account/authorities", "registerAuthority",
            "Have certificates of an authority let the account's devices in",
            access: .wholeAccounts,
            body: .json([
                "name": .name,
                "certificate": .noted(.certificatePEM, "The one that signs devices' certificates."),
                "proof": .noted(
                    .certificatePEM,
                    "Signed by the authority's key, with the account's registration code as CN."),
            ]),
            answers: .created(Documents.authority),
            problems: [.alreadyExists, .authorityNotUsable, .tooManyAuthorities]
        ) { call in try await Self.registerAuthority(call) }
        on(
            .patch, "accounts/:account/authorities/:authority", "updateAuthority",
            "Switch an authority off, which ends its devices' connections, or on again",
            access: .wholeAccounts, body: .json(["on": .flag]),
            answers: .ok(Documents.authority)
        ) { call in
            let isOn = try await call.fields().flag("on")
            let id = try call.authorityToChange()
            return try await call.answer(.authorities(.setOn(id, isOn))) {
                call.document(of: try call.authority())
            }
        }
        on(
            .delete, "accounts/:account/authorities/:authority", "removeAuthority",
            "Forget an authority; connections that its certificates have opened end",
            access: .wholeAccounts, answers: .noContent
        ) { call in
            try await call.submit(.authorities(.remove(try call.authorityToChange())))
            return Response(status: .noContent)
        }
    }

    mutating func registerAuthorityRules() {
        on(
            .put, "accounts/:account/authorities/:authority/rules", "setAuthorityRules",
            "Say how an authority's certificates name devices, and whether they bring new ones; what is missing is as for a new authority",
            access: .wholeAccounts,
            body: .json([
                "pattern": .optional(
                    .certificatePattern,
                    "cn:, san-dns: or san-uri:, and that name with ${dk} and, once at most, ${pk}; by default cn:${pk}.${dk} or san-uri:urn:tollgate:device:${pk}:${dk}."
                ),
                "product": .optional(
                    .id(ProductKey.self),
                    "Whose devices they are, of a pattern without ${pk}; by default CONNECT names it."
                ),
                "registersDevices": .optional(
                    .flag,
                    "Whether a device that is not known is registered when it first connects, unless its product's registration is closed; false by default."
                ),
            ]),
            answers: .ok(Documents.authority),
            problems: [.authorityRulesNotUsable, .unknownProduct, .productOfAnotherAccount]
        ) { call in
            let rules = try Self.authorityRules(try await call.fields())
            let id = try call.authorityToChange()
            return try await call.answer(.authorities(.setRules(id, rules))) {
                call.document(of: try call.authority())
            }
        }
    }

    private static func authorityRules(_ fields: Fields) throws(Problem) -> AuthorityRules {
        var pattern: CertificatePattern?
        if let text = try fields.optionalText("pattern") {
            do throws(CertificatePattern.Fault) {
                pattern = try CertificatePattern(text)
            } catch {
                throw Problem(.authorityRulesNotUsable, "pattern: \(error)")
            }
        }
        let rules = AuthorityRules(
            pattern: pattern, product: try fields.optional("product", ProductKey.init),
            registersDevices: try fields.optionalFlag("registersDevices") ?? false)
        guard let rules else {
            throw Problem(
                .authorityRulesNotUsable, "product: goes with a pattern that leaves ${pk} out")
        }
        return rules
    }

    mutating func registerRevocations() {
        on(
            .put, "accounts/:account/authorities/:authority/crl", "setRevocationList",
            "Give an authority's latest list of revoked certificates (CRL); connections that these have opened end",
            access: .wholeAccounts,
            body: .json(
                ["crl": .noted(.revocationList, "PEM, or Base64 of DER: at most 20,000 of them.")],
                upTo: .long),
            answers: .ok(Documents.authority),
            problems: [.revocationListNotUsable, .revocationListOlder],
            // The same list twice does no harm, and one that came late is older.
            isRemembered: false
        ) { call in
            let text = Self.text("crl", of: try await call.fields())
            let id = try call.authority().id
            let list = try Self.revocationList(text, of: id, call)
            try await call.carryOut(.authorities(.revoke(id, list)))
            return .json(call.document(of: try call.authority()))
        }
    }

    /// Reads a list that was sent, of an authority that is there.
    private static func revocationList(
        _ text: String, of id: AuthorityID, _ call: Call
    ) throws -> RevocationList {
        let record = try call.read(or: .authorities(.unknown(id))) { try $0.authority(id, in: $1) }
        guard let authority = ClientAuthority(der: record.certificate) else {
            throw Problem(.ledgerUnavailable)
        }
        let seconds = call.controlPlane.now.milliseconds / 1_000
        let found: CertificateRevocationList
        do throws(RevocationListProblem) {
            let der = text.contains("-----") ? nil : Base64.decoded(text.filter { !$0.isNewline })
            found =
                if let der {
                    try CertificateRevocationList(der: der, of: authority, at: seconds)
                } else {
                    try CertificateRevocationList(pem: text, of: authority, at: seconds)
                }
        } catch {
            throw Problem(.revocationListNotUsable, "crl: \(error)")
        }
        func time(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1_000) }
        return RevocationList(
            number: found.number.flatMap { AuthorityNumber($0) },
            thisUpdate: time(found.thisUpdateSeconds),
            nextUpdate: found.nextUpdateSeconds.map(time),
            serials: found.serialNumbers.compactMap { AuthorityNumber($0) })
    }

    private static func registerAuthority(_ call: Call) async throws -> Response {
        let account = try call.account()
        let fields = try await call.fields()
        let seconds = call.controlPlane.now.milliseconds / 1_000
        let code = call.server.mintKey.authorityCode(of: account)
        let found: AuthorityCertificate
        do throws(AuthorityProblem) {
            found = try AuthorityCertificate(pem: text("certificate", of: fields), at: seconds)
        } catch {
            throw Problem(.authorityNotUsable, "certificate: \(error)")
        }
        do throws(AuthorityProblem) {
            try found.verify(proof: text("proof", of: fields), of: code, at: seconds)
        } catch {
            throw Problem(.authorityNotUsable, "proof: \(error)")
        }
        let id = AuthorityID(found.fingerprint)
        let authority = NewAuthority(
            id: id, account: account, name: try fields.text("name"), certificate: found.der,
            subject: found.subject,
            notBefore: Timestamp(milliseconds: found.notBeforeSeconds * 1_000),
            notAfter: Timestamp(milliseconds: found.notAfterSeconds * 1_000))
        let shown = try await call.submit(.authorities(.register(authority))) { _ in
            call.document(of: try call.authority(id, of: account))
        }
        return call.created(shown, at: "/v1/accounts/\(account)/authorities/\(id)")
    }

    /// The schema has found that it is there.
    private static func text(_ name: String, of fields: Fields) -> String {
        guard let text = try? fields.text(name) else { preconditionFailure("\(name) is declared") }
        return text
    }
}

extension Call {
    /// What is shown of an authority now.
    func document(of authority: AuthorityView) -> JSON {
        Documents.authority((authority, controlPlane.now))
    }

    /// The authority that the path names, if it is the account's.
    func authority() throws -> AuthorityView {
        try authority(parameter("authority", AuthorityID.init), of: try account())
    }

    fileprivate func authority(
        _ id: AuthorityID, of account: AccountID
    ) throws -> AuthorityView {
        let view = try read(or: .authorities(.unknown(id))) { try $0.authorityView(id, in: $1) }
        guard view.record.account == account else { throw Problem(.authorities(.unknown(id))) }
        return view
    }

    /// The same, of a change: when it is repeated, the authority may be gone.
    func authorityToChange() throws -> AuthorityID {
        let id = parameter("authority", AuthorityID.init)
        let account = try account()
        let isGone = try read { try $0.authority(id, in: $1) } == nil
        return isGone && isRepeatable ? id : try authority(id, of: account).id
    }
}

extension MintKey {
    /// What the CN of a certificate has to be that proves an authority of the account: 64 hexadecimal digits, as many as
    /// a CN holds. It is no secret; that it is another one at each gateway keeps a proof from serving twice.
    func authorityCode(of account: AccountID) -> String {
        var code = HMACSHA256(key: Array(text.utf8).span)
        code.update(Array("tollgate authority\n\(account)".utf8).span)
        return Hexadecimal.text(of: code.finalize().span)
    }
}

extension AuthorityRecord {
    /// As RFC 7468 has it.
    fileprivate var certificatePEM: String {
        let digits = Array(Base64.encoded(certificate).utf8)
        let lines = stride(from: 0, to: digits.count, by: 64).map { start in
            String(decoding: digits[start..<min(start + 64, digits.count)], as: UTF8.self)
        }
        return (["-----BEGIN CERTIFICATE-----"] + lines + ["-----END CERTIFICATE-----", ""])
            .joined(separator: "\n")
    }
}
