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
                    time(.expiresAt, "notAfter"), time(.registeredAt, "registeredAt"),
                    Column(title: .actions) { actions(of: $0, path) },
                ], title: .authorities))
        return page
    }

    /// Whether an authority lets devices in: it does not when its certificate has ended.
    private func standing(of authority: JSON) -> HTML {
        guard authority.at("on")?.bool == true else { return badge("off") }
        let end = Timestamp(authority.text("notAfter"))
        return badge(end.map { $0 <= server.controlPlane.now } ?? false ? "expired" : "on")
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
        return switching
            + folded(
                .remove,
                FormSpec(
                    operation: "removeAuthority", path: path, submit: .remove,
                    note: .authorityRemovedHint, typing: authority.text("name"), look: .danger))
    }
}
