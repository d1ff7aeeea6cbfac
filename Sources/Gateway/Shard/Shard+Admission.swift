import Bytes
import Cryptography
import Ledger
import Linux
import MQTT
import Metering
import Reactor
import Storage
import TLS
import Time

// What follows a decision: the ledger's part, CONNACK, taking over, registering, renewing.
extension Shard {
    // MARK: The ledger's part

    /// A code has to be consumed: the device waits until that is on disk (rule B1).
    mutating func requestActivation(
        _ slot: UInt32,
        _ identity: DeviceIdentity,
        confirmsSecret: SecretFingerprint?
    ) {
        counters.add(.activationsRequested)
        pendingAdmissions.begin()
        let action = Action.activate(
            identity, confirmsSecret: confirmsSecret, at: commons.dataCentre)
        park(slot, action) { .admissionAnswered($0, $1) }
    }

    /// The device wants to be given its secret.
    mutating func requestRegistration(_ slot: UInt32, _ identity: DeviceIdentity) {
        guard let secret = Secret(RandomBytes.hexadecimal(32)) else {
            preconditionFailure("hexadecimal digits are a secret")
        }
        do throws(CryptoError) {
            let sealed = try secrets.seal(secret, for: identity)
            park(slot, .registerDevice(identity, secret: sealed)) { .registrationAnswered($0, $1) }
        } catch {
            refuseConnect(slot, .ledgerUnavailable)
        }
    }

    /// The entitlement of a connected device has ended (rules B4, B5).
    mutating func requestRenewal(_ slot: UInt32, _ identity: DeviceIdentity) {
        guard !connections[slot: slot].isRenewing, let token = connections.token(ofSlot: slot)
        else { return }
        connections[slot: slot].isRenewing = true
        note(.renewal(.asked), slot)
        let mailbox = commons.mailboxes[index]
        submit(.renew(identity, at: commons.dataCentre)) {
            mailbox.post(.renewalAnswered(token, $0))
        }
    }

    /// Parks a connection until the ledger has answered; nothing more is read from it meanwhile.
    private mutating func park(
        _ slot: UInt32,
        _ action: Action,
        _ message: @escaping @Sendable (Token, Result<Outcome, StoreError>) -> ShardMessage
    ) {
        guard let token = connections.token(ofSlot: slot) else { return }
        connections[slot: slot].phase = .admitting
        let mailbox = commons.mailboxes[index]
        submit(action) { mailbox.post(message(token, $0)) }
    }

    /// Hands a command to the ledger's writer.
    func submit(
        _ action: Action,
        completion: @escaping @Sendable (Result<Outcome, StoreError>) -> Void = { _ in }
    ) {
        let command = Command(at: clock.wall, actor: "gateway", action: action)
        commons.ledger.submit(command, completion: completion)
    }

    // MARK: The ledger's answers

    mutating func admissionAnswered(_ token: Token, _ result: Result<Outcome, StoreError>) {
        defer { pendingAdmissions.end() }
        guard connections.contains(token), connections[slot: token.slot].phase == .admitting,
            case .device(let identity) = connections[slot: token.slot].settings.client
        else { return }
        let slot = token.slot
        switch result {
        case _ where pendingAdmissions.isReset(identity): refuseConnect(slot, .badCredentials)
        case .failure(let error):
            noteStoreFailure(.admission, error, slot)
            refuseConnect(slot, .ledgerUnavailable)
        case .success(.refused(let refusal)): refuseConnect(slot, Reason(refusal).toldToClient)
        case .success(let outcome):
            guard case .entitled(let entitlement, _) = outcome.effect else {
                return refuseConnect(slot, .ledgerUnavailable)
            }
            admit(slot, until: entitlement.expiresAt)
        }
        resumeReading(slot)
    }

