import Bytes
import Cryptography
import Ledger
import Linux
import MQTT
import Metering
import Reactor
import Sessions
import Storage
import TLS
import Time

// CONNECT: who is it, where does it live, may it come in.
extension Shard {
    mutating func serveConnect(_ slot: UInt32, _ body: Span<UInt8>) {
        context.wire[slot].phaseBegan = askedAt ?? context.now.monotonic
        do throws(DecodingError) {
            let listener = context.commons.listeners[context.wire[slot].listener]
            let connect = try Connect(decoding: body, acceptsMQTT31: listener.acceptsMQTT31)
            context.wire[slot].settings.agree(
                to: connect, limits: context.commons.limits, listener: listener)
            if context.wire[slot].parent != nil {
                // Its parent's keep-alive says whether it is there.
                context.wire[slot].settings.keepAliveSeconds = 0
                context.wire[slot].settings.isKeepAliveOurs = false
                context.wire[slot].settings.packetBytes = min(
                    context.wire[slot].settings.packetBytes + ChildLink.growthBytes,
                    ChildLink.packetBytesMaximum)
            }
            identify(slot, connect)
        } catch {
            refuseConnect(slot, Reason(error.reason), version: Self.answerVersion(to: body))
        }
    }

    /// In which version to refuse a CONNECT that could not be decoded; `nil`: just close.
    ///
    /// A bridge of mosquitto sets bit 7 of its level at first (`try_private`): told in its own version
    /// that this one is not spoken, it comes back without the bit.
    private static func answerVersion(to body: Span<UInt8>) -> ProtocolVersion? {
        guard let level = Connect.protocolLevel(of: body) else { return nil }
        return level & 0x7F >= ProtocolVersion.v5.rawValue ? .v5 : .v3_1_1
    }

    /// Finds out who wants to be let in, and sends it to its home shard if that is another one.
    private mutating func identify(_ slot: UInt32, _ connect: borrowing Connect) {
        guard connect.properties.authenticationMethod == nil else {
            return refuseUnclaimed(slot, .badAuthenticationMethod, connect)
        }
        switch claim(slot, connect) {
        case .failure(let reason):
            refuseUnclaimed(slot, reason, connect)
        case .success(let claim):
            let assigned = claim.assignedIdentifierBytes
            guard context.wire[slot].settings.takesConnack(assigning: assigned) else {
                return refuseUnclaimed(slot, .packetTooLarge, connect)
            }
            let home = context.commons.homes.shard(
                of: claim,
                clientID: connect.clientID,
                acceptedOn: context.index
            )
            if home != context.index {
                context.wire[slot].newHome = UInt8(home)
                context.wire[slot].holdsPacket = true
                return
            }
            switch claim {
            case .device(let identity, let credential):
                admitDevice(slot, identity, credential, connect)
            case .application(let key): admitApplication(slot, key, connect)
            case .anonymous: admitAnonymous(slot, connect)
            }
        }
    }

    /// Refuses a CONNECT before it is known how its device proves itself. If it names a device of the books, the log line
    /// has that name, and the device's home shard remembers the refusal. Other names are not kept.
    private mutating func refuseUnclaimed(
        _ slot: UInt32, _ reason: Reason, _ connect: borrowing Connect
    ) {
        let listener = context.commons.listeners[context.wire[slot].listener]
        if !listener.isAnonymous, let identity = namedDevice(slot, connect),
            isInBooks(identity, slot)
        {
            let home = context.commons.homes.shard(of: identity)
            guard home == context.index else {
                context.wire[slot].newHome = UInt8(home)
                context.wire[slot].holdsPacket = true
                return
            }
            context.wire[slot].settings.client = .device(DeviceClient(identity))
        }
        refuseConnect(slot, reason)
    }

    /// The device that the certificate names, the pre-shared key, or the user name.
    private func namedDevice(_ slot: UInt32, _ connect: borrowing Connect) -> DeviceIdentity? {
        if let peer = verifiedPeer(slot), let identity = certificateDevice(peer, connect) {
            return identity
        }
        if let proof = context.wire[slot].preSharedKey,
            let identity = DeviceIdentity(plainUserName: proof.identity.span)
        {
            return identity
        }
        guard let userName = connect.userName else { return nil }
        return Claim.namedDevice(by: userName)
    }

    private mutating func isInBooks(_ identity: DeviceIdentity, _ slot: UInt32) -> Bool {
        do throws(StoreError) {
            return try context.books.withDevice(identity) { _, view in
                if case .some = view { true } else { false }
            }
        } catch {
            context.wire.noteStoreFailure(.admission, error, slot)
            return false
        }
    }

