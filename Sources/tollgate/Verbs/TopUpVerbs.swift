import Admin
import ArgumentParser

struct TopUpVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topup",
        abstract: "Packs of extra messages and OTA attempts, shared by an account's devices.",
        subcommands: commands(
            Buy.self, Gift.self, List.self, Totals.self, Changes.self, VoidPack.self))

    struct Buy: Verb {
        static let about = "Enters a pack that an account has bought."
        static let example =
            "topup buy acme --kind messages --quantity 100000 --expires-at 2027-01-01T00:00:00Z"
        @OptionGroup var pack: PackOptions
        var request: APIRequest { pack.entered(as: "purchase") }
    }

    struct Gift: Verb {
        static let about = "Enters a pack that an account is given."
        static let example =
            "topup gift acme --kind ota --quantity 100 --expires-at 2027-01-01T00:00:00Z"
        @OptionGroup var pack: PackOptions
        var request: APIRequest { pack.entered(as: "gift") }
    }

    struct List: Verb {
        static let about = "The packs, in the order they are drawn from."
        static let example = "topup list acme --open"
        @Argument(help: .account) var account: String
        @Option(help: "messages or ota.") var kind: String?
        @Flag(help: "Only those that something can be drawn from now.") var open = false
        var request: APIRequest {
            let filter = query(["kind": kind, "open": open ? "true" : nil])
            return .list(
                "accounts/\(account.escaped)/topups\(filter)",
                by:
                    "id kind source quantity remaining used expired voided expiresAt | leased at actor"
            )
        }
    }

    struct Totals: Verb {
        static let about = "The sums over all packs."
        static let example = "topup totals acme"
        @Argument(help: .account) var account: String
        var request: APIRequest { .get("accounts/\(account.escaped)/topups/totals") }
    }

    struct Changes: Verb {
        static let about = "What became of the packs, the latest first."
        static let example = "topup changes acme --limit 50"
        @Argument(help: .account) var account: String
        @Option(help: "messages or ota.") var kind: String?
        @Option(help: .limit) var limit: Int?
        var request: APIRequest {
            .list(
                "accounts/\(account.escaped)/topups/changes" + query(["kind": kind]),
                by: "sequence at change kind units pack pk dk | upgrade actor devices", limit: limit
            )
        }
    }
}

extension TopUpVerbs {
    struct VoidPack: Irreversible {
        static let name = "void"
        static let about = "Voids the units of a pack that are not used (owners only)."
        static let example = "topup void acme 3 --cause 'billed twice' --yes"
        @Argument(help: .account) var account: String
        @Argument(help: "Its id in the list.") var pack: UInt64
        @Option(help: .cause) var cause: String
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest {
            .post("accounts/\(account.escaped)/topups/\(pack)/void", ["cause": cause])
        }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let found = try await gateway.first(
                of: "accounts/\(account.escaped)/topups",
                where: { $0["id"]?.integer == Int64(clamping: pack) })
            guard let found else {
                throw Failure(
                    text: "account \(account) has no pack \(pack)\n"
                        + "  See 'tollgate topup list \(account)'.")
            }
            return "pack \(pack) of account \(account) is voided:"
                + " \(found["remaining"]?.integer ?? 0) of its \(found["quantity"]?.integer ?? 0) units"
                + " (\(found["kind"]?.text ?? "?")) are lost"
        }
    }
}

/// What a new top-up pack is made of.
struct PackOptions: ParsableArguments {
    @Argument(help: .account) var account: String
    @Option(help: "messages or ota.") var kind: String
    @Option(help: "Messages, or OTA attempts of 5 MB (5,242,880 bytes).") var quantity: Int64
    @Option(help: "When it ends, like 2027-01-01T00:00:00Z.") var expiresAt: String

    func entered(as source: String) -> APIRequest {
        .post(
            "accounts/\(account.escaped)/topups",
            ["kind": kind, "source": source, "quantity": quantity, "expiresAt": expiresAt])
    }
}
