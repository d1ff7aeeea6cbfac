import Cryptography
import Gateway
import Hummingbird
import Ledger
import Storage

/// Devices, as they are: lists, their codes, their usage, their connection.
extension Routes {
    mutating func registerDevices() {
        on(
            .get, "products/:pk/blacklist", "listBlacklist",
            "The devices that automatic renewal leaves out (rule B6), deleted ones too, by key",
            answers: .page(of: Documents.blacklisted)
        ) { call in
            let (key, _) = try call.product()
            return try call.list({
                Documents.blacklisted((DeviceIdentity(product: key, device: $0.device), $0.record))
            }) { try $0.blacklist(of: key, cursor: $1, limit: $2, in: $3) }
        }
        on(
            .get, "products/:pk/devices/:dk/admission", "showAdmission",
            "What a connection would get now, without doing it (rule B15)",
            answers: .ok(Documents.decision)
        ) { call in
            let (identity, _) = try call.identity()
            let now = call.controlPlane.now
            let decision = try call.read { try $0.admission(of: identity, at: now, in: $1) }
            let outcomes = await call.controlPlane.outcomes(of: identity)
            return .json(Documents.decision((decision, outcomes)))
        }
        on(
            .get, "products/:pk/devices/:dk/usage", "showUsage",
            "The messages of a device, day by day (rule C8)", answers: .ok(Documents.usage)
        ) { call in
            let (identity, product, record) = try call.device()
            let usage = try await call.controlPlane.usage(of: identity)
            let allowance = try call.read { try $0.allowance(of: record, product, in: $1) }
            return .json(Documents.usage((usage, allowance?.messagesPerDay)))
        }
        on(
            .get, "products/:pk/devices/:dk/connection", "showConnection",
            "How a device is connected", answers: .ok(Documents.connection),
            problems: [.notConnected]
        ) { call in
            let (identity, _, _) = try call.device()
            guard let connection = await call.controlPlane.connection(of: identity) else {
                throw Problem(.notConnected, "\(identity) is not connected")
            }
            return .json(Documents.connection(connection))
        }
        on(
            .delete, "products/:pk/devices/:dk/connection", "endConnection",
            "End the connection of a device; it may connect again", answers: .noContent,
            problems: [.notConnected], isRemembered: false
        ) { call in
            let (identity, _, _) = try call.device()
            guard await call.controlPlane.kick(identity) else {
                throw Problem(.notConnected, "\(identity) is not connected")
            }
            return Response(status: .noContent)
        }
        on(
            .get, "products/:pk/devices", "listDevices",
            "The devices of a product, by key; active ones by their end; connected ones in no order",
            query: [
                Parameter("state", .choice(DeviceState.self), "In that state."),
                .search(
                    "like",
                    """
                    With that in their key or name, in capitals or not: first the device of that \
                    key, then those whose keys begin with it, then all others.
                    """),
                Parameter("online", .flag, "Connected now, or not."),
                Parameter("metadata", .metadataMatch, "With that metadata: KEY=VALUE."),
            ],
            answers: .page(of: .listedDevice)
        ) { call in try await Self.listDevices(call) }
        on(
            .get, "products/:pk/devices/:dk", "showDevice",
            "A device, and how its last connections went", answers: .ok(.shownDevice)
        ) { call in .json(try await Self.showDevice(call)) }
        on(
            .get, "products/:pk/devices/:dk/activations", "listActivations",
            "The codes that a device has consumed (rule B10)",
            answers: .page(of: Documents.activation)
        ) { call in
            let (identity, _) = try call.identity()
            return try call.list(Documents.activation) {
                try $0.activations(of: identity, cursor: $1, limit: $2, in: $3)
            }
        }
    }

