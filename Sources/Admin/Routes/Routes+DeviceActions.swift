import Gateway
import HTTPTypes
import Hummingbird
import Ledger

/// What an operator does to devices.
extension Routes {
    mutating func registerDeviceActions() {
        registerDeviceSettings()
        on(
            .post, "products/:pk/devices/:dk/disable",
            Operation(
                "disableDevice", "Disconnect a device and refuse it (rule B12)",
                answers: .ok(.shownDevice))
        ) { call in
            try await Self.act(call) { .setDisabled($0, true) }
        }
        on(
            .post, "products/:pk/devices/:dk/enable",
            Operation(
                "enableDevice", "Take a disabled device again (rule B12)", answers: .ok(.shownDevice))
        ) { call in
            try await Self.act(call) { .setDisabled($0, false) }
        }
        on(
            .post, "products/:pk/devices/:dk/activate",
            Operation(
                "activateDevice", "Consume a code for a device by hand (rule B7)",
                answers: .ok(.shownDevice),
                problems: [.entitlementRuns, .noCodeLeft, .deviceDisabled])
        ) { call in
            try await Self.act(call) { .activateByHand($0) }
        }
    }

    private mutating func registerDeviceSettings() {
        on(
            .post, "products/:pk/devices/:dk/reset-secret",
            Operation(
                "resetSecret", "Give a device a new secret, shown once",
                answers: .ok(.deviceSecret))
        ) { call in
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
        on(
            .put, "products/:pk/devices/:dk/renewal",
            Operation(
                "setDeviceRenewal", "Except a device from automatic renewal, or not (rule B6)",
                body: .json(["autoRenewal": .flag]), answers: .ok(.shownDevice),
                problems: [.productRenewalOff])
        ) { call in
            let fields = try await call.fields()
            let isOn = try fields.flag("autoRenewal")
            return try await Self.act(call) { .setDeviceRenewal($0, isOn) }
        }
        on(
            .delete, "products/:pk/devices/:dk",
            Operation(
                "deleteDevice", "Delete a device; no code comes back (rule B8)",
                answers: .noContent)
        ) { call in
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
}
