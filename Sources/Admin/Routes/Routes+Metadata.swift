import Gateway
import Hummingbird
import Ledger

/// What users note about their accounts, products and devices: a merge patch each (RFC 7396).
extension Routes {
    mutating func registerMetadata() {
        on(
            .patch, "accounts/:account/metadata", "updateAccountMetadata",
            "Note something about an account, or take it away", body: .json(.metadataPatch),
            answers: .ok(Documents.account), problems: [.tooMuchMetadata]
        ) { call in
            let id = try call.account()
            return try await Self.merge(.account(id), call) { try Self.show(id, call) }
        }
        on(
            .patch, "products/:pk/metadata", "updateProductMetadata",
            "Note something about a product, or take it away", body: .json(.metadataPatch),
            answers: .ok(Documents.product), problems: [.tooMuchMetadata]
        ) { call in
            let (key, _) = try call.product()
            return try await Self.merge(.product(key), call) {
                try await Self.showProduct(key, call)
            }
        }
        on(
            .patch, "products/:pk/devices/:dk/metadata", "updateDeviceMetadata",
            "Note something about a device, or take it away", body: .json(.metadataPatch),
            answers: .ok(.shownDevice), problems: [.tooMuchMetadata]
        ) { call in
            let (identity, _) = try call.identity()
            return try await Self.merge(.device(identity), call) {
                try await Self.showDevice(call)
            }
        }
    }

    private static func merge(
        _ owner: MetadataOwner, _ call: Call, _ document: () async throws -> JSON
    ) async throws -> Response {
        guard case .object(let members) = try await call.json() else {
            preconditionFailure("checked by the schema")
        }
        var edits: [MetadataEdit] = []
        for member in members {
            guard let key = MetadataKey(member.name) else {
                preconditionFailure("checked by the schema")
            }
            edits.append(
                MetadataEdit(key: key, value: member.value.text.flatMap(MetadataValue.init)))
        }
        return try await call.answer(.metadata(.merge(owner, edits)), document)
    }
}
