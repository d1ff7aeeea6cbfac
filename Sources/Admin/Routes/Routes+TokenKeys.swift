import Gateway
import Hummingbird
import Ledger
import Time

/// The keys by which tokens of a product's devices are checked (proof `jwt` of a dialect).
extension Routes {
    mutating func registerTokenKeys() {
        on(
            .get, "products/:pk/token-keys", "listTokenKeys",
            "The keys by which tokens of a product's devices are checked, by id, without secrets",
            access: .managers, answers: .page(of: Documents.tokenKey)
        ) { call in
            let (product, _) = try call.product()
            return try call.list(Documents.tokenKey) {
                try $0.tokenKeys(of: product, cursor: $1, limit: $2, in: $3)
            }
        }
        on(
            .post, "products/:pk/token-keys", "addTokenKey",
            "Have tokens taken that a key has signed; up to 8 keys at once, so that one can follow another",
            body: .json([
                "id": .noted(.id(TokenKeyID.self), "What tokens name it by: kid of their header."),
                "key": .noted(
                    .tokenKey,
                    "A public key of P-256 (ES256) or Ed25519 (EdDSA) as PEM or JSON Web Key; a JSON Web Key of kind oct for HS256."
                ),
                "audience": .optional(
                    .tokenAudience,
                    "What aud of a token must contain; by default the product's key."
                ),
            ]),
            answers: .created(Documents.tokenKey), problems: [.alreadyExists, .limitReached]
        ) { call in
            let (product, _) = try call.product()
            let key = try Self.tokenKey(of: product, try await call.fields(), call)
            let shown = try await call.submit(.products(.addTokenKey(product, key))) { _ in
                Documents.tokenKey(
                    try call.read(or: .products(.unknownTokenKey(product, key.id))) {
                        try $0.tokenKey(key.id, of: product, in: $1)
                    })
            }
            return call.created(shown, at: "/v1/products/\(product)/token-keys")
        }
        on(
            .delete, "products/:pk/token-keys/:tokenKey", "removeTokenKey",
            "Take no tokens of a key any more; devices that are connected stay",
            answers: .noContent
        ) { call in
            let (product, _) = try call.product()
            let id = call.parameter("tokenKey", TokenKeyID.init)
            try await call.submit(.products(.removeTokenKey(product, id)))
            return Response(status: .noContent)
        }
    }

    private static func tokenKey(
        of product: ProductKey, _ fields: Fields, _ call: Call
    ) throws -> TokenKey {
        let id = try fields.required("id", TokenKeyID.init)
        let text = try fields.text("key")
        let given: GivenTokenKey
        do throws(GivenTokenKey.Fault) {
            given = try GivenTokenKey(text)
        } catch {
            throw Problem.invalid("key: \(error)")
        }
        let key = try given.sealed(
            as: id, of: product, audience: try fields.optionalText("audience"),
            with: call.controlPlane.secretKeys)
        guard let key else {
            throw Problem.invalid(
                "audience: must have 1 to \(TokenKey.audienceMaximumLength) bytes")
        }
        return key
    }
}

extension Schema {
    static let tokenKey = text(
        Text(
            lengths: 1...GivenTokenKey.maximumLength,
            form:
                "^[{]\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\"[}]$",
            example:
                "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
        ))
    static let tokenAudience = text(
        Text(lengths: 1...TokenKey.audienceMaximumLength, alphabet: .printable))
}

extension TokenKeyID: Documented {
    static var schema: Schema { .id(Self.self) }
}

extension TokenAlgorithm: Choice {}

extension Documents {
    static let tokenKey = Shape<TokenKeyRecord>("TokenKey") {
        Member("id", \.key.id, "kid of the tokens' header.")
        Member("algorithm", \.key.material.algorithm)
        Member("audience", \.key.audience, "Null: the product's key.")
        Member("addedAt", \.addedAt)
    }
}
