import Admin
import ArgumentParser

/// The keys by which tokens of a product's devices are checked.
extension ProductVerbs {
    struct TokenKeys: Verb {
        static let about = "The keys that its devices' tokens are checked by, without secrets."
        static let example = "product token-keys lamp"
        @Argument(help: .product) var pk: String
        var request: APIRequest {
            .list("products/\(pk.escaped)/token-keys", by: "id algorithm audience addedAt")
        }
    }

    struct AddTokenKey: Verb {
        static let about = "Has tokens taken that a key has signed: JSON Web Tokens of its devices."
        static let discussion =
            "Its dialect must accept them: product set-dialect lamp --proof jwt --proof tollgate."
        static let example = "product add-token-key lamp 2027-01 --from issuer.pem"
        @Argument(help: .product) var pk: String
        @Argument(help: "What tokens name it by: kid of their header.") var id: String
        @Option(
            help:
                "A file with a public key of P-256 or Ed25519 (PEM or JSON Web Key), or a JSON Web Key of kind oct; - is standard input."
        )
        var from: String
        @Option(help: "What aud of a token must contain. Default: the ProductKey.")
        var audience: String?
        var request: APIRequest {
            get throws(Failure) {
                let key = String(decoding: try UploadSource(from).all(), as: UTF8.self)
                return .post(
                    "products/\(pk.escaped)/token-keys",
                    ["id": id, "key": key, "audience": audience])
            }
        }
    }

    struct RemoveTokenKey: Irreversible {
        static let about = "Takes no tokens of a key any more; devices that are connected stay."
        static let example = "product remove-token-key lamp 2026-01 --yes"
        @Argument(help: .product) var pk: String
        @Argument(help: "The key's id.") var id: String
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .delete("products/\(pk.escaped)/token-keys/\(id.escaped)") }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let product = try await gateway.product(pk)
            return
                "\(product.text) takes no tokens of key \(id) any more: devices that have one are refused when they connect again"
        }
    }
}
