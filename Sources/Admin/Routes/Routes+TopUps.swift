import Gateway
import Hummingbird
import Ledger
import Storage
import Time

/// Top-up packs of an account (rule C6).
extension Routes {
    mutating func registerTopUps() {
        registerTopUpLists()
        on(
            .post, "accounts/:account/topups",
            Operation(
                "addTopUp", "Buy or give a pack of messages or OTA attempts (rule C6)",
                access: .operators,
                body: .json([
                    "kind": .choice(TopUpKind.self),
                    "quantity": .integer(1...Int64(clamping: Books.topUpMaximum)),
                    "expiresAt": .noted(.time, "When it can't be drawn from any more."),
                    "source": .noted(
                        .optional(.choice(TopUpSource.self)), "A purchase if missing."),
                ]),
                answers: .created(.topUp),
                problems: [.expiryPassed])
        ) { call in
            let account = try call.account()
            let fields = try await call.fields()
            let effect = try await call.submit(
                .topUp(
                    .enter(
                        account,
                        try fields.required("kind", TopUpKind.init(named:)),
                        source: try fields.optional("source", TopUpSource.init(named:))
                            ?? .purchase,
                        quantity: UInt64(try fields.number("quantity")),
                        expiresAt: try fields.required("expiresAt") { Timestamp($0) }
                    )
                )
            )
            guard case .changed(.topUp(let change)) = effect else {
                preconditionFailure("a pack was entered")
            }
            let pack = try call.read { (books, transaction) throws(StoreError) in
                try books.topUp(change.pack, in: transaction)
            }
            let document = pack.map { Documents.topUp($0, at: call.controlPlane.now) } ?? .null
            return call.created(document, at: "/v1/accounts/\(account)/topups")
        }
    }

    private mutating func registerTopUpLists() {
        on(
            .get, "accounts/:account/topups",
            Operation(
                "listTopUps", "The packs of an account, in the order they are drawn from (rule C6)",
                query: [
                    Parameter("kind", .choice(TopUpKind.self), "Of that kind."),
                    Parameter("open", .flag, "Only those that something can be drawn from now."),
                ],
                answers: .page(of: .topUp))
        ) { call in
            let account = try call.account()
            let kind = try call.query("kind", TopUpKind.init(named:))
            let now = call.controlPlane.now
            let openAt = call.query("open") == "true" ? now : nil
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.topUps(
                    of: account, kind: kind, openAt: openAt, cursor: cursor, limit: limit,
                    in: transaction)
            }
            return call.list(
                page.elements.map { Documents.topUp($0, at: now) }, cursor: page.cursor)
        }
        on(
            .get, "accounts/:account/topups/totals",
            Operation(
                "showTopUpTotals", "The sums over all packs of an account (rule C6)",
                answers: .ok(.topUpTotals))
        ) { call in
            let account = try call.account()
            let totals = try call.read { (books, transaction) throws(StoreError) in
                var totals: [TopUpKind: TopUpCounters] = [:]
                for kind in TopUpKind.allCases {
                    totals[kind] = try books.topUpTotals(of: account, kind, in: transaction)
                }
                return totals
            }
            return .json(Documents.topUpTotals(totals))
        }
        on(
            .get, "accounts/:account/topups/changes",
            Operation(
                "listTopUpChanges", "What became of the packs, the latest first (rule C6)",
                query: [Parameter("kind", .choice(TopUpKind.self), "Of packs of that kind.")],
                answers: .page(of: .topUpChange))
        ) { call in
            let account = try call.account()
            let kind = try call.query("kind", TopUpKind.init(named:))
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.topUpChanges(
                    of: account, kind: kind, cursor: cursor, limit: limit, in: transaction)
            }
            return call.list(page.elements.map(Documents.movement), cursor: page.cursor)
        }
    }
}
