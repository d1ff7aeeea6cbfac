import Gateway
import Hummingbird
import Ledger
import Time

/// A product's secret, by which its devices register themselves: shown, changed, and taken away.
extension Routes {
    mutating func registerProductSecrets() {
        on(
            .get, "products/:pk/secret",
            Operation(
                "showProductSecret", "The secret that a product's devices register with",
                access: .managers, answers: .ok(.productSecret))
        ) { call in
            let (key, record) = try call.product()
            return .json(try Self.document(key, record, call))
        }
        on(
            .post, "products/:pk/secret/rotate",
            Operation(
                "rotateProductSecret",
                "Give a product another secret; the one before is taken for a while still",
                body: .json([
                    "overlapHours": .noted(
                        .optional(.integer(0...8_760)), "24 by default; 0: no longer at all.")
                ]),
                answers: .ok(.productSecret))
        ) { call in
            let (key, _) = try call.product()
            let hours = try await call.fields().optionalNumber("overlapHours") ?? 24
            var mint = call.mint
            let secret = mint.secret()
            let action = ProductSecretAction.rotate(
                key, secret: try call.controlPlane.secretKeys.seal(secret, for: key),
                overlapMilliseconds: UInt64(hours) * 3_600_000)
            guard
                case .changed(.productSecrets(.rotated(_, let until))) = try await call.submit(
                    .productSecrets(action))
            else { preconditionFailure("a secret was rotated") }
            return .json(
                Self.document(key, secret, previousUntil: hours == 0 ? nil : until))
        }
        on(
            .post, "products/:pk/secret/revoke",
            Operation(
                "revokeProductSecret",
                "Let no device register itself by a secret, until there is another one",
                answers: .ok(.productSecret))
        ) { call in
            let (key, _) = try call.product()
            try await call.submit(.productSecrets(.revoke(key)))
            return .json(Self.document(key, nil, previousUntil: nil))
        }
    }

    private static func document(
        _ key: ProductKey,
        _ record: ProductRecord,
        _ call: Call
    ) throws -> JSON {
        let secret = try record.secret.flatMap {
            try call.controlPlane.secretKeys.open($0, of: key)
        }
        let isTaken = record.previousSecret(at: call.controlPlane.now) != nil
        return document(key, secret, previousUntil: isTaken ? record.previousUntil : nil)
    }

    private static func document(
        _ key: ProductKey,
        _ secret: Secret?,
        previousUntil: Timestamp?
    ) -> JSON {
        [
            "pk": JSON(key),
            "secret": secret.map { .text($0.text) } ?? .null,
            "previousUntil": JSON(previousUntil),
        ]
    }
}