    /// Who a client's certificate says that it is, if a listener or an account's authority has verified that.
    private func verifiedPeer(_ slot: UInt32) -> PeerIdentity? {
        guard let peer = context.wire[slot].certificateIdentity else { return nil }
        // What a former configuration's authority has vouched for, a session may still show.
        let listener = context.commons.listeners[context.wire[slot].listener]
        return peer.authority != nil || listener.verifiesClients ? peer : nil
    }

    private func claim(_ slot: UInt32, _ connect: borrowing Connect) -> Result<Claim, Reason> {
        let listener = context.commons.listeners[context.wire[slot].listener]
        if listener.isAnonymous { return .success(.anonymous) }
        if let peer = verifiedPeer(slot), let claim = certificateClaim(peer, connect) {
            return claim
        }
        if listener.takesPreSharedKeys, let proof = context.wire[slot].preSharedKey,
            let identity = DeviceIdentity(plainUserName: proof.identity.span)
        {
            return .success(.device(identity, proof: .preSharedKey(proof.keyDigest)))
        }
        return Claim.read(
            userName: connect.userName,
            clientID: connect.clientID,
            password: connect.password,
            isEncrypted: listener.isEncrypted
        )
    }

    // MARK: Devices

    private mutating func admitDevice(
        _ slot: UInt32,
        _ identity: DeviceIdentity,
        _ credential: Claim.Credential,
        _ connect: borrowing Connect
    ) {
        let client = DeviceClient(identity)
        context.wire[slot].settings.client = .device(client)
        context.wire[slot].settings.topicPrefix = client.topicPrefix
        let name = ClaimedName(identity, credential)
        guard credential.isProvedByTLS || !isHeldBack(name, slot) else {
            return refuseConnect(slot, .tooManyFailures)
        }
        let verdict: DeviceVerdict
        do throws(StoreError) {
            verdict = try door.verdict(
                on: identity, credential, connect, in: &context.books, at: context.now)
        } catch {
            context.wire.noteStoreFailure(.admission, error, slot)
            return refuseConnect(slot, .ledgerUnavailable)
        }
        // What a tenant's authority has signed, maybe with another one's names, says nothing of who knows the secret.
        if !credential.isCertificate || credential == .certificate(nil) {
            noteProof(name, slot, isRight: verdict.isProven)
        }
        switch verdict {
        case .refuse(let reason): refuseConnect(slot, reason)
        case .register: requestRegistration(slot, identity)
        case .decided(
            let decision, let product, let code, let proven, let confirmsSecret, let limits,
            let standing):
            if let standing { door.noteVouched(slot, by: standing.sequence) }
            if let parent = context.wire[slot].parent, parent.account != product.record.account {
                return refuseConnect(slot, .childOfAnotherAccount)
            }
            guard place(slot, identity.product, product.record, entitledBy: code) else {
                return refuseConnect(slot, .ledgerUnavailable)
            }
            limit(slot, own: limits)
            nameClient(slot, connect)
            if let reason = refusalOfWill(slot, connect) { return refuseConnect(slot, reason) }
            switch decision {
            case .admit(let until):
                if let confirmsSecret {
                    submit(.devices(.confirmSecretUse(identity, confirmsSecret)))
                }
                admit(slot, until: until)
            case .consume where context.commons.clock.doubt != nil:
                refuseConnect(slot, .clockDoubted)
            case .readmit, .consume:
                // The ledger last: what it gives is not taken back.
                if let reason = refusalOfSession(slot) { return refuseConnect(slot, reason) }
                requestActivation(
                    slot, identity, confirmsSecret: confirmsSecret, showing: standing?.forBooks)
            case .refuse(let refusal): refuseConnect(slot, Reason(refusal).toldToClient)
            }
            if context.wire[slot].phase == .admitting { door.noteWaiting(slot, proven) }
        }
    }

    /// Finds the product of a device that connects in the catalogue. False when the books can't say with which
    /// limit.
    private mutating func place(
        _ slot: UInt32,
        _ key: ProductKey,
        _ product: ProductRecord,
        entitledBy code: ActivationCode?
    ) -> Bool {
        do throws(StoreError) {
            context.wire[slot].settings.productSlot = try context.productSlot(
                of: key, product, entitledBy: code)
            return true
        } catch {
            context.wire.noteStoreFailure(.admission, error, slot)
            return false
        }
    }

    /// Keeps the client identifier where patterns of the product name it.
    private mutating func nameClient(_ slot: UInt32, _ connect: borrowing Connect) {
        guard context.quota.hasOwnTopics || context.quota.hasUncounted,
            let product = context.wire[slot].settings.productSlot,
            context.quota.patternsNameClient(of: product),
            case .device(let device) = context.wire[slot].settings.client
        else { return }
        context.wire[slot].clientName =
            connect.clientID.isEmpty
            ? Array("\(device.identity)".utf8) : ClientName.bytes(of: connect.clientID)
    }

