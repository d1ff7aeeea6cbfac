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
        do throws(DecodingError) {
            let connect = try Connect(decoding: body)
            connections[slot: slot].settings.agree(
                to: connect,
                limits: commons.limits,
                listener: commons.listeners[connections[slot: slot].listener]
            )
            identify(slot, connect)
        } catch {
            refuseConnect(slot, Reason(error.reason), version: Self.answerVersion(to: body))
        }
    }

    /// In which version to refuse a CONNECT that could not be decoded; `nil`: just close.
    private static func answerVersion(to body: Span<UInt8>) -> ProtocolVersion? {
        guard let level = Connect.protocolLevel(of: body) else { return nil }
        return level >= ProtocolVersion.v5.rawValue ? .v5 : .v3_1_1
    }

    /// Finds out who wants to be let in, and sends it to its home shard if that is another one.
    private mutating func identify(_ slot: UInt32, _ connect: borrowing Connect) {
        guard connect.properties.authenticationMethod == nil else {
            return refuseConnect(slot, .badAuthenticationMethod)
        }
        switch claim(slot, connect) {
        case .failure(let reason):
            refuseConnect(slot, reason)
        case .success(let claim):
            let assigned = claim.assignedIdentifierBytes
            guard connections[slot: slot].settings.takesConnack(assigning: assigned) else {
                return refuseConnect(slot, .packetTooLarge)
            }
            let home = commons.homes.shard(
                of: claim,
                clientID: connect.clientID,
                acceptedOn: index
            )
            if home != index {
                connections[slot: slot].newHome = home
                connections[slot: slot].holdsPacket = true
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

    private func claim(_ slot: UInt32, _ connect: borrowing Connect) -> Result<Claim, Reason> {
        let listener = commons.listeners[connections[slot: slot].listener]
        if listener.isAnonymous { return .success(.anonymous) }
        if listener.verifiesClients, let peer = connections[slot: slot].certificateIdentity,
            let identity = DeviceIdentity(certificate: peer)
        {
            return .success(.device(identity, proof: .certificate))
        }
        return Claim.read(
            userName: connect.userName,
            clientID: connect.clientID,
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
        connections[slot: slot].settings.client = .device(identity)
        connections[slot: slot].settings.topicPrefix = identity.topicPrefix
        let verdict: DeviceVerdict
        do throws(StoreError) {
            verdict = try Self.judge(
                identity,
                credential,
                connect,
                &books,
                &secrets,
                at: clock.wall,
                windowMilliseconds: commons.timestampWindowMilliseconds
            )
        } catch {
            noteStoreFailure(.admission, error, slot)
            return refuseConnect(slot, .ledgerUnavailable)
        }
        switch verdict {
        case .refuse(let reason): refuseConnect(slot, reason)
        case _ where !displacements.isAdmitted(identity, at: clock.monotonic):
            // Said only to who has proved to be the device.
            refuseConnect(slot, .connectionRateExceeded)
        case .register: requestRegistration(slot, identity)
        case .decided(let decision, let product, let confirmsSecret):
            connections[slot: slot].settings.productSlot =
                quota.product(identity.product)
                ?? quota.keep(ProductFacts(key: identity.product, record: product))
            if let reason = refusalOfWill(slot, connect) { return refuseConnect(slot, reason) }
            switch decision {
            case .admit(let until):
                if let confirmsSecret { submit(.confirmSecretUse(identity, confirmsSecret)) }
                admit(slot, until: until)
            case .readmit, .consume:
                requestActivation(slot, identity, confirmsSecret: confirmsSecret)
            case .refuse(let refusal): refuseConnect(slot, Reason(refusal).toldToClient)
            }
        }
    }

    /// What the books and the credentials say of a device.
    private enum DeviceVerdict {
        case refuse(Reason)
        case register
        case decided(Decision, ProductRecord, confirmsSecret: SecretFingerprint?)
    }

    /// One look into the books. An unknown product or device costs the same work as a wrong secret.
    private static func judge(
        _ identity: DeviceIdentity,
        _ credential: Claim.Credential,
        _ connect: borrowing Connect,
        _ books: inout LedgerReader,
        _ secrets: inout SecretSealer,
        at time: Timestamp,
        windowMilliseconds window: Int64
    ) throws(StoreError) -> DeviceVerdict {
        let clientID = connect.clientID
        let password = connect.passwordOrNothing
        return try books.withDevice(identity) { product, view throws(StoreError) in
            let product = product.flatMap { $0.isDeleted ? nil : $0 }
            let isProven: Bool
            switch credential {
            case .registration:
                try secrets.open(product?.secret, of: identity.product)
                isProven = Proof.isRegistration(
                    password,
                    of: identity,
                    random: Self.parameter("random", of: clientID),
                    secret: secrets.secret
                )
                return isProven && product != nil ? .register : .refuse(.badCredentials)
            case .signature:
                let timestamp = Self.parameter("timestamp", of: clientID)
                try secrets.open(view, of: identity)
                isProven =
                    Proof.isSignature(
                        password,
                        of: identity,
                        timestamp: timestamp,
                        secret: secrets.secret
                    ) && Self.isRecent(timestamp, at: time, windowMilliseconds: window)
            case .secret:
                try secrets.open(view, of: identity)
                isProven = Proof.isSecret(password, secrets.secret)
            case .certificate: isProven = true
            }
            let hasSecret = if let view { !view.sealedSecret.isEmpty } else { false }
            guard let product, isProven, credential == .certificate || hasSecret else {
                return .refuse(.badCredentials)
            }
            let decision = Admission.decide(
                identity,
                product: product,
                device: view?.standing,
                at: time
            )
            var proven: SecretFingerprint?
            if credential != .certificate, let view, !view.isSecretConfirmed {
                proven = SecretFingerprint(of: view.sealedSecret)
            }
            return .decided(decision, product, confirmsSecret: proven)
        }
    }

    /// Whether a signed timestamp, in milliseconds, is near enough; a window of 0 does not ask.
    private static func isRecent(
        _ timestamp: Span<UInt8>,
        at time: Timestamp,
        windowMilliseconds: Int64
    ) -> Bool {
        guard windowMilliseconds > 0 else { return true }
        guard let text = timestamp.text, let milliseconds = Int64(text) else { return false }
        let distance = time.milliseconds(since: Timestamp(milliseconds: milliseconds)).magnitude
        return distance <= windowMilliseconds.magnitude
    }

    /// A parameter of a signing device's client identifier; empty when there is none.
    @_lifetime(copy clientID)
    private static func parameter(_ name: StaticString, of clientID: Span<UInt8>) -> Span<UInt8> {
        guard let signed = SignedClientIdentifier(clientID), let value = signed.value(name) else {
            return clientID.extracting(0..<0)
        }
        return value
    }

    // MARK: Applications

    private mutating func admitApplication(
        _ slot: UInt32,
        _ id: KeyID,
        _ connect: borrowing Connect
    ) {
        let found: KeyRecord?
        do throws(StoreError) {
            found = try books.read { books, transaction throws(StoreError) in
                try books.key(id, in: transaction)
            }
        } catch {
            noteStoreFailure(.admission, error, slot)
            return refuseConnect(slot, .ledgerUnavailable)
        }
        let password = connect.passwordOrNothing
        let hash = found?.secretHash ?? Self.nobodysHash
        guard Proof.isSecret(password, hash: hash), let found, found.revokedAt == nil,
            found.role == .application
        else { return refuseConnect(slot, .badCredentials) }
        let products: Set<ProductKey>?
        do throws(StoreError) {
            products = try self.products(of: found)
        } catch {
            noteStoreFailure(.admission, error, slot)
            return refuseConnect(slot, .ledgerUnavailable)
        }
        letIn(slot, connect, key: id, rights: .products(products))
    }

    /// The products a key reaches; `nil`: all. Those of an account, and of its sub-accounts, are as of
    /// now: a product made later is the key's from its next connection on.
    private mutating func products(of key: KeyRecord) throws(StoreError) -> Set<ProductKey>? {
        if let products = key.products { return Set(products) }
        guard let account = key.account else { return nil }
        return try books.read { books, transaction throws(StoreError) in
            let accounts = try books.family(of: account, in: transaction)
            var found: Set<ProductKey> = []
            var cursor: String?
            repeat {
                let page = try books.products(
                    of: accounts,
                    cursor: cursor,
                    limit: 1_000,
                    in: transaction
                )
                found.formUnion(page.elements.map { $0.key })
                cursor = page.cursor
            } while cursor != nil
            return found
        }
    }

    private static var nobodysHash: SecretHash {
        guard let hash = SecretHash([UInt8](repeating: 0, count: SecretHash.length)) else {
            preconditionFailure("32 bytes are a hash")
        }
        return hash
    }

    private mutating func admitAnonymous(_ slot: UInt32, _ connect: borrowing Connect) {
        let topics = commons.listeners[connections[slot: slot].listener].topics
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
        connections[slot: slot].settings.client = .application(client)
        if let reason = refusalOfWill(slot, connect) { return refuseConnect(slot, reason) }
        admit(slot, until: Timestamp(milliseconds: .max))
    }

    /// A new client identifier, at home on this shard: whoever comes back with it meets the session
    /// that it was given for. A few attempts find one, as many as there are shards on average.
    private func assignedClientID() -> String {
        while true {
            let clientID = "tollgate-" + RandomBytes.hexadecimal(12)
            if commons.homes.shard(ofClientID: clientID.utf8Span.span) == index { return clientID }
        }
    }

    /// A will must be a message that the client may publish; it is kept with the connection. Asked once
    /// the client is known: a device by its product too.
    private mutating func refusalOfWill(_ slot: UInt32, _ connect: borrowing Connect) -> Reason? {
        guard let will = connect.will else { return nil }
        if case .notAllowed = use(of: will.topic, by: slot) { return .topicNotAllowed }
        if will.properties.payloadFormat == .utf8, !UTF8Rules.isWellFormed(will.payload) {
            return .payloadFormatInvalid
        }
        connections[slot: slot].settings.will = StoredWill(
            Message(will),
            isRetained: will.isRetained,
            messageExpirySeconds: will.properties.messageExpiryIntervalSeconds,
            delaySeconds: will.properties.willDelayIntervalSeconds ?? 0
        )
        return nil
    }
}

extension SecretSealer {
    /// Opens the device's secret, or, for the same work, the one of nobody, so that a device that does not
    /// exist and one with a wrong secret look the same. One that does not open is as good as no record.
    fileprivate mutating func open(
        _ view: DeviceView?,
        of device: DeviceIdentity
    ) throws(StoreError) {
        let isOpen =
            if let view, !view.sealedSecret.isEmpty {
                open(view.sealedSecret, of: device)
            } else {
                openNobodys()
            }
        if !isOpen { throw .malformed(what: "sealed secret of \(device)") }
    }

    /// The same for a product's secret.
    fileprivate mutating func open(
        _ sealed: SealedSecret?,
        of product: ProductKey
    ) throws(StoreError) {
        let isOpen =
            if let sealed { open(sealed.bytes.span, of: product) } else { openNobodys() }
        if !isOpen { throw .malformed(what: "sealed secret of \(product)") }
    }
}

extension Connect {
    /// The password, or no bytes.
    fileprivate var passwordOrNothing: Span<UInt8> {
        @_lifetime(copy self)
        get {
            guard let password else { return clientID.extracting(0..<0) }
            return password
        }
    }
}

extension DeviceIdentity {
    /// `d/{PK}/{DK}/`
    var topicPrefix: [UInt8] { Array("d/\(product)/\(device)/".utf8) }

    /// From a verified certificate: subject CN `{PK}.{DK}`, or SAN URI
    /// `urn:tollgate:device:{PK}:{DK}` (wire.md).
    init?(certificate peer: PeerIdentity) {
        let names =
            peer.uniformResourceIdentifiers.compactMap { uri -> (Substring, Substring)? in
                let parts = uri.split(
                    separator: ":", maxSplits: 4, omittingEmptySubsequences: false)
                guard parts.count == 5, parts[0] == "urn", parts[1] == "tollgate",
                    parts[2] == "device"
                else { return nil }
                return (parts[3], parts[4])
            }
            + [peer.commonName].compactMap { name -> (Substring, Substring)? in
                guard let name, let dot = name.firstIndex(of: ".") else { return nil }
                return (name[..<dot], name[name.index(after: dot)...])
            }
        for (product, device) in names {
            if let product = ProductKey(String(product)), let device = DeviceKey(String(device)) {
                self.init(product: product, device: device)
                return
            }
        }
        return nil
    }
}
