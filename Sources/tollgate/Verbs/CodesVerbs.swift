import ArgumentParser

struct CodesVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "codes", abstract: "Activation codes: bought, assigned, consumed.",
        subcommands: commands(
            Buy.self, Purchases.self, Assignable.self, Assign.self, Assignments.self,
            Consumed.self, NearExpiry.self, VoidPurchase.self, VoidAssignment.self))

    struct Buy: Verb {
        @Argument var account: String
        @Option var package: String
        @Option var quantity: Int64
        @Option(help: "The product they are for; unassigned when left out.") var product: String?
        var request: APIRequest {
            .post(
                "accounts/\(account.escaped)/purchases",
                ["package": package, "quantity": quantity, "product": product])
        }
    }

    struct Purchases: Verb {
        @Argument var account: String
        var request: APIRequest {
            .list(
                "accounts/\(account.escaped)/purchases",
                by: "at package quantity product source firstCode actor voided")
        }
    }

    struct Assignable: Verb {
        static let about = "How many codes can be assigned to a product."
        @Argument var account: String
        @Argument var product: String
        var request: APIRequest {
            .get("accounts/\(account.escaped)/assignable" + query(["product": product]))
        }
    }

    struct Assign: Verb {
        @Argument var account: String
        @Argument var product: String
        @Option var quantity: Int64
        @Option(help: "Their package; all that can be assigned when left out.") var package: String?
        var request: APIRequest {
            .post(
                "accounts/\(account.escaped)/assignments",
                ["product": product, "quantity": quantity, "package": package])
        }
    }

    struct Assignments: Verb {
        @Argument var account: String
        @Option(help: "A product's key, or a part of its name.") var product: String?
        var request: APIRequest {
            .list(
                "accounts/\(account.escaped)/assignments" + query(["product": product]),
                by: "sequence at product productName package quantity voided actor")
        }
    }

    struct VoidPurchase: Verb {
        static let about = "Voids the codes of a purchase that are not consumed (owners only)."
        @Argument var account: String
        @Argument(help: "The purchase's first code.") var code: String
        @Option(help: "Why; the history keeps it.") var cause: String
        var request: APIRequest {
            .post("accounts/\(account.escaped)/purchases/\(code.escaped)/void", ["cause": cause])
        }
    }

    struct VoidAssignment: Verb {
        static let about =
            "Takes back the codes of an assignment that are not consumed (owners only)."
        @Argument var account: String
        @Argument(help: "Its sequence number in the list.") var sequence: UInt64
        @Option(help: "Why; the history keeps it.") var cause: String
        var request: APIRequest {
            .post("accounts/\(account.escaped)/assignments/\(sequence)/void", ["cause": cause])
        }
    }

    struct Consumed: Verb {
        @Argument var pk: String
        @OptionGroup var activation: ActivationOptions
        var request: APIRequest {
            .list(
                "products/\(pk.escaped)/codes" + activation.added(to: ""),
                by: "code dk number activatedAt expiresAt cause dataCentre")
        }
    }

    struct NearExpiry: Verb {
        @Option(help: "Within how many days. Default: the gateway's setting.") var days: Int?
        @Option(help: "Only this account's.") var account: String?
        @Option(help: "Only this product's.") var product: String?
        @Option(help: "Only of products with that in their name.") var productName: String?
        @OptionGroup var activation: ActivationOptions
        var request: APIRequest {
            let filter = query([
                "days": days.map(String.init), "account": account, "product": product,
                "productName": productName,
            ])
            return .list(
                "near-expiry" + activation.added(to: filter),
                by: "expiresAt pk dk productName account autoRenewal")
        }
    }
}

/// Which activations are meant: by device, activation date and expiry date.
struct ActivationOptions: ParsableArguments {
    @Option(help: "Only this device's.") var device: String?
    @Option(help: "Activated at or after, like 2026-11-21T00:00:00Z.") var activatedFrom: String?
    @Option(help: "Activated before.") var activatedTo: String?
    @Option(help: "Ends at or after.") var expiresFrom: String?
    @Option(help: "Ends before.") var expiresTo: String?

    /// The query with these parameters as well.
    func added(to other: String) -> String {
        query(
            [
                "device": device, "activatedFrom": activatedFrom, "activatedTo": activatedTo,
                "expiresFrom": expiresFrom, "expiresTo": expiresTo,
            ], after: other)
    }
}

struct TopUpVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topup",
        abstract: "Packs of extra messages and OTA attempts, shared by an account's devices.",
        subcommands: commands(
            Buy.self, Gift.self, List.self, Totals.self, Changes.self, VoidPack.self))

    struct Buy: Verb {
        @OptionGroup var pack: PackOptions
        var request: APIRequest { pack.entered(as: "purchase") }
    }

    struct Gift: Verb {
        @OptionGroup var pack: PackOptions
        var request: APIRequest { pack.entered(as: "gift") }
    }

    struct List: Verb {
        static let about = "The packs, in the order they are drawn from."
        @Argument var account: String
        @Option(help: "messages or ota.") var kind: String?
        @Flag(help: "Only those that something can be drawn from now.") var open = false
        var request: APIRequest {
            let filter = query(["kind": kind, "open": open ? "true" : nil])
            return .list(
                "accounts/\(account.escaped)/topups\(filter)",
                by:
                    "id kind source quantity remaining leased used expired voided expiresAt at actor"
            )
        }
    }

    struct Totals: Verb {
        static let about = "The sums over all packs."
        @Argument var account: String
        var request: APIRequest { .get("accounts/\(account.escaped)/topups/totals") }
    }

    struct Changes: Verb {
        static let about = "What became of the packs, the latest first."
        @Argument var account: String
        @Option(help: "messages or ota.") var kind: String?
        @Option(help: "At most so many.") var limit: Int?
        var request: APIRequest {
            .list(
                "accounts/\(account.escaped)/topups/changes" + query(["kind": kind]),
                by: "sequence at change kind units pack pk dk upgrade actor devices", limit: limit)
        }
    }
}

extension TopUpVerbs {
    struct VoidPack: Verb {
        static let name = "void"
        static let about = "Voids the units of a pack that are not used (owners only)."
        @Argument var account: String
        @Argument(help: "Its id in the list.") var pack: UInt64
        @Option(help: "Why; the history keeps it.") var cause: String
        var request: APIRequest {
            .post("accounts/\(account.escaped)/topups/\(pack)/void", ["cause": cause])
        }
    }
}

/// What a new top-up pack is made of.
struct PackOptions: ParsableArguments {
    @Argument var account: String
    @Option(help: "messages or ota.") var kind: String
    @Option(help: "Messages, or OTA attempts of 5 MB (5,242,880 bytes).") var quantity: Int64
    @Option(help: "When it ends, like 2027-01-01T00:00:00Z.") var expiresAt: String

    func entered(as source: String) -> APIRequest {
        .post(
            "accounts/\(account.escaped)/topups",
            ["kind": kind, "source": source, "quantity": quantity, "expiresAt": expiresAt])
    }
}
