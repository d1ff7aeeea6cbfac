import Gateway
import Ledger

/// What an account has besides codes.
extension ConsoleRequest {
    func topUpsPage(_ account: JSON, isChanges: Bool) async throws -> ConsolePage {
        let id = account.text("id")
        var page = page(of: account, .topUps)
        page.tabs = [
            (.packs, ConsoleLink(["accounts", id, "top-ups"]), !isChanges),
            (.whatBecame, ConsoleLink(["accounts", id, "top-ups", "changes"]), isChanges),
        ]
        let path = ["account": id]
        guard !isChanges else {
            page.body = try await list(
                ListSpec(
                    operation: "listTopUpChanges", path: path, filters: [("kind", .kind)],
                    columns: [
                        time(.at, "at"), named(.whatHappened, "change"), named(.kind, "kind"),
                        number(.units, "units"), code(.pack, "pack"), code(.pk, "pk"),
                        code(.dk, "dk"), column(.actor, "actor"),
                    ], title: .whatBecame))
            return page
        }
        let totals = try await get("showTopUpTotals", path)
        var figures = figure(.messagesLeft, totals.number("messages.remaining"))
        figures += figure(.messagesUsed, totals.number("messages.used"))
        figures += figure(.otaLeft, totals.number("ota.remaining"))
        figures += figure(.otaUsed, totals.number("ota.used"))
        page.body = "<dl class=\"figures\">\(figures)</dl>"
        page.body += folded(
            .addTopUp,
            FormSpec(
                operation: "addTopUp", path: path,
                fields: [
                    .init(name: "kind", label: .kind), .init(name: "quantity", label: .quantity),
                    .init(name: "expiresAt", label: .expiresAt),
                    .init(name: "source", label: .source),
                ], submit: .addTopUp))
        page.body += try await list(
            ListSpec(
                operation: "listTopUps", path: path,
                filters: [("kind", .kind), ("open", .drawable)],
                columns: [
                    code(.pack, "id"), named(.kind, "kind"), named(.source, "source"),
                    number(.quantity, "quantity"), number(.remaining, "remaining"),
                    number(.leased, "leased"), number(.used, "used"), number(.expired, "expired"),
                    time(.expiresAt, "expiresAt"), time(.at, "at"),
                    correction(
                        "voidTopUp", .voidRest, of: id, as: ("topup", "id"), of: "quantity",
                        gone: ["used", "expired", "voided"]),
                ], title: .topUps))
        return page
    }

    /// Rule E1.
    func contactsPage(_ id: String) async throws -> ConsolePage {
        var page = ConsolePage(title: t(.contacts), place: .contacts, account: id)
        page.crumbs = [(id, ConsoleLink(["accounts", id]))]
        page.body = "<p class=\"soft\">\(t(.contactsHint))</p>"
        page.body += card(
            .addContact,
            form(
                FormSpec(
                    operation: "putContact", path: ["account": id],
                    fields: [
                        .init(name: "p.email", label: .email), .init(name: "name", label: .name),
                    ], submit: .save, look: .primary)))
        page.body += try await list(
            ListSpec(
                operation: "listContacts", path: ["account": id],
                columns: [
                    column(.email, "email"), column(.name, "name"), time(.at, "at"),
                    column(.actor, "actor"),
                    Column(title: .actions) { contact in
                        form(
                            FormSpec(
                                operation: "removeContact",
                                path: ["account": id, "email": contact.text("email")],
                                submit: .remove, look: .row))
                    },
                ], title: .contacts))
        return page
    }
}