    /// The secret goes out in one PUBLISH, and the connection is closed (wire.md, "Registration").
    mutating func registrationAnswered(_ token: Token, _ result: Result<Outcome, StoreError>) {
        guard connections.contains(token), connections[slot: token.slot].phase == .admitting,
            case .device(let identity) = connections[slot: token.slot].settings.client
        else { return }
        let slot = token.slot
        switch result {
        case .failure(let error):
            noteStoreFailure(.registration, error, slot)
            refuseConnect(slot, .ledgerUnavailable)
        case .success(let outcome):
            guard case .registered(let sealed) = outcome.effect else {
                // Whether the device is unknown or has its secret already is not told.
                return refuseConnect(slot, .badCredentials)
            }
            guard secrets.open(sealed.bytes.span, of: identity),
                let secret = secrets.secret.text
            else { return refuseConnect(slot, .ledgerUnavailable) }
            connack(slot)
            publishUncounted(
                slot,
                Array("/ext/register".utf8),
                "{\"productKey\":\"\(identity.product)\",\"deviceName\":\"\(identity.device)\","
                    + "\"deviceSecret\":\"\(secret)\"}"
            )
            connections[slot: slot].settings.client = .unknown
            end(slot, .disconnected)
        }
    }

    mutating func renewalAnswered(_ token: Token, _ result: Result<Outcome, StoreError>) {
        guard connections.contains(token), connections[slot: token.slot].phase == .open else {
            return
        }
        let slot = token.slot
        connections[slot: slot].isRenewing = false
        switch result {
        case .success(let outcome):
            guard case .entitled(let entitlement, _) = outcome.effect else {
                note(.renewal(.notRenewed), slot)
                return endEntitlement(slot)
            }
            note(.renewal(.renewed), slot)
            connections[slot: slot].settings.expiresAt = entitlement.expiresAt
            scheduleTimer(slot)
        case .failure(let error):
            noteStoreFailure(.renewal, error, slot)
            // The device keeps running while the ledger can't answer; asked again in a while.
            wheel.schedule(slot, at: tick + Self.ticks(milliseconds: 5_000))
        }
    }

    /// Rule B5: told, disconnected, and its will is published.
    private mutating func endEntitlement(_ slot: UInt32) {
        if case .device(let identity) = connections[slot: slot].settings.client {
            submit(.endEntitlement(identity))
        }
        end(slot, .entitlementEnded)
    }

    // MARK: In

    /// Lets the client in: its older connection goes, its timers run, CONNACK says so.
    mutating func admit(_ slot: UInt32, until: Timestamp) {
        guard let token = connections.token(ofSlot: slot) else { return }
        connections[slot: slot].settings.expiresAt = until
        let name = ClientName(connections[slot: slot].settings.client)
        guard takeOver(from: name, by: token) else { return }
        let found: Bool?
        do throws(StoreError) {
            found = try openSession(for: token)
        } catch {
            counters.add(.sessionReadsFailed)
            noteStoreFailure(.sessionRead, error, slot)
            return refuseConnect(slot, .ledgerUnavailable)
        }
        guard let isPresent = found else { return refuseConnect(slot, .serverBusy) }
        connections[slot: slot].phase = .open
        connections[slot: slot].openedAt = clock.wall
        connections[slot: slot].receivedTick = tick
        if let product = connections[slot: slot].settings.productSlot {
            quota.count(1, at: product)
        }
        unadmitted -= 1
        counters.add(.connectsAdmitted)
        note(.admitted, slot)
        traceAdmission(slot)
        scheduleTimer(slot)
        connack(slot, isSessionPresent: isPresent)
        if isPresent { resumeDeliveries(slot) }
    }

