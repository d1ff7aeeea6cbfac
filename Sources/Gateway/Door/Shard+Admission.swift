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
    ///
    /// - Parameter shown: the certificate that the books are to decide by, which proves the device, and no secret.
    mutating func requestActivation(
        _ slot: UInt32,
        _ identity: DeviceIdentity,
        confirmsSecret: SecretFingerprint?,
        showing shown: ShownCertificate? = nil
    ) {
        context.counters.add(.activationsRequested)
        let place = context.commons.dataCentre
        let action: DeviceAction =
            if let shown {
                .activateByCertificate(identity, shown, at: place)
            } else {
                .activate(identity, confirmsSecret: confirmsSecret, at: place)
            }
        park(slot, .devices(action)) { .admissionAnswered($0, $1) }
    }

    /// The device wants to be given its secret.
    mutating func requestRegistration(_ slot: UInt32, _ identity: DeviceIdentity) {
        guard let secret = Secret(RandomBytes.hexadecimal(32)) else {
            preconditionFailure("hexadecimal digits are a secret")
        }
        do throws(CryptoError) {
            let sealed = try door.seal(secret, for: identity)
            park(slot, .devices(.register(identity, secret: sealed))) {
                .registrationAnswered($0, $1)
            }
        } catch {
            refuseConnect(slot, .ledgerUnavailable)
        }
    }

    /// The entitlement of a connected device has ended (rules B4, B5).
    mutating func requestRenewal(_ slot: UInt32, _ identity: DeviceIdentity) {
        guard !context.wire[slot].isRenewing,
            let token = context.wire.token(of: slot)
        else { return }
        if context.commons.clock.doubt != nil { return }
        context.wire[slot].isRenewing = true
        context.wire.note(.renewal(.asked), slot)
        let mailbox = context.commons.mailboxes[context.index]
        submit(.devices(.renew(identity, at: context.commons.dataCentre))) {
            mailbox.post(.renewalAnswered(token, $0))
        }
    }

    /// Parks a connection until the ledger has answered; nothing more is read from it meanwhile.
    private mutating func park(
        _ slot: UInt32,
        _ action: Action,
        _ message: @escaping @Sendable (Token, Result<Outcome, StoreError>) -> ShardMessage
    ) {
        guard let token = context.wire.token(of: slot) else { return }
        awaitLedger(slot)
        let mailbox = context.commons.mailboxes[context.index]
        submit(action) { mailbox.post(message(token, $0)) }
    }

    /// For `ShardLimits.ledgerTimeoutMilliseconds`, and is refused then: the log of a cluster may have no majority for a
    /// long time.
    private mutating func awaitLedger(_ slot: UInt32) {
        context.wire.noteNoNewcomer(slot)
        context.wire[slot].phase = .admitting
        context.wire[slot].receivedTick = context.now.tick
        context.wire.scheduleTimer(slot, at: context.now)
    }

    /// Hands a command to the ledger's writer.
    func submit(
        _ action: Action,
        completion: @escaping @Sendable (Result<Outcome, StoreError>) -> Void = { _ in }
    ) {
        let command = Command(at: context.now.wall, actor: Command.gatewayActor, action: action)
        context.commons.ledger.submit(command, completion: completion)
    }

    // MARK: The ledger's answers

    mutating func admissionAnswered(_ token: Token, _ result: Result<Outcome, StoreError>) {
        broker.endReservation()
        guard context.wire.contains(token),
            context.wire[token.slot].phase == .admitting,
            case .device(let client) = context.wire[token.slot].settings.client
        else { return }
        let slot = token.slot
        let identity = client.identity
        switch result {
        case .failure(let error):
            context.wire.noteStoreFailure(.admission, error, slot)
            refuseConnect(slot, .ledgerUnavailable)
        case .success(.refused(let refusal)): refuseConnect(slot, Reason(refusal).toldToClient)
        case .success(let outcome):
            guard case .entitled(let entitlement, _) = outcome.effect else {
                return refuseConnect(slot, .ledgerUnavailable)
            }
            heed(entitlement, of: identity, slot)
            admit(slot, until: entitlement.expiresAt, isOwed: true)
        }
        resumeReading(slot)
    }

    /// The secret goes out in one PUBLISH; the device is to disconnect then (Wire.md, "Registration").
    mutating func registrationAnswered(_ token: Token, _ result: Result<Outcome, StoreError>) {
        guard context.wire.contains(token),
            context.wire[token.slot].phase == .admitting,
            case .device(let client) = context.wire[token.slot].settings.client
        else { return }
        let slot = token.slot
        let identity = client.identity
        switch result {
        case .failure(let error):
            context.wire.noteStoreFailure(.registration, error, slot)
            refuseConnect(slot, .ledgerUnavailable)
        case .success(.refused(.limits)): refuseConnect(slot, .limitReached)
        case .success(let outcome):
            guard case .registered(let sealed) = outcome.effect else {
                // Whether the device is unknown or has its secret already is not told.
                return refuseConnect(slot, .badCredentials)
            }
            guard let secret = door.open(sealed, of: identity)
            else { return refuseConnect(slot, .ledgerUnavailable) }
            connack(slot)
            broker.publishUncounted(
                slot,
                Array("/ext/register".utf8),
                "{\"productKey\":\"\(identity.product)\",\"deviceName\":\"\(identity.device)\","
                    + "\"deviceSecret\":\"\(secret)\"}", in: &context
            )
            context.wire[slot].settings.client = .unknown
            // Where many wait to be let in, it does not keep a place.
            guard !context.wire.isCrowded else { return end(slot, .disconnected) }
            context.wire[slot].phase = .departing
            context.wire[slot].phaseBegan = context.now.monotonic
            context.wire.scheduleTimer(slot, at: context.now)
            resumeReading(slot)
        }
    }

    mutating func renewalAnswered(_ token: Token, _ result: Result<Outcome, StoreError>) {
        guard context.wire.contains(token), context.wire[token.slot].phase == .open else {
            return
        }
        let slot = token.slot
        context.wire[slot].isRenewing = false
        switch result {
        case .success(.refused(.clock)): askForRenewalLater(slot)
        case .success(let outcome):
            guard case .entitled(let entitlement, _) = outcome.effect else {
                context.wire.note(.renewal(.notRenewed), slot)
                return endEntitlement(slot)
            }
            context.wire.note(.renewal(.renewed), slot)
            context.wire[slot].settings.expiresAt = entitlement.expiresAt
            if case .device(let client) = context.wire[slot].settings.client {
                heed(entitlement, of: client.identity, slot)
            }
            context.wire.scheduleTimer(slot, at: context.now)
        case .failure(let error):
            context.wire.noteStoreFailure(.renewal, error, slot)
            askForRenewalLater(slot)
        }
    }

    /// The device stays connected while the ledger can't answer, or the clock is doubted (rule B16).
    private mutating func askForRenewalLater(_ slot: UInt32) {
        context.wire.scheduleTimer(slot, in: 5_000, at: context.now)
    }

    /// Rule B5: told, disconnected, and its will is published.
    private mutating func endEntitlement(_ slot: UInt32) {
        if case .device(let client) = context.wire[slot].settings.client {
            submit(.devices(.endEntitlement(client.identity)))
        }
        end(slot, .entitlementEnded)
    }

    // MARK: In

    /// Lets the client in: its older connection goes, its timers run, CONNACK says so.
    ///
    /// - Parameter isOwed: a code was consumed for it, after its session had been looked for and a place for it held.
    mutating func admit(_ slot: UInt32, until: Timestamp, isOwed: Bool = false) {
        guard let token = context.wire.token(of: slot) else { return }
        context.wire[slot].settings.expiresAt = until
        if context.peers.isAlone {
            admitClaimed(slot, isOwed: isOwed)
        } else {
            claim(token, until: until, isOwed: isOwed)
        }
    }

    /// The same when it is on no other node.
    mutating func admitClaimed(_ slot: UInt32, isOwed: Bool) {
        guard let token = context.wire.token(of: slot) else { return }
        let client = context.wire[slot].settings.client
        let hasWaited = context.wire[slot].phase == .admitting
        if let reason = refusalOfPins(slot) { return refuseConnect(slot, reason) }
        if hasWaited, let reason = refusalAfterWait(slot) { return refuseConnect(slot, reason) }
        guard takeOver(client, by: token) else { return }
        if hasWaited { door.endWaiting(slot) }
        limitAdmitted(slot)
        let found: Bool?
        do throws(StoreError) {
            found = try broker.openSession(for: token, isOwed: isOwed, in: &context)
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.noteStoreFailure(.sessionRead, error, slot)
            return refuseConnect(slot, .ledgerUnavailable)
        }
        guard let isPresent = found else { return refuseConnect(slot, .serverBusy) }
        context.wire.noteNoNewcomer(slot)
        context.wire[slot].phase = .open
        context.wire[slot].openedAt = context.now.wall
        context.wire[slot].receivedTick = context.now.tick
        if let product = context.wire[slot].settings.productSlot {
            context.quota.count(1, at: product)
            context.quota.countAdmitted(at: product)
        }
        context.wire.unadmitted -= 1
        context.counters.add(.connectsAdmitted)
        context.wire.note(.admitted, slot)
        context.wire.traceAdmission(slot)
        broker.announceArrival(slot, in: &context)
        context.wire.scheduleTimer(slot, at: context.now)
        context.answered.noteAdmitted(since: context.wire[slot].phaseBegan)
        connack(slot, isSessionPresent: isPresent)
        if isPresent { broker.resumeDeliveries(slot, in: &context) }
    }

    /// Why a device that has waited, for the ledger, another node or its older connection, is not let in after all: the
    /// books know another secret of it by now, have it disabled, or have taken its entitlement. When they did, it was not
    /// found among those that are connected. What can't be read now is read later.
    private mutating func refusalAfterWait(_ slot: UInt32) -> Reason? {
        guard case .device(let client) = context.wire[slot].settings.client else { return nil }
        let identity = client.identity
        let proven = door.provenSecret(slot)
        let now = context.now.books
        do throws(StoreError) {
            let decision = try context.books.withDevice(identity) {
                product, view throws(StoreError) -> Decision? in
                if let proven {
                    guard let view, SecretFingerprint(of: view.sealedSecret) == proven
                    else { return nil }
                }
                return Admission.decide(
                    identity, product: product?.record, device: view?.standing, at: now)
            }
            switch decision {
            case nil: return .badCredentials
            case .admit(let until):
                context.wire[slot].settings.expiresAt = until
                return nil
            // It has to come again, as those do that are connected.
            case .readmit, .consume: return .kicked
            case .refuse(let refusal): return Reason(refusal).toldToClient
            }
        } catch {
            deferChange(of: identity, error)
            return nil
        }
    }

    /// The new connection wins, the old one is closed ([MQTT-3.1.4-3]). False when it has to wait.
    ///
    /// What the client sent on the old one before it came back is served first: after a DISCONNECT
    /// that is still unread there is nothing to take over, and no will to be published. While a
    /// message there waits for top-up units, the new connection waits too.
    private mutating func takeOver(_ client: Client, by newer: Token) -> Bool {
        guard let older = broker.connection(of: client, in: &context),
            context.wire[older.slot].phase == .open
        else { return true }
        serveAtOnce(older)
        if context.wire[older.slot].isReading { receive(older.slot) }
        guard context.wire[older.slot].phase == .open else { return true }
        // What waits for a slow application is not acknowledged, and sent again by its client.
        if context.wire[older.slot].holdsPacket, !broker.holdsPublisher(older) {
            stand(newer, behind: older)
            return false
        }
        context.counters.add(.takeovers)
        if case .device(let device) = client {
            door.noteDisplacement(device.identity, at: context.now)
        }
        end(older.slot, .sessionTakenOver)
        return true
    }

    /// Lets a connection stand behind its client's older one. One that stood there already goes.
    private mutating func stand(_ newer: Token, behind older: Token) {
        if let between = context.wire[older.slot].successor, between != newer,
            context.wire.contains(between)
        {
            end(between.slot, .sessionTakenOver)
        }
        context.wire[older.slot].successor = newer
        awaitLedger(newer.slot)
    }

    /// The older connection has been served, or has gone: its successor is admitted, unless the
    /// gateway has sent the client away meanwhile.
    mutating func admitSuccessor(_ successor: Token, after reason: Reason?) {
        guard context.wire.contains(successor),
            context.wire[successor.slot].phase == .admitting
        else { return }
        let slot = successor.slot
        if let reason, reason.isServers {
            refuseConnect(slot, reason)
        } else {
            admit(slot, until: context.wire[slot].settings.expiresAt)
        }
        resumeReading(slot)
    }

    private mutating func connack(_ slot: UInt32, isSessionPresent: Bool = false) {
        let settings = context.wire[slot].settings
        let assignedClientID = settings.isNamedByUs ? settings.client.identifier : nil
        Connack.encode(
            // The byte is reserved in MQTT 3.1.
            isSessionPresent: isSessionPresent && !settings.isMQTT31,
            version: settings.version,
            into: &context.wire[slot].output
        ) { properties in
            if settings.expirySeconds != settings.askedExpirySeconds {
                properties.sessionExpiryInterval(seconds: settings.expirySeconds)
            }
            properties.receiveMaximum(settings.receiveQuota)
            properties.maximumPacketSize(UInt32(settings.packetBytes))
            if let assignedClientID {
                properties.assignedClientIdentifier(assignedClientID.utf8Span.span)
            }
            if settings.inboundAliasMaximum > 0 {
                properties.topicAliasMaximum(settings.inboundAliasMaximum)
            }
            if settings.isKeepAliveOurs {
                properties.serverKeepAlive(seconds: settings.keepAliveSeconds)
            }
        }
        context.wire.flushLater(slot)
    }

    /// Says no to a CONNECT and closes. `version` is the one to answer in; without an argument the
    /// one that CONNECT asked for, and with `nil` nothing is said.
    mutating func refuseConnect(_ slot: UInt32, _ reason: Reason) {
        refuseConnect(slot, reason, version: context.wire[slot].settings.version)
    }

    /// Of its product, as far as that is known. An application has none.
    private mutating func countRefused(_ slot: UInt32, _ reason: Reason) {
        switch context.wire[slot].settings.client {
        case .application: break
        case .unknown: context.quota.count(ending: reason, of: nil)
        case .device(let device):
            if reason == .noCodeLeft { context.quota.noteRefusedForCode(device.identity) }
            if let product = context.wire[slot].settings.productSlot {
                context.quota.count(ending: reason, at: product)
            } else {
                context.quota.count(ending: reason, of: device.identity.product)
            }
        }
    }

    mutating func refuseConnect(_ slot: UInt32, _ reason: Reason, version: ProtocolVersion?) {
        let text = context.wire.problemText(slot, reason.text)
        switch version {
        case .v5:
            guard reason.reasonCode.isAllowed(in: .connack),
                context.wire[slot].settings.maximumPacketSize >= 5
            else { break }
            Connack.encode(
                reason: reason.reasonCode,
                version: .v5,
                into: &context.wire[slot].output
            ) { properties in
                if let text { properties.reasonString(text.utf8Span.span) }
            }
        case .v3_1_1:
            guard let returnCode = reason.returnCode else { break }
            // Encoded by the nearest return code, which the reason's own code maps to.
            Connack.encode(
                reason: returnCode.reason,
                version: .v3_1_1,
                into: &context.wire[slot].output
            )
        case nil: break
        }
        end(slot, reason)
        countRefused(slot, reason)
        context.wire[slot].settings.client = .unknown
        context.wire[slot].settings.productSlot = nil
    }
}
