import Gateway
import Hummingbird
import Ledger
import NIOCore
import Storage

/// What is done to many devices at once.
enum BulkAction: Choice {
    case disable
    case enable
    case kick
    case renewalOn
    case renewalOff
    case delete

    var name: String {
        switch self {
        case .disable: "disable"
        case .enable: "enable"
        case .kick: "kick"
        case .renewalOn: "renewal-on"
        case .renewalOff: "renewal-off"
        case .delete: "delete"
        }
    }

    /// `nil`: it is no change of the books.
    func action(on device: DeviceIdentity) -> Action? {
        switch self {
        case .disable: .devices(.setDisabled(device, true))
        case .enable: .devices(.setDisabled(device, false))
        case .kick: nil
        case .renewalOn: .devices(.setRenewal(device, true))
        case .renewalOff: .devices(.setRenewal(device, false))
        case .delete: .devices(.delete(device))
        }
    }
}

extension Schema {
    /// The devices by their keys, or by what a list is searched for; without any of that, all.
    static let bulkRequest = either([
        object([
            "action": .choice(BulkAction.self),
            "devices": .list(.id(DeviceKey.self), counts: 1...BulkChange.devicesMaximum),
            "dryRun": dryRun,
        ]),
        object([
            "action": .choice(BulkAction.self),
            "filter": .noted(
                .object([
                    "state": .optional(.choice(DeviceState.self)),
                    "like": .optional(.text(.init(lengths: 1...64, alphabet: .printable))),
                    "online": .optional(.flag),
                    "metadata": .optional(.metadataMatch),
                ]), "As a list of devices takes it; without members, all devices."),
            "dryRun": dryRun,
        ]),
    ])

    private static let dryRun = noted(.optional(.flag), "Only say what would be done.")
}

/// The same with many devices of a product (issued one command each, so that no other one waits for all of them).
extension Routes {
    mutating func registerBulk() {
        on(
            .post, "products/:pk/bulk", "changeDevices",
            """
            Do the same to many devices of a product: a line of JSON for each as it is done, with dk, outcome (done, \
            unchanged or refused), and reason and detail of a refusal; the last line has the sums, and without it \
            the work was broken off
            """,
            body: .json(.bulkRequest, upTo: .list(BulkChange.devicesMaximum / 2)),
            answers: Answer(status: .ok, note: "Lines of JSON.").or("application/x-ndjson"),
            problems: [.tooManyStreams], isRemembered: false
        ) { call in
            let (key, _) = try call.product()
            let fields = try await call.fields()
            let bulk = BulkChange(
                product: key,
                action: try fields.required("action", BulkAction.init(named:)),
                isDryRun: try fields.optionalFlag("dryRun") ?? false, call: call)
            let listed = try fields.optionalArray("devices")?.compactMap {
                $0.text.flatMap(DeviceKey.init)
            }
            let filter = try DeviceSearch(fields)
            return try call.server.bulks.stream(
                named: "bulk operations", for: call.principal.tenant, as: "application/x-ndjson"
            ) { writer in
                if let listed {
                    try await bulk.run(on: listed, into: &writer)
                } else {
                    try await bulk.run(on: filter, into: &writer)
                }
            }
        }
    }
}

extension DeviceSearch {
    /// What a bulk request has as its filter.
    fileprivate init(_ fields: Fields) throws(Problem) {
        let filter = Fields(try fields.optionalObject("filter") ?? .null)
        self.init(
            state: try filter.optional("state", DeviceState.init(named:)),
            like: try filter.optionalText("like").map(Search.init),
            isOnline: try filter.optionalFlag("online"),
            noted: try filter.optional("metadata", MetadataMatch.init))
    }
}

/// One bulk operation: some devices at once, so that others are served meanwhile.
struct BulkChange: Sendable {
    /// By their keys, in one request.
    static let devicesMaximum = 10_000

    /// Under way at once.
    private static let width = 32

    let product: ProductKey
    let action: BulkAction
    let isDryRun: Bool
    let call: Call

    private enum Outcome {
        case done
        case unchanged
        case refused(Reason, String)
    }

    private struct Sums {
        var done = 0
        var unchanged = 0
        var refused = 0

        mutating func count(_ outcome: Outcome) {
            switch outcome {
            case .done: done += 1
            case .unchanged: unchanged += 1
            case .refused: refused += 1
            }
        }
    }

    @concurrent func run(on devices: [DeviceKey], into writer: inout any ResponseBodyWriter)
        async throws
    {
        var sums = Sums()
        guard try await carryOut(on: devices, &sums, into: &writer) else { return }
        try await end(sums, into: &writer)
    }