    /// The new connection wins, the old one is closed ([MQTT-3.1.4-3]). False when it has to wait.
    ///
    /// What the client sent on the old one before it came back is served first: after a DISCONNECT
    /// that is still unread there is nothing to take over, and no will to be published. While a
    /// message there waits for top-up units, the new connection waits too.
    private mutating func takeOver(from name: ClientName, by newer: Token) -> Bool {
        guard let older = connection(of: name), connections[slot: older.slot].phase == .open
        else { return true }
        if connections[slot: older.slot].isReading { receive(older.slot) }
        guard connections[slot: older.slot].phase == .open else { return true }
        if connections[slot: older.slot].holdsPacket {
            stand(newer, behind: older)
            return false
        }
        counters.add(.takeovers)
        if case .device(let identity) = name {
            displacements.note(identity, at: clock.monotonic)
        }
        end(older.slot, .sessionTakenOver)
        return true
    }

    /// Lets a connection stand behind its client's older one. One that stood there already goes.
    private mutating func stand(_ newer: Token, behind older: Token) {
        if let between = connections[slot: older.slot].successor, between != newer,
            connections.contains(between)
        {
            end(between.slot, .sessionTakenOver)
        }
        connections[slot: older.slot].successor = newer
        connections[slot: newer.slot].phase = .admitting
    }

    /// The older connection has been served, or has gone: whoever stands behind it comes in, unless
    /// the gateway has sent the client away meanwhile.
    mutating func admitSuccessor(_ successor: Token, after reason: Reason?) {
        guard connections.contains(successor), connections[slot: successor.slot].phase == .admitting
        else { return }
        let slot = successor.slot
        if let reason, reason.isServers {
            refuseConnect(slot, reason)
        } else {
            admit(slot, until: connections[slot: slot].settings.expiresAt)
        }
        resumeReading(slot)
    }

    private mutating func connack(_ slot: UInt32, isSessionPresent: Bool = false) {
        let settings = connections[slot: slot].settings
        let assignedClientID = settings.isNamedByUs ? settings.client.identifier : nil
        Connack.encode(
            isSessionPresent: isSessionPresent,
            version: settings.version,
            into: &connections[slot: slot].output
        ) { properties in
            if settings.expirySeconds != settings.askedExpirySeconds {
                properties.sessionExpiryInterval(seconds: settings.expirySeconds)
            }
            properties.receiveMaximum(settings.receiveQuota)
            properties.maximumPacketSize(UInt32(settings.packetBytes))
            if let assignedClientID {
                properties.assignedClientIdentifier(assignedClientID.utf8Span.span)
            }
            if settings.inboundAliases.limit > 0 {
                properties.topicAliasMaximum(UInt16(settings.inboundAliases.limit))
            }
            if settings.isKeepAliveOurs {
                properties.serverKeepAlive(seconds: settings.keepAliveSeconds)
            }
        }
        flushLater(slot)
    }

    /// Says no to a CONNECT and closes. `version` is the one to answer in; without an argument the
    /// one that CONNECT asked for, and with `nil` nothing is said.
    mutating func refuseConnect(_ slot: UInt32, _ reason: Reason) {
        refuseConnect(slot, reason, version: connections[slot: slot].settings.version)
    }

    mutating func refuseConnect(_ slot: UInt32, _ reason: Reason, version: ProtocolVersion?) {
        let text = problemText(slot, reason.text)
        switch version {
        case .v5
        where reason.reasonCode.isAllowed(in: .connack)
            && connections[slot: slot].settings.maximumPacketSize >= 5:
            Connack.encode(
                reason: reason.reasonCode,
                version: .v5,
                into: &connections[slot: slot].output
            ) { properties in
                if let text { properties.reasonString(text.utf8Span.span) }
            }
        case .v3_1_1 where reason.returnCode != nil:
            // Encoded by the nearest return code, which the reason's own code maps to.
            Connack.encode(
                reason: (reason.returnCode ?? .notAuthorized).reason,
                version: .v3_1_1,
                into: &connections[slot: slot].output
            )
        default: break
        }
        end(slot, reason)
        connections[slot: slot].settings.client = .unknown
        connections[slot: slot].settings.productSlot = nil
    }
}
