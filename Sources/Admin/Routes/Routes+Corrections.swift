import Gateway
import Hummingbird
import Ledger

/// What owners take back (rules A11 and B17).
extension Routes {
    private static let cause = Schema.noted(.name, "Why; the history keeps it.")

    mutating func registerCorrections() {
        registerVoidedCodes()
        on(
            .post, "accounts/:account/topups/:topup/void",
            Operation(
                "voidTopUp",
                "Void the units of a top-up pack that are not used; its id names it (rule A11)",
                access: .owner, body: .json(["cause": Self.cause]), answers: .ok(.correction),
                problems: [.nothingToVoid])
        ) { call in
            let action = CorrectionAction.voidTopUp(
                try call.account(), pack: call.parameter("topup") { UInt64($0) },
                cause: try await call.fields().text("cause"))
            return try await Self.correct(action, call)
        }
        on(
            .post, "products/:pk/devices/:dk/void-activation",
            Operation(
                "voidActivation",
                "Take back the latest code that a device has consumed (rule A11)",
                access: .owner, body: .json(["cause": Self.cause]), answers: .ok(.correction),
                problems: [.nothingConsumed])
        ) { call in
            let (identity, _) = try call.identity()
            let cause = try await call.fields().text("cause")
            return try await Self.correct(.voidConsumption(identity, cause: cause), call)
        }
        on(
            .post, "products/:pk/devices/:dk/move",
            Operation(
                "moveEntitlement",
                "Give a device's running entitlement to another one: return and repair (rule B17)",
                access: .owner,
                body: .json([
                    "to": .noted(.id(DeviceKey.self), "A device of the same product."),
                    "cause": Self.cause,
                ]),
                answers: .ok(.correction),
                problems: [.nothingRuns, .entitlementRuns, .deviceDisabled])
        ) { call in
            let (identity, _) = try call.identity()
            let fields = try await call.fields()
            let action = CorrectionAction.move(
                identity, to: try fields.required("to", DeviceKey.init),
                cause: try fields.text("cause"))
            return try await Self.correct(action, call)
        }
    }

    private mutating func registerVoidedCodes() {
        on(
            .post, "accounts/:account/purchases/:code/void",
            Operation(
                "voidPurchase",
                "Void the codes of a purchase that are not consumed; its first code names it (rule A11)",
                access: .owner, body: .json(["cause": Self.cause]), answers: .ok(.correction),
                problems: [.nothingToVoid])
        ) { call in
            let action = CorrectionAction.voidPurchase(
                try call.account(),
                first: call.parameter("code") { ActivationCode($0) ?? ActivationCode(serial: 0) },
                cause: try await call.fields().text("cause"))
            return try await Self.correct(action, call)
        }
        on(
            .post, "accounts/:account/assignments/:assignment/void",
            Operation(
                "voidAssignment",
                "Take the codes of an assignment back that are not consumed (rule A11)",
                access: .owner, body: .json(["cause": Self.cause]), answers: .ok(.correction),
                problems: [.nothingToVoid])
        ) { call in
            let action = CorrectionAction.voidAssignment(
                try call.account(),
                sequence: call.parameter("assignment") { UInt64($0) },
                cause: try await call.fields().text("cause"))
            return try await Self.correct(action, call)
        }
    }

    private static func correct(_ action: CorrectionAction, _ call: Call) async throws -> Response {
        guard
            case .changed(.corrections(let correction)) = try await call.submit(
                .corrections(action))
        else { preconditionFailure("a correction corrects") }
        return .json(Documents.correction(correction))
    }
}
