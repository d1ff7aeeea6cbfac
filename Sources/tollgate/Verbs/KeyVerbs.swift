import Admin
import ArgumentParser

struct KeyVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Keys of applications and operators.",
        subcommands: commands(List.self, Show.self, Create.self, Rename.self, Revoke.self))

    struct List: Verb {
        static let about = "The keys of applications and operators, revoked ones too."
        static let example = "key list"
        var request: APIRequest {
            .list("keys", by: "id name role account createdAt revokedAt | products")
        }
    }

    struct Show: Verb {
        static let about = "A key, without its secret."
        static let example = "key show keyAbC123"
        @Argument(help: "The key's id.") var id: String
        var request: APIRequest { .get("keys/\(id.escaped)") }
    }

    struct Create: Verb {
        static let about = "Makes a key; its secret is shown once."
        static let example = "key create --name Billing --role application --account acme"
        @Option(help: .name) var name: String
        @Option(help: "application, operator, sub-account or owner.") var role = "application"
        @Option(
            help: "The account it reaches; when left out, every account, or the products alone.")
        var account: String?
        @Option(
            parsing: .upToNextOption,
            help: "The products it reaches; all of the account's when left out."
        )
        var products: [String] = []
        var request: APIRequest {
            let products: JSON? = products.isEmpty ? nil : .array(products.map { .text($0) })
            return .post(
                "keys", ["name": name, "role": role, "account": account, "products": products])
        }
    }

    struct Rename: Verb {
        static let about = "Gives a key another name; its id and its secret stay."
        static let example = "key rename keyAbC123 'Billing, night job'"
        @Argument(help: "The key's id.") var id: String
        @Argument(help: "The new name.") var name: String
        var request: APIRequest { .patch("keys/\(id.escaped)", ["name": name]) }
    }

    struct Revoke: Irreversible {
        static let about = "Revokes a key; it stays in the list."
        static let example = "key revoke keyAbC123 --yes"
        @Argument(help: "The key's id.") var id: String
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .post("keys/\(id.escaped)/revoke") }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let key = try await gateway.document(.get, "keys/\(id.escaped)")
            let (name, role) = (key["name"]?.text ?? "?", key["role"]?.text ?? "?")
            return
                "key \(id) (\(name)) is of the role \(role): all that uses it is disconnected and refused"
        }
    }
}