    /// The list is looked through as it is worked off.
    @concurrent func run(on search: DeviceSearch, into writer: inout any ResponseBodyWriter)
        async throws
    {
        var sums = Sums()
        var cursor: String?
        repeat {
            let page = try await call.devices(of: product, search, from: cursor, limit: 500)
            let devices = page.found.map(\.identity.device)
            guard try await carryOut(on: devices, &sums, into: &writer) else { return }
            cursor = page.cursor
        } while cursor != nil
        try await end(sums, into: &writer)
    }

    /// False when the caller may do no more.
    @concurrent private func carryOut(
        on devices: [DeviceKey],
        _ sums: inout Sums,
        into writer: inout any ResponseBodyWriter
    ) async throws -> Bool {
        for start in stride(from: 0, to: devices.count, by: Self.width) {
            guard try call.server.known(call.request) != nil else { return false }
            let part = Array(devices[start..<min(start + Self.width, devices.count)])
            let outcomes = await outcomes(of: part)
            var text = ByteBuffer()
            for (device, outcome) in zip(part, outcomes) {
                sums.count(outcome)
                text.writeBytes(Self.line(device, outcome).bytes)
                text.writeString("\n")
            }
            try await writer.write(text)
        }
        return true
    }

    /// In the order of the devices.
    private func outcomes(of devices: [DeviceKey]) async -> [Outcome] {
        await devices.mapAtOnce { device in
            await outcome(of: DeviceIdentity(product: product, device: device))
        }
    }

    private func outcome(of device: DeviceIdentity) async -> Outcome {
        do {
            guard !isDryRun, let action = action.action(on: device) else {
                return try await outlook(of: device)
            }
            let command = Command(
                at: call.controlPlane.now, actor: call.principal.actor, action: action)
            switch try await call.controlPlane.submit(command) {
            case .done(.unchanged), .repeated(.unchanged): return .unchanged
            case .done, .repeated: return .done
            case .refused(let refusal): return .refused(Reason(refusal), "\(refusal)")
            }
        } catch let problem as Problem {
            return .refused(problem.reason, problem.detail)
        } catch {
            return .refused(.ledgerUnavailable, "\(error)")
        }
    }

    /// What a dry run says. Of connections, which are no matter of the books, also what is done.
    private func outlook(of device: DeviceIdentity) async throws -> Outcome {
        let (product, record) = try call.read {
            (try $0.product(device.product, in: $1), try $0.device(device, in: $1))
        }
        guard let product, !product.isDeleted else {
            throw Problem(.products(.unknown(device.product)))
        }
        let isKnown = record?.isRegistered == true
        switch action {
        case .disable, .enable:
            // A deleted device can be disabled as well (rule B12).
            guard let record else { throw Problem(.devices(.unknown(device))) }
            return record.isDisabled == (action == .disable) ? .unchanged : .done
        case .renewalOn, .renewalOff:
            guard product.autoRenewal else { throw Problem(.products(.renewalOff(device.product))) }
            guard let record, isKnown else { throw Problem(.devices(.unknown(device))) }
            return record.isExceptedFromRenewal == (action == .renewalOff) ? .unchanged : .done
        case .delete:
            guard isKnown else { throw Problem(.devices(.unknown(device))) }
            return .done
        case .kick:
            guard isKnown else { throw Problem(.devices(.unknown(device))) }
            let isDone =
                isDryRun
                ? try await call.controlPlane.presence(of: [device]).first?.isOnline == true
                : await call.controlPlane.kick(device)
            guard isDone else { throw Problem(.notConnected, "\(device) is not connected") }
            return .done
        }
    }

    private static func line(_ device: DeviceKey, _ outcome: Outcome) -> JSON {
        switch outcome {
        case .done: ["dk": JSON(device), "outcome": "done"]
        case .unchanged: ["dk": JSON(device), "outcome": "unchanged"]
        case .refused(let reason, let detail):
            [
                "dk": JSON(device), "outcome": "refused", "reason": .text(reason.name),
                "detail": .text(detail),
            ]
        }
    }

    @concurrent private func end(_ sums: Sums, into writer: inout any ResponseBodyWriter)
        async throws
    {
        let line: JSON = [
            "devices": JSON(sums.done + sums.unchanged + sums.refused), "done": JSON(sums.done),
            "unchanged": JSON(sums.unchanged), "refused": JSON(sums.refused),
            "dryRun": JSON(isDryRun),
        ]
        try await writer.write(ByteBuffer(bytes: line.bytes + [UInt8(ascii: "\n")]))
    }
}
