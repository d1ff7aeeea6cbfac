import Admin
import ArgumentParser

struct CodesVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "codes", abstract: "Activation codes: bought, assigned, consumed.",
        subcommands: commands(
            Buy.self, Purchases.self, Assignable.self, Assign.self, Assignments.self,
            Consumed.self, NearExpiry.self, VoidPurchase.self, VoidAssignment.self))

    struct Buy: Verb {
        static let about = "Buys codes of a package for an account."
        static let example = "codes buy acme --package basic --quantity 1000"
        @Argument(help: .account) var account: String
        @Option(help: "The id of their package.") var package: String
        @Option(help: "How many codes.") var quantity: Int64
        @Option(help: "The product they are for; unassigned when left out.") var product: String?
        var request: APIRequest {
            .post(
                "accounts/\(account.escaped)/purchases",
                ["package": package, "quantity": quantity, "product": product])
        }
    }

    struct Purchases: Verb {
        static let about = "An account's purchases of codes, the newest first."
        static let example = "codes purchases acme"
        @Argument(help: .account) var account: String
        var request: APIRequest {
            .list(
                "accounts/\(account.escaped)/purchases",
                by: "at package quantity product source firstCode voided | actor")
        }
    }

    struct Assignable: Verb {
        static let about = "How many codes can be assigned to a product."
        static let example = "codes assignable acme lamp"
        @Argument(help: .account) var account: String
        @Argument(help: .product) var product: String
        var request: APIRequest {
            .get("accounts/\(account.escaped)/assignable" + query(["product": product]))
        }
    }

    struct Assign: Irreversible {
        static let about = "Gives unassigned codes of an account to a product."
        static let example = "codes assign acme lamp --package basic --quantity 600 --yes"
        @Argument(help: .account) var account: String
        @Argument(help: .product) var product: String
        @Option(help: "How many codes.") var quantity: Int64
        @Option(help: "Their package; all that can be assigned when left out.") var package: String?
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest {
            .post(
                "accounts/\(account.escaped)/assignments",
                ["product": product, "quantity": quantity, "package": package])
        }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let filter = query(["product": product])
            let path = "accounts/\(account.escaped)/assignable\(filter)"
            let packages = try await gateway.document(.get, path)["packages"]?.array ?? []
            let most = packages.filter { package == nil || $0["package"]?.text == package }
                .reduce(0) { $0 + ($1["quantity"]?.integer ?? 0) }
            let figures = try await gateway.product(product)
            return
                "\(counted(quantity, "code")) of the \(most) that account \(account) can assign go to"
                + " \(figures.text), for good: \(max(0, most - quantity)) are left"
        }
    }

    struct Assignments: Verb {
        static let about = "An account's assignments of codes, the newest first."
        static let example = "codes assignments acme --product lamp"
        @Argument(help: .account) var account: String
        @Option(help: "A product's key, or a part of its name.") var product: String?
        var request: APIRequest {
            .list(
                "accounts/\(account.escaped)/assignments" + query(["product": product]),
                by: "sequence at product productName package quantity voided | actor")
        }
    }

    struct VoidPurchase: Irreversible {
        static let about = "Voids the codes of a purchase that are not consumed (owners only)."
        static let example =
            "codes void-purchase acme 0123-4567-89AB-CDE --cause 'billed twice' --yes"
        @Argument(help: .account) var account: String
        @Argument(help: "The purchase's first code.") var code: String
        @Option(help: .cause) var cause: String
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest {
            .post("accounts/\(account.escaped)/purchases/\(code.escaped)/void", ["cause": cause])
        }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let purchase = try await gateway.first(
                of: "accounts/\(account.escaped)/purchases",
                where: { $0["firstCode"]?.text == code })
            guard let purchase else {
                throw Failure(
                    text: "account \(account) has no purchase whose first code is \(code)\n"
                        + "  See 'tollgate codes purchases \(account)'.")
            }
            let (quantity, voided) = (purchase["quantity"]?.integer, purchase["voided"]?.integer)
            return "the purchase of \(counted(quantity ?? 0, "code")) of package"
                + " \(purchase["package"]?.text ?? "?") from \(purchase["at"]?.text ?? "?") is voided:"
                + " up to \((quantity ?? 0) - (voided ?? 0)) of them that are not consumed are lost"
        }
    }

    struct VoidAssignment: Irreversible {
        static let about =
            "Takes back the codes of an assignment that are not consumed (owners only)."
        static let example = "codes void-assignment acme 17 --cause 'wrong product' --yes"
        @Argument(help: .account) var account: String
        @Argument(help: "Its sequence number in the list.") var sequence: UInt64
        @Option(help: .cause) var cause: String
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest {
            .post("accounts/\(account.escaped)/assignments/\(sequence)/void", ["cause": cause])
        }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let assignment = try await gateway.first(
                of: "accounts/\(account.escaped)/assignments",
                where: { $0["sequence"]?.integer == Int64(clamping: sequence) })
            guard let assignment else {
                throw Failure(
                    text: "account \(account) has no assignment \(sequence)\n"
                        + "  See 'tollgate codes assignments \(account)'.")
            }
            let (quantity, voided) = (
                assignment["quantity"]?.integer, assignment["voided"]?.integer
            )
            return "up to \((quantity ?? 0) - (voided ?? 0)) codes are taken back from product"
                + " \(assignment["product"]?.text ?? "?"): its devices can't be activated with them any more"
        }
    }

    struct Consumed: Verb {
        static let about = "The codes of a product that devices have consumed."
        static let example = "codes consumed lamp --activated-from 2026-11-01T00:00:00Z"
        @Argument(help: .product) var pk: String
        @OptionGroup var activation: ActivationOptions
        var request: APIRequest {
            .list(
                "products/\(pk.escaped)/codes" + activation.added(to: ""),
                by: "code dk number activatedAt expiresAt cause | dataCentre")
        }
    }

    struct NearExpiry: Verb {
        static let about = "The devices whose activation is about to end."
        static let example = "codes near-expiry --days 30 --account acme"
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
                by: "expiresAt pk dk productName account autoRenewal | activatedAt")
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