    /// Why a device could not be given its session, if it were admitted: nothing but a reset of its secret refuses it
    /// once a code was consumed for it. A place is held for the session until the ledger has answered.
    private mutating func refusalOfSession(_ slot: UInt32) -> Reason? {
        if isDraining { return .shuttingDown }
        do throws(StoreError) {
            return try broker.reserveSession(of: slot, in: &context) ? nil : .serverBusy
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.noteStoreFailure(.sessionRead, error, slot)
            return .ledgerUnavailable
        }
    }

    // MARK: Guessing

    /// Whether too many wrong secrets have come for any more to be looked at.
    private mutating func isHeldBack(_ name: ClaimedName, _ slot: UInt32) -> Bool {
        let source = context.wire.source(ofSlot: slot)
        return
            switch context.commons.wrongSecrets.holdsBack(
                name, from: source, at: context.now)
        {
        case .none: false
        case .strangers: source == nil || source != lastSource(of: name)
        case .all: true
        }
    }

    private mutating func noteProof(_ name: ClaimedName, _ slot: UInt32, isRight: Bool) {
        let source = context.wire.source(ofSlot: slot)
        context.commons.wrongSecrets.note(
            name, from: source, isRight: isRight, at: context.now)
    }

    /// Where a device is connected from, or was when its last connection ended.
    private mutating func lastSource(of name: ClaimedName) -> SourceNetwork? {
        guard case .device(let identity) = name else { return nil }
        if let token = broker.connection(of: identity, in: &context) {
            return context.wire.source(ofSlot: token.slot)
        }
        return context.wire.journal.lastEnding(of: identity).map { SourceNetwork($0) }
    }

    // MARK: Applications

    private mutating func admitApplication(
        _ slot: UInt32,
        _ id: KeyID,
        _ connect: borrowing Connect
    ) {
        guard !isHeldBack(.key(id), slot) else {
            return refuseConnect(slot, .tooManyFailures)
        }
        let verdict: ApplicationVerdict
        do throws(StoreError) {
            verdict = try door.verdict(on: id, connect, in: &context.books)
        } catch {
            context.wire.noteStoreFailure(.admission, error, slot)
            return refuseConnect(slot, .ledgerUnavailable)
        }
        noteProof(.key(id), slot, isRight: verdict.isProven)
        switch verdict {
        case .refuse(let reason): refuseConnect(slot, reason)
        case .admit(let rights): letIn(slot, connect, key: id, rights: rights)
        }
    }

    private mutating func admitAnonymous(_ slot: UInt32, _ connect: borrowing Connect) {
        let topics = context.commons.listeners[context.wire[slot].listener].topics
        letIn(slot, connect, key: nil, rights: .patterns(topics))
    }

    private mutating func letIn(
        _ slot: UInt32,
        _ connect: borrowing Connect,
        key: KeyID?,
        rights: TopicRights
    ) {
        let clientID =
            connect.clientID.isEmpty ? assignedClientID() : connect.clientID.text ?? ""
        let client = ApplicationClient(clientID: clientID, key: key, rights: rights)
        context.wire[slot].settings.client = .application(client)
        if let reason = refusalOfWill(slot, connect) { return refuseConnect(slot, reason) }
        admit(slot, until: Timestamp(milliseconds: .max))
    }

    /// A new client identifier, at home on this shard: a client that comes back with it finds its
    /// session. A few attempts find one, as many as there are shards on average.
    private func assignedClientID() -> String {
        while true {
            let clientID = "tollgate-" + RandomBytes.hexadecimal(12)
            if context.commons.homes.shard(ofClientID: clientID.utf8Span.span) == context.index {
                return clientID
            }
        }
    }

    /// A will must be a message that the client may publish; it is kept with the connection. Asked once
    /// the client is known: a device by its product too.
    private mutating func refusalOfWill(_ slot: UInt32, _ connect: borrowing Connect) -> Reason? {
        guard let will = connect.will else { return nil }
        let name = broker.ownTopic(will.topic, of: slot, in: &context)
        if name == nil, case .notAllowed = broker.use(of: will.topic, by: slot, in: &context) {
            // A bridge announces itself below $SYS: it comes in, and nobody hears of that.
            let isBridges =
                context.wire[slot].settings.productSlot == nil
                && will.topic.isSystemTopic
            return isBridges ? nil : .topicNotAllowed
        }
        guard will.topic.hasNoMoreLevels(than: context.commons.limits.topicLevels) else {
            return .topicNameInvalid
        }
        if will.properties.payloadFormat == .utf8, !UTF8Rules.isWellFormed(will.payload) {
            return .payloadFormatInvalid
        }
        context.wire[slot].will = StoredWill(
            Message(will, name: name),
            isRetained: will.isRetained,
            messageExpirySeconds: will.properties.messageExpiryIntervalSeconds,
            delaySeconds: will.properties.willDelayIntervalSeconds ?? 0
        )
        return nil
    }
}
