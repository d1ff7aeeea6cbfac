import Gateway
import Hummingbird
import Ledger
import Storage
import Time

/// What devices are to be, and what they say that they are (Wire.md, "State").
extension Routes {
    mutating func registerState() {
        on(
            .get, "products/:pk/devices/:dk/state", "showState",
            "What a device is to be, and what it says that it is", answers: .ok(Documents.state)
        ) { call in
            let (identity, _, _) = try call.device()
            return .json(try Self.state(of: identity, call))
        }
        on(
            .patch, "products/:pk/devices/:dk/state", "changeState",
            "Change what a device is to be, by a merge patch (RFC 7396); it hears of that when it is connected",
            access: .everyone, body: .desired, answers: .ok(Documents.state),
            problems: Self.stateProblems
        ) { call in try await Self.change(call, isMerge: true) }
        on(
            .put, "products/:pk/devices/:dk/state", "setState",
            "Say anew what a device is to be; it hears of that when it is connected",
            access: .everyone, body: .desired, answers: .ok(Documents.state),
            problems: Self.stateProblems
        ) { call in try await Self.change(call, isMerge: false) }
        on(
            .put, "products/:pk/state", "countState",
            "Have what a product's devices say of their states counted as messages, or held to a pace instead",
            body: .json(["counted": .flag]), answers: .ok(Documents.product)
        ) { call in
            let (key, _) = try call.product()
            let isCounted = try await call.fields().flag("counted")
            return try await call.answer(.products(.countState(key, isCounted))) {
                try await Self.showProduct(key, call)
            }
        }
    }

    private static var stateProblems: [Reason] {
        [.stateInvalid, .stateTooLarge, .stateVersionMismatch, .stateRateExceeded]
    }

    private static func change(_ call: Call, isMerge: Bool) async throws -> Response {
        let (identity, _) = try call.identity()
        let body = try await call.json()
        let edit = DesiredEdit(
            try patch(body["desired"] ?? [:]), isMerge: isMerge,
            expected: body["version"]?.integer.map { UInt64(clamping: $0) })
        return try await call.answer(.devices(.changeDesired(identity, edit))) {
            try state(of: identity, call)
        }
    }

    private static func patch(_ json: JSON) throws(Problem) -> StatePatch {
        do throws(StateFault) {
            return try StatePatch(json: json.bytes)
        } catch {
            throw Problem(
                error == .tooLarge ? .stateTooLarge : .stateInvalid, "desired: \(error.text)")
        }
    }

    static func state(of identity: DeviceIdentity, _ call: Call) throws -> JSON {
        let books = try call.read { books, transaction throws(StoreError) in
            try books.registeredState(of: identity, in: transaction)
        }
        guard let books else { throw Problem(.devices(.unknown(identity))) }
        let reported = try call.controlPlane.reportedState(
            of: identity, registeredAt: books.registeredAt)
        return Documents.state((identity, books.desired, reported))
    }
}

extension Body {
    /// A desired document, or a patch of one, and the version that it is meant for.
    fileprivate static let desired = json(
        [
            "desired": .noted(
                .openObject([:]),
                "At most \(StateDocument.byteMaximum) bytes without spaces, \(StateDocument.depthMaximum) objects and arrays deep; null takes a member away."
            ),
            "version": .optional(
                .count, "Carried out only when the desired document has this version."),
        ], upTo: JSONLimit(bytes: 65_536, values: 10_000))
}

extension StateDocument: Documented {
    static var schema: Schema { .openObject([:]) }
    var json: JSON { JSON(parsing: Array(text.utf8)) ?? .null }
}

extension Documents {
    static let state = Shape<
        (identity: DeviceIdentity, desired: DesiredState, reported: ReportedState)
    >("DeviceState") {
        Member("dk", \.identity.device)
        Member("pk", \.identity.product)
        Member("desired", \.desired.document, "What the platform has said that it is to be.")
        Member("desiredVersion", \.desired.version, "One more with each change; 0: none was made.")
        Member("desiredChangedAt") { $0.desired.version > 0 ? $0.desired.changedAt : nil }
        Member(
            "confirmedVersion", \.reported.desired,
            "The desired version that the device has, as it says; 0: it has not said that.")
        Member("reported", \.reported.document, "What the device has said that it is.")
        Member("reportedVersion", \.reported.version)
        Member("reportedChangedAt") { $0.reported.version > 0 ? $0.reported.changedAt : nil }
    }
}
