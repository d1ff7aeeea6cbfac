import Gateway
import HTTPTypes
import Hummingbird
import Ledger

/// What an operator does to devices.
extension Routes {
    func registerDeviceActions() {
        on(.post, "products/:pk/devices") { call in
            let (key, _) = try call.product()
            return try await Self.importDevices(key, call)
        }
        on(.post, "products/:pk/devices/:dk/disable") { call in
            try await Self.act(call) { .setDisabled($0, true) }
        }
        on(.post, "products/:pk/devices/:dk/enable") { call in
            try await Self.act(call) { .setDisabled($0, false) }
        }
        on(.post, "products/:pk/devices/:dk/activate") { call in
            try await Self.act(call) { .activateByHand($0) }
        }
        on(.post, "products/:pk/devices/:dk/reset-secret") { call in
            let (identity, _, _) = try call.device()
            var mint = call.mint
            let secret = mint.secret()
            let sealed = try call.controlPlane.secretKeys.seal(secret, for: identity)
            try await call.submit(.resetSecret(identity, secret: sealed))
            return .json([
                "dk": JSON(identity.device), "pk": JSON(identity.product),
                "secret": .text(secret.text),
            ])
        }
        on(.put, "products/:pk/devices/:dk/renewal") { call in
            var fields = try await call.fields()
            let isOn = try fields.flag("autoRenewal")
            try fields.end()
            return try await Self.act(call) { .setDeviceRenewal($0, isOn) }
        }
        on(.delete, "products/:pk/devices/:dk") { call in
            let (identity, _, _) = try call.device()
            try await call.submit(.deleteDevice(identity))
            return Response(status: .noContent)
        }
    }

    /// Submits an action on the device that the path names, and shows what became of it.
    private static func act(
        _ call: Call,
        _ action: (DeviceIdentity) -> Action
    ) async throws -> Response {
        let (identity, _, _) = try call.device()
        try await call.submit(action(identity))
        return .json(try await showDevice(call))
    }

    private static func importDevices(_ key: ProductKey, _ call: Call) async throws -> Response {
        let type = call.request.headers[.contentType]?.split(separator: ";").first
            .map { $0.filter { $0 != " " }.lowercased() }
        var mint = call.mint
        let rows: ImportRows
        switch type {
        case "text/csv": rows = try ImportRows(csv: try await call.bytes(), &mint)
        case "application/json": rows = try ImportRows(json: try await call.fields(), &mint)
        default:
            throw Problem(
                .unsupportedMediaType,
                "unsupported-media-type",
                "an import is text/csv or application/json"
            )
        }
        let devices = try rows.devices(of: key, sealedWith: call.controlPlane.secretKeys)
        try await call.submit(.importDevices(key, devices)) { rows.line(ofRow: $0) }
        guard type == "text/csv" else {
            return .json(rows.json, status: .created)
        }
        return Response(.created, "text/csv; charset=utf-8", Array(rows.csv.utf8))
    }
}