    mutating func registerTrace() {
        on(
            .get, "products/:pk/devices/:dk/trace", "traceDevice",
            """
            What happens to a device from now on, as server-sent events: connected, refused, packet, \
            ended, and dropped, when the reader is too slow
            """,
            access: .operators, answers: .eventStream, problems: [.notAcceptable, .tooManyStreams]
        ) { call in
            let (identity, _, _) = try call.device()
            guard call.request.accepts("text/event-stream") else {
                throw Problem(.notAcceptable, "the answer is text/event-stream")
            }
            let (request, server) = (call.request, call.server)
            return try server.traces.stream(named: "traces of devices") { writer in
                // Begun here, and not before: the body of a HEAD is never written.
                let trace = DeviceTrace(of: identity)
                let stream = LiveStream(of: trace) { try server.knows(request) }
                guard await server.controlPlane.begin(trace) else { return }
                do {
                    try await stream.run(into: &writer, of: request)
                } catch {
                    await server.controlPlane.end(trace)
                    throw error
                }
                await server.controlPlane.end(trace)
            }
        }
    }

    mutating func registerPresence() {
        on(
            .get, "products/:pk/presence", "followPresence",
            """
            Which of a product's devices connect and disconnect from now on, at all nodes, as server-sent events: \
            connected, disconnected, and dropped, when the reader is too slow
            """,
            answers: .eventStream, problems: [.notAcceptable, .tooManyStreams]
        ) { call in
            let (key, _) = try call.product()
            guard call.request.accepts("text/event-stream") else {
                throw Problem(.notAcceptable, "the answer is text/event-stream")
            }
            let (request, server) = (call.request, call.server)
            return try server.streams.stream(
                named: "streams of presence", for: call.principal.tenant
            ) { writer in
                guard let watch = await server.controlPlane.watchPresence(of: key) else { return }
                let stream = LiveStream(of: watch) {
                    // The product may have been deleted, or the key be bound to others by now.
                    let record = try server.controlPlane.ledger.read {
                        books, transaction throws(StoreError) in
                        try books.product(key, in: transaction)
                    }
                    guard let record, !record.isDeleted, let principal = try server.known(request)
                    else { return false }
                    return principal.reaches(key, of: record.account)
                }
                do {
                    try await stream.run(into: &writer, of: request)
                } catch {
                    await server.controlPlane.end(watch)
                    throw error
                }
                await server.controlPlane.end(watch)
            }
        }
    }

    private static func listDevices(_ call: Call) async throws -> Response {
        let (key, product) = try call.product()
        let search = DeviceSearch(
            state: try call.query("state", DeviceState.init(named:)),
            like: call.query("like").map(Search.init),
            isOnline: call.query("online").map { $0 == "true" },
            noted: try call.query("metadata", MetadataMatch.init))
        let now = call.controlPlane.now
        let (start, limit) = try call.page()
        let page: (found: [DeviceSearch.Found], cursor: String?)
        if search.isOnline == true {
            page = try await call.connectedDevices(of: key, search, from: start, limit: limit)
        } else if let beginning = call.query("like").flatMap(DeviceKey.init) {
            page = try await call.devices(
                of: key, beginning: beginning, search, from: start, limit: limit)
        } else {
            page = try await call.devices(of: key, search, from: start, limit: limit)
        }
        let items = page.found.map { found in
            Documents.device(
                (found.identity, found.record, product, found.presence, found.metadata, now)
            ).adding("lastRefusal", found.refusal.map { Documents.outcome($0) } ?? .null)
        }
        return call.list(items, cursor: page.cursor)
    }

    static func showDevice(_ call: Call) async throws -> JSON {
        let (identity, product, record) = try call.device()
        let presence = try await call.controlPlane.presence(of: [identity])
        guard let presence = presence.first else {
            preconditionFailure("one answer for each device")
        }
        let outcomes = await call.controlPlane.outcomes(of: identity)
        let metadata = try call.read { try $0.metadata(of: .device(identity), in: $1) }
        let shown = (identity, record, product, presence, metadata, call.controlPlane.now)
        return Documents.device(shown)
            .adding("lastRefusal", outcomes.lastRefusal.map { Documents.outcome($0) } ?? .null)
            .adding("lastEnding", outcomes.lastEnding.map { Documents.outcome($0) } ?? .null)
    }
}

