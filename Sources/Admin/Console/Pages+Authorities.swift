import Gateway
import Ledger
import Time

/// The authorities (CAs) of an account, which vouch for its devices' certificates.
extension ConsoleRequest {
    func authoritiesPage(_ account: JSON) async throws -> ConsolePage {
        let path = ["account": account.text("id")]
        var page = page(of: account, .authorities)
        if may("registerAuthority") {
            let code = try await get("showAuthorityCode", path).text("code")
            var html: HTML = "<p class=\"soft\">\(t(.authorityHint))</p>"
            html += facts([(.registrationCode, "<code>\(code)</code>")])
            html += form(
                FormSpec(
                    operation: "registerAuthority", path: path,
                    fields: [
                        .init(name: "name", label: .name),
                        .init(name: "certificate", label: .certificate, isLong: true, isFile: true),
                        .init(name: "proof", label: .proofCertificate, isLong: true, isFile: true),
                    ], submit: .registerAuthority, look: .primary))
            page.body = card(.registerAuthority, html)
        }
        page.body += try await list(
            ListSpec(
                operation: "listAuthorities", path: path,
                columns: [
                    column(.name, "name"), column(.subject, "subject"),
                    Column(title: .fingerprint) {
                        "<code class=\"digest\">\($0.text("id"))</code>"
                    },
                    Column(title: .state) { standing(of: $0) },
                    time(.expiresAt, "notAfter"), number(.daysLeft, "daysLeft"),
                    Column(title: .nextRevocationList) { nextList(of: $0) },
                    number(.revokedCertificates, "revoked"),
                    time(.registeredAt, "registeredAt"), code(.certificatePattern, "pattern"),
                    Column(title: .pinning) { "\(label($0.text("pinning")))" },
                    Column(title: .actions) { actions(of: $0, path) },
                ], title: .authorities))
        return page
    }

    /// Whether an authority lets devices in, which it does not when its certificate has ended, and whether that is near.
    private func standing(of authority: JSON) -> HTML {
        guard authority.at("on")?.bool == true else { return badge("off") }
        let end = Timestamp(authority.text("notAfter"))
        if end.map({ $0 <= server.controlPlane.now }) ?? false { return badge("expired") }
        return badge(authority.at("nearEnd")?.bool == true ? "ending" : "on")
    }

    /// When it is due, and whether it should have come.
    private func nextList(of authority: JSON) -> HTML {
        let due = time(authority.text("crlNextUpdate"))
        return authority.at("crlOverdue")?.bool == true ? "\(due) \(badge("overdue"))" : due
    }

    /// How its certificates name devices, and whether they bring new ones.
    private func rules(of authority: JSON, _ path: [String: String]) -> HTML {
        folded(
            .change,
            FormSpec(
                operation: "setAuthorityRules", path: path,
                fields: [
                    .init(
                        name: "pattern", label: .certificatePattern,
                        value: authority.text("pattern"), hint: .certificatePatternHint),
                    .init(name: "product", label: .product, value: authority.text("product")),
                    .init(
                        name: "registersDevices", label: .registersDevices,
                        value: authority.at("registersDevices")?.bool == true ? "true" : "false",
                        options: [("false", t(.no)), ("true", t(.yes))]),
                ], submit: .save))
    }

    /// Which of its certificates a device may show.
    private func pinning(of authority: JSON, _ path: [String: String]) -> HTML {
        folded(
            .pinning,
            FormSpec(
                operation: "setAuthorityPinning", path: path,
                fields: [
                    .init(name: "pinning", label: .pinning, value: authority.text("pinning"))
                ], submit: .save))
    }

    private func actions(of authority: JSON, _ account: [String: String]) -> HTML {
        let path = account.merging(["authority": authority.text("id")]) { $1 }
        let isOn = authority.at("on")?.bool == true
        let switching =
            isOn
            ? folded(
                .disable,
                FormSpec(
                    operation: "updateAuthority", path: path, fixed: [("on", "false")],
                    submit: .disable, note: .authorityOffHint, look: .danger))
            : form(
                FormSpec(
                    operation: "updateAuthority", path: path, fixed: [("on", "true")],
                    submit: .enable, look: .row))
        return switching + rules(of: authority, path) + pinning(of: authority, path)
            + folded(
                .remove,
                FormSpec(
                    operation: "removeAuthority", path: path, submit: .remove,
                    note: .authorityRemovedHint, typing: authority.text("name"), look: .danger))
    }
}
