import Admin
import ArgumentParser

struct KeyVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Keys of applications and operators.",
        subcommands: commands(List.self, Show.self, Create.self, Revoke.self))

    struct List: Verb {
        var request: APIRequest {
            .list("keys", by: "id name role account products createdAt revokedAt")
        }
    }

    struct Show: Verb {
        @Argument var id: String
        var request: APIRequest { .get("keys/\(id.escaped)") }
    }

    struct Create: Verb {
        static let about = "Makes a key; its secret is shown once."
        @Option var name: String
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

    struct Revoke: Verb {
        @Argument var id: String
        var request: APIRequest { .post("keys/\(id.escaped)/revoke") }
    }
}
