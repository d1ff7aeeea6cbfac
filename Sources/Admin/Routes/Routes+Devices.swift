import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import Storage
import Time

/// Devices, as they are: lists, their codes, their usage, their connection.
extension Routes {
    mutating func registerDevices() {
        registerDeviceViews()
        on(
            .get, "products/:pk/devices",
            Operation(
                "listDevices", "The devices of a product, by key; active ones by their end",
                query: [Parameter("state", .choice(DeviceState.self), "In that state.")],
                answers: .page(of: .device))
        ) { call in
            let (key, product) = try call.product()
            let state = try call.query("state", DeviceState.init(named:))
            let now = call.controlPlane.now
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.devices(
                    of: key, state: state, at: now, cursor: cursor, limit: limit, in: transaction)
            }
            let identities = page.elements.map {
                DeviceIdentity(product: key, device: $0.device)
            }
            let presence = try await call.controlPlane.presence(of: identities)
            let items = zip(identities, zip(page.elements, presence)).map { identity, rest in
                Documents.device(identity, rest.0.record, product, rest.1, at: now)
            }
            return call.list(items, cursor: page.cursor)
        }
        on(
            .get, "products/:pk/devices/:dk",
            Operation(
                "showDevice", "A device, and how its last connections went",
                answers: .ok(.shownDevice))
        ) { call in
            .json(try await Self.showDevice(call))
        }
        on(
            .get, "products/:pk/devices/:dk/activations",
            Operation(
                "listActivations", "The codes that a device has consumed (rule B10)",
                answers: .page(of: .activation))
        ) { call in
            let (identity, _) = try call.identity()
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.activations(
                    of: identity, cursor: cursor, limit: limit, in: transaction)
            }
            return call.list(page.elements.map(Documents.activation), cursor: page.cursor)
        }
    }

    private mutating func registerDeviceViews() {
        on(
            .get, "products/:pk/blacklist",
            Operation(
                "listBlacklist",
                "The devices that automatic renewal leaves out (rule B6), deleted ones too, by key",
                answers: .page(of: .blacklisted))
        ) { call in
            let (key, _) = try call.product()
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.blacklist(of: key, cursor: cursor, limit: limit, in: transaction)
            }
            let items = page.elements.map { device, record in
                Documents.blacklisted(DeviceIdentity(product: key, device: device), record)
            }
            return call.list(items, cursor: page.cursor)
        }
        on(
            .get, "products/:pk/devices/:dk/admission",
            Operation(
                "showAdmission", "What a connection would get now, without doing it (rule B15)",
                answers: .ok(.decision))
        ) { call in
            let (identity, _) = try call.identity()
            let now = call.controlPlane.now
            let decision = try call.read { (books, transaction) throws(StoreError) in
                try books.admission(of: identity, at: now, in: transaction)
            }
            let outcomes = await call.controlPlane.outcomes(of: identity)
            return .json(Documents.decision(decision, outcomes))
        }
        on(
            .get, "products/:pk/devices/:dk/usage",
            Operation(
                "showUsage", "The messages of a device, day by day (rule C8)",
                answers: .ok(.usage))
        ) { call in
            let (identity, product, _) = try call.device()
            let usage = try await call.controlPlane.usage(of: identity)
            return .json(Documents.usage(usage, limit: product.allowance?.messagesPerDay))
        }
        on(
            .get, "products/:pk/devices/:dk/connection",
            Operation(
                "showConnection", "How a device is connected", answers: .ok(.connection),
                problems: [.notConnected])
        ) { call in
            let (identity, _, _) = try call.device()
            guard let connection = await call.controlPlane.connection(of: identity) else {
                throw Problem(.notConnected, "\(identity) is not connected")
            }
            return .json(Documents.connection(connection))
        }
        on(
            .delete, "products/:pk/devices/:dk/connection",
            Operation(
                "endConnection", "End the connection of a device; it may connect again",
                answers: .noContent, problems: [.notConnected], isRemembered: false)
        ) { call in
            let (identity, _, _) = try call.device()
            guard await call.controlPlane.kick(identity) else {
                throw Problem(.notConnected, "\(identity) is not connected")
            }
            return Response(status: .noContent)
        }
    }

    mutating func registerTrace() {
        on(
            .get, "products/:pk/devices/:dk/trace",
            Operation(
                "traceDevice",
                """
                What happens to a device from now on, as server-sent events: connected, refused, packet, \
                ended, and dropped, when the reader is too slow
                """,
                access: .operators, answers: .eventStream,
                problems: [.notAcceptable, .tooManyStreams])
        ) { call in
            let (identity, _, _) = try call.device()
            guard call.request.accepts("text/event-stream") else {
                throw Problem(.notAcceptable, "the answer is text/event-stream")
            }
            guard let slot = call.server.traces.slot() else {
                var problem = Problem(
                    .tooManyStreams, "no more traces of devices can be open at once")
                problem.retryAfterSeconds = 5
                throw problem
            }
            let (request, server) = (call.request, call.server)
            return Response(
                status: .ok,
                headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
                body: ResponseBody { [slot] writer in
                    // Begun here, and not before: the body of a HEAD is never written.
                    let trace = DeviceTrace(of: identity)
                    let stream = TraceStream(trace: trace) { try server.knows(request) }
                    if await server.controlPlane.begin(trace) {
                        do {
                            try await stream.run(into: &writer, of: request)
                        } catch {
                            await server.controlPlane.end(trace)
                            throw error
                        }
                        await server.controlPlane.end(trace)
                    }
                    try await writer.finish(nil)
                    withExtendedLifetime(slot) {}
                }
            )
        }
    }

    static func showDevice(_ call: Call) async throws -> JSON {
        let (identity, product, record) = try call.device()
        let presence = try await call.controlPlane.presence(of: [identity])
        guard let presence = presence.first else {
            preconditionFailure("one answer for each device")
        }
        let outcomes = await call.controlPlane.outcomes(of: identity)
        return Documents.device(identity, record, product, presence, at: call.controlPlane.now)
            .adding("lastRefusal", Documents.outcome(outcomes.lastRefusal))
            .adding("lastEnding", Documents.outcome(outcomes.lastEnding))
    }
}

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
            try await Self.act(call) { .devices(.setDisabled($0, true)) }
        }
        on(
            .post, "products/:pk/devices/:dk/enable",
            Operation(
                "enableDevice", "Take a disabled device again (rule B12)",
                answers: .ok(.shownDevice))
        ) { call in
            try await Self.act(call) { .devices(.setDisabled($0, false)) }
        }
        on(
            .post, "products/:pk/devices/:dk/activate",
            Operation(
                "activateDevice", "Consume a code for a device by hand (rule B7)",
                answers: .ok(.shownDevice),
                problems: [.entitlementRuns, .noCodeLeft, .deviceDisabled, .clockDoubted])
        ) { call in
            try await Self.act(call) { .devices(.activateByHand($0)) }
        }
    }

    private mutating func registerDeviceSettings() {
        on(
            .post, "products/:pk/devices/:dk/reset-secret",
            Operation(
                "resetSecret", "Give a device a new secret, shown once",
                answers: .ok(.deviceSecret))
        ) { call in
            let (identity, _) = try call.identity()
            var mint = call.mint
            let secret = mint.secret()
            let sealed = try call.controlPlane.secretKeys.seal(secret, for: identity)
            try await call.submit(.devices(.resetSecret(identity, secret: sealed)))
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
            return try await Self.act(call) { .devices(.setRenewal($0, isOn)) }
        }
        on(
            .delete, "products/:pk/devices/:dk",
            Operation(
                "deleteDevice", "Delete a device; no code comes back (rule B8)",
                answers: .noContent)
        ) { call in
            let (identity, _) = try call.identity()
            try await call.submit(.devices(.delete(identity)))
            return Response(status: .noContent)
        }
    }

    /// Submits an action on the device that the path names, and shows what became of it.
    private static func act(
        _ call: Call,
        _ action: (DeviceIdentity) -> Action
    ) async throws -> Response {
        let (identity, _) = try call.identity()
        return .json(
            try await call.submit(action(identity)) { _ in try await showDevice(call) })
    }
}

/// Messages to devices (rule C10).
extension Routes {
    mutating func registerMessages() {
        on(
            .post, "products/:pk/devices/:dk/messages",
            Operation(
                "sendMessage", "Send a message to a device, if it is connected (rule C10)",
                access: .everyone,
                body: .json(.message, upTo: .long),
                answers: .ok(.delivery),
                problems: [
                    .notConnected, .noSubscription, .quotaExceeded, .packetTooLarge,
                    .queueFull, .messageExpired, .notStored,
                ],
                isRemembered: false)
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
        let payload: [UInt8]
        if let bytes = try fields.optional("payloadBase64", Base64.decoded) {
            payload = bytes
        } else {
            payload = Array(try fields.text("payload").utf8)
        }
        self.init(
            topic: try fields.required("topic", Topic.init),
            payload: payload,
            isAtLeastOnce: try fields.optionalNumber("qos") != 0
        )
    }
}