/// What an operator does to devices.
extension Routes {
    mutating func registerDeviceActions() {
        on(
            .post, "products/:pk/devices/:dk/reset-secret", "resetSecret",
            "Give a device a new secret, shown once", answers: .ok(Documents.deviceSecret)
        ) { call in
            let (identity, _) = try call.identity()
            var mint = call.mint
            let secret = mint.secret()
            let sealed = try call.controlPlane.secretKeys.seal(secret, for: identity)
            try await call.submit(.devices(.resetSecret(identity, secret: sealed)))
            return .json(Documents.deviceSecret((identity, secret)))
        }
        on(
            .put, "products/:pk/devices/:dk/renewal", "setDeviceRenewal",
            "Except a device from automatic renewal, or not (rule B6)",
            body: .json(["autoRenewal": .flag]), answers: .ok(.shownDevice),
            problems: [.productRenewalOff]
        ) { call in
            let fields = try await call.fields()
            let isOn = try fields.flag("autoRenewal")
            return try await Self.act(call) { .devices(.setRenewal($0, isOn)) }
        }
        on(
            .patch, "products/:pk/devices/:dk", "renameDevice",
            "Give a device another name for people; an empty one takes it away",
            body: .json(["name": .optionalName]), answers: .ok(.shownDevice)
        ) { call in
            let name = try await call.fields().text("name")
            return try await Self.act(call) { .devices(.rename($0, name)) }
        }
        on(
            .delete, "products/:pk/devices/:dk", "deleteDevice",
            "Delete a device; no code comes back (rule B8)", answers: .noContent
        ) { call in
            let (identity, _) = try call.identity()
            try await call.submit(.devices(.delete(identity)))
            return Response(status: .noContent)
        }
        on(
            .post, "products/:pk/devices/:dk/disable", "disableDevice",
            "Disconnect a device and refuse it (rule B12)", answers: .ok(.shownDevice)
        ) { call in try await Self.act(call) { .devices(.setDisabled($0, true)) } }
        on(
            .post, "products/:pk/devices/:dk/enable", "enableDevice",
            "Take a disabled device again (rule B12)", answers: .ok(.shownDevice)
        ) { call in try await Self.act(call) { .devices(.setDisabled($0, false)) } }
        on(
            .post, "products/:pk/devices/:dk/activate", "activateDevice",
            "Consume a code for a device by hand (rule B7)", answers: .ok(.shownDevice),
            problems: [.entitlementRuns, .noCodeLeft, .deviceDisabled, .clockDoubted]
        ) { call in try await Self.act(call) { .devices(.activateByHand($0)) } }
    }

    /// Submits an action on the device that the path names, and shows what became of it.
    static func act(
        _ call: Call,
        _ action: (DeviceIdentity) -> Action
    ) async throws -> Response {
        let (identity, _) = try call.identity()
        return try await call.answer(action(identity)) { try await showDevice(call) }
    }
}

/// Messages to devices (rule C10).
extension Routes {
    mutating func registerMessages() {
        on(
            .post, "products/:pk/devices/:dk/messages", "sendMessage",
            "Send a message to a device, if it is connected (rule C10)", access: .everyone,
            body: .json(.message, upTo: .long), answers: .ok(Documents.delivery),
            problems: [
                .notConnected, .noSubscription, .quotaExceeded, .packetTooLarge,
                .queueFull, .messageExpired, .notStored,
            ], isRemembered: false
        ) { call in
            let (identity, _, _) = try call.device()
            let downlink = try Downlink(try await call.fields())
            let outcome = await call.controlPlane.send(downlink, to: identity)
            if let reason = outcome.refusal { throw Problem(reason, "\(identity): \(reason.text)") }
            return .json(Documents.delivery(outcome))
        }
    }
}

extension Downlink {
    /// What the body of a request says; QoS 1 unless it says otherwise.
    fileprivate init(_ fields: Fields) throws(Problem) {
        let bytes = try fields.optional("payloadBase64", Base64.decoded)
        let payload = if let bytes { bytes } else { Array(try fields.text("payload").utf8) }
        self.init(
            topic: try fields.required("topic", Topic.init),
            payload: payload,
            isAtLeastOnce: try fields.optionalNumber("qos") != 0
        )
    }
}
