import Bytes
import Cryptography
import Ledger
import Linux
import MQTT
import Storage
import Synchronization
import TLS
import Time

/// Who may come in: proofs of identity, the books' decisions, and what stands against a connection at the
/// moment.
///
/// It answers with verdicts; the shard answers CONNECT, asks the ledger and opens the session. The books and
/// the time come in with each call.
struct Door: ~Copyable {
    var secrets: SecretSealer

    /// How certificates of authorities name devices, of those that have rules of their own: compiled, and the same for all
    /// shards.
    private(set) var authorityRules: [AuthorityID: AuthorityRules] = [:]

    private var vouched = VouchedConnections()
    private var displacements: DisplacementGuard
    private var tokenKeys = TokenKeyring()
    private var waiting = WaitingProofs()
    private var deferred = DeferredChanges()

    /// How far a signed timestamp may be off; 0: it is not looked at.
    private let timestampWindowMilliseconds: Int64

    /// Gives the struct an address, so that no call copies it.
    private let anchor = Atomic<Bool>(false)

    init(
        secrets: consuming SecretSealer,
        displacements: DisplacementGuard,
        timestampWindowMilliseconds: Int64
    ) {
        self.secrets = secrets
        self.displacements = displacements
        self.timestampWindowMilliseconds = timestampWindowMilliseconds
    }

    // MARK: Connections that accounts' authorities have vouched for

    /// The connection is let in by books whose last event that was.
    mutating func noteVouched(_ slot: UInt32, by sequence: UInt64) { vouched.note(slot, sequence) }

    /// By books with which last event the connection was let in; 0: no account's authority has vouched for it.
    func vouchedSequence(_ slot: UInt32) -> UInt64 { vouched.sequence(slot) }

    // MARK: Devices

    /// How certificates name devices from now on.
    mutating func adopt(_ rules: [AuthorityID: AuthorityRules]) { authorityRules = rules }

    /// Whether a device has proved its identity, and what the books say of it. One whose connections keep
    /// displacing each other is told so only when it has.
    mutating func verdict(
        on identity: DeviceIdentity,
        _ credential: Claim.Credential,
        _ connect: borrowing Connect,
        in books: inout LedgerReader,
        at now: ShardTime
    ) throws(StoreError) -> DeviceVerdict {
        var standing: AccountCertificateStanding?
        if case .certificate(let certificate?) = credential {
            switch try Self.standing(of: certificate, for: identity, in: &books, at: now.wall) {
            case .failure(let reason): return .refuse(reason)
            case .success(let found): standing = found
            }
        }
        let verdict = try judge(identity, credential, standing, connect, &books, at: now)
        switch verdict {
        case .refuse: return verdict
        case .register, .decided:
            return displacements.isAdmitted(identity, at: now.monotonic)
                ? verdict : .refuse(.connectionRateExceeded)
        }
    }

    /// One look into the books. An unknown product or device costs the same work as a wrong secret.
    ///
    /// - Parameter standing: of a certificate by an account's authority.
    private mutating func judge(
        _ identity: DeviceIdentity,
        _ credential: Claim.Credential,
        _ standing: AccountCertificateStanding?,
        _ connect: borrowing Connect,
        _ books: inout LedgerReader,
        at now: ShardTime
    ) throws(StoreError) -> DeviceVerdict {
        let token: TokenVerdict =
            if credential == .webToken {
                try tokenVerdict(on: identity, connect, &books, at: now)
            } else {
                .wrong
            }
        return try books.withDevice(identity) { product, view throws(StoreError) in
            let product = product.flatMap { $0.record.isDeleted ? nil : $0 }
            let accepted = product?.record.dialect?.proofs ?? .standard
            guard credential.isAccepted(accepted) else {
                let hasSecret = if let view { !view.sealedSecret.isEmpty } else { false }
                // A session that is resumed has not compared the key: who has another one learns nothing of the product.
                if case .preSharedKey = credential,
                    try !isProof(connect, identity, credential, view, at: now) || !hasSecret
                        || product == nil
                {
                    return .refuse(.badCredentials)
                }
                return .refuse(credential.reasonNotAccepted)
            }
            switch credential {
            case .registration, .alibabaRegistration:
                let isProven = try isRegistration(
                    connect, identity, credential, product?.record, at: now)
                return isProven && product != nil ? .register : .refuse(.badCredentials)
            case .webToken where token == .untimely: return .refuse(.tokenUntimely)
            case .signature, .secret, .certificate, .alibaba, .accessToken, .plainSecret,
                .webToken, .preSharedKey:
                break
            }
            let isProven =
                if credential == .webToken {
                    token == .right
                } else {
                    try isProof(connect, identity, credential, view, at: now)
                }
            let hasSecret = if let view { !view.sealedSecret.isEmpty } else { false }
            guard let product, isProven, credential.isVouchedFor || hasSecret else {
                return .refuse(.badCredentials)
            }
            var decision = Admission.decide(
                identity,
                product: product.record,
                device: view?.standing,
                isBrought: standing?.bringsDevices == true,
                at: now.books
            )
            // What it is pinned to has to be written first.
            if case .admit(let until) = decision, standing?.isToBePinned == true {
                decision = .readmit(until: until)
            }
            var proven: SecretFingerprint?
            var confirmed: SecretFingerprint?
            if !credential.isVouchedFor, let view {
                proven = SecretFingerprint(of: view.sealedSecret)
                if !view.isSecretConfirmed { confirmed = proven }
            }
            return .decided(
                decision, product, entitledBy: view?.code, proves: proven,
                confirmsSecret: confirmed, limits: try view?.ownLimits, by: standing)
        }
    }

    /// What a device's token proves. It is not looked at where no token is accepted.
    private mutating func tokenVerdict(
        on identity: DeviceIdentity,
        _ connect: borrowing Connect,
        _ books: inout LedgerReader,
        at now: ShardTime
    ) throws(StoreError) -> TokenVerdict {
        guard let product = try books.product(identity.product), !product.isDeleted,
            product.dialect?.proofs.contains(.jwt) == true
        else { return .wrong }
        return try tokenKeys.verdict(
            on: connect.passwordOrNothing, of: identity, in: &books, secrets: &secrets,
            at: now.wall)
    }

    /// Whether a device that registers has proved its product's secret, the one before among them.
    private mutating func isRegistration(
        _ connect: borrowing Connect,
        _ identity: DeviceIdentity,
        _ credential: Claim.Credential,
        _ product: ProductRecord?,
        at now: ShardTime
    ) throws(StoreError) -> Bool {
        let random = Self.parameter("random", of: connect.clientID)
        func isProven(_ secret: Span<UInt8>) -> Bool {
            if case .alibabaRegistration(let method) = credential {
                return Proof.isRegistration(
                    connect.passwordOrNothing, of: identity, random: random, by: method,
                    secret: secret)
            }
            return Proof.isRegistration(
                connect.passwordOrNothing, of: identity, random: random, secret: secret)
        }
        try secrets.open(product?.secret, of: identity.product)
        if isProven(secrets.secret) { return product?.secret != nil }
        guard let previous = product?.previousSecret(at: now.books) else { return false }
        try secrets.open(previous, of: identity.product)
        return isProven(secrets.secret) && product?.secret != nil
    }

    /// Whether what a device has sent proves that it has its secret; a certificate has been verified, a token is looked at
    /// before.
    private mutating func isProof(
        _ connect: borrowing Connect,
        _ identity: DeviceIdentity,
        _ credential: Claim.Credential,
        _ view: DeviceView?,
        at now: ShardTime
    ) throws(StoreError) -> Bool {
        let clientID = connect.clientID
        let password = connect.passwordOrNothing
        if !credential.isVouchedFor { try secrets.open(view, of: identity) }
        switch credential {
        case .signature:
            let timestamp = Self.parameter("timestamp", of: clientID)
            return Proof.isSignature(
                password, of: identity, timestamp: timestamp, secret: secrets.secret)
                && Self.isRecent(
                    timestamp, at: now.wall, windowMilliseconds: timestampWindowMilliseconds)
        case .alibaba(let method):
            let timestamp = Self.parameter("timestamp", of: clientID)
            guard let signed = SignedClientIdentifier(clientID) else { return false }
            return Proof.isSignature(
                password, of: identity, named: signed.name, timestamp: timestamp, by: method,
                secret: secrets.secret)
                && Self.isRecent(
                    timestamp, at: now.wall, windowMilliseconds: timestampWindowMilliseconds,
                    orSeconds: true)
        case .accessToken:
            guard let userName = connect.userName, let hub = HubUserName(userName),
                let token = SharedAccessToken(password)
            else { return false }
            return token.isProof(for: hub, secret: secrets.secret, at: now.wall)
        case .secret, .plainSecret: return Proof.isSecret(password, secrets.secret)
        case .certificate: return true
        // Its secret may be another one since the handshake, or since the one that is resumed.
        case .preSharedKey(let digest):
            return PreSharedKey.digest(ofSecret: secrets.secret) == digest
        case .registration, .alibabaRegistration, .webToken: return false
        }
    }

    /// Whether a signed timestamp, in milliseconds, is near enough; a window of 0 does not ask.
    private static func isRecent(
        _ timestamp: Span<UInt8>,
        at time: Timestamp,
        windowMilliseconds: Int64,
        orSeconds: Bool = false
    ) -> Bool {
        guard windowMilliseconds > 0 else { return true }
        guard let text = timestamp.text, var milliseconds = Int64(text) else { return false }
        // Alibaba's clients send either; as milliseconds it would be a day of 1970.
        if orSeconds, (0..<100_000_000_000).contains(milliseconds) { milliseconds *= 1_000 }
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

    /// A connection of the device has displaced another one.
    mutating func noteDisplacement(_ device: DeviceIdentity, at now: ShardTime) {
        displacements.note(device, at: now.monotonic)
    }

    // MARK: Waiting

    /// The device at `slot` waits to be let in, and has proved that secret; `nil`: it was vouched for.
    mutating func noteWaiting(_ slot: UInt32, _ secret: SecretFingerprint?) {
        waiting.note(slot, secret)
    }

    /// The secret that the device which waits at `slot` has proved.
    func provenSecret(_ slot: UInt32) -> SecretFingerprint? { waiting.secret(slot) }

    /// The device at `slot` was let in.
    mutating func endWaiting(_ slot: UInt32) { waiting.forget(slot) }

    // MARK: Secrets

    /// A secret as the books may hold it.
    mutating func seal(
        _ secret: Secret,
        for device: DeviceIdentity
    ) throws(CryptoError) -> SealedSecret {
        try secrets.seal(secret, for: device)
    }

    /// The device's secret in the clear; `nil` when it does not open.
    mutating func open(_ sealed: SealedSecret, of device: DeviceIdentity) -> String? {
        guard secrets.open(sealed.bytes.span, of: device) else { return nil }
        return secrets.secret.text
    }

    // MARK: Applications

    /// What an application may do with its key, if it has proved that it is the key's.
    mutating func verdict(
        on id: KeyID,
        _ connect: borrowing Connect,
        in books: inout LedgerReader
    ) throws(StoreError) -> ApplicationVerdict {
        let found = try books.read { books, transaction throws(StoreError) in
            try books.key(id, in: transaction)
        }
        let hash = found?.secretHash ?? Self.decoyHash
        guard Proof.isSecret(connect.passwordOrNothing, hash: hash), let found,
            found.revokedAt == nil, found.role == .application
        else { return .refuse(.badCredentials) }
        return .admit(.products(try products(of: found, in: &books)))
    }

    /// The products a key reaches; `nil`: all. Those of an account, and of its sub-accounts, are as of
    /// now: a product made later is the key's from its next connection on.
    private func products(
        of key: KeyRecord,
        in books: inout LedgerReader
    ) throws(StoreError) -> Set<ProductKey>? {
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

    private static var decoyHash: SecretHash {
        guard let hash = SecretHash([UInt8](repeating: 0, count: SecretHash.length)) else {
            preconditionFailure("32 bytes are a hash")
        }
        return hash
    }

    // MARK: Changes

    /// A product has changed, and could not be read: again in a while.
    mutating func deferChange(of product: ProductKey, at now: ShardTime) {
        deferred.insert(product, at: now.monotonic)
    }

    /// The same for a device.
    mutating func deferChange(of device: DeviceIdentity, at now: ShardTime) {
        deferred.insert(device, at: now.monotonic)
    }

    /// What is to be read again now.
    mutating func takeDeferredIfDue(
        at now: ShardTime
    ) -> (products: Set<ProductKey>, devices: Set<DeviceIdentity>)? {
        deferred.takeIfDue(at: now.monotonic)
    }

    /// Whether changes are to be read again.
    var hasDeferred: Bool { !deferred.isEmpty }
}

/// What the books and the credentials say of a device.
enum DeviceVerdict {
    case refuse(Reason)

    /// It is to be given its secret.
    case register

    /// `entitledBy`: its latest code. `proves`: its secret, unless it was vouched for. `confirmsSecret`: the same, when it
    /// has used it for the first time. `limits`: its own. `by`: what its authority says of its certificate, of one by an
    /// account's.
    case decided(
        Decision, CachedProduct, entitledBy: ActivationCode?, proves: SecretFingerprint?,
        confirmsSecret: SecretFingerprint?, limits: TrafficLimits?, by: AccountCertificateStanding?)

    /// Whether the secret was right.
    var isProven: Bool {
        switch self {
        case .refuse(let reason):
            reason != .badCredentials && reason != .clientIdentifierNotValid
                && reason != .tokenUntimely
        case .register, .decided: true
        }
    }
}

/// What they say of an application.
enum ApplicationVerdict {
    case refuse(Reason)
    case admit(TopicRights)

    /// Whether the secret was right.
    var isProven: Bool {
        switch self {
        case .refuse(let reason): reason != .badCredentials
        case .admit: true
        }
    }
}

extension SecretSealer {
    /// Opens the device's secret, or, for the same work, a decoy, so that a device that does not exist and one
    /// with a wrong secret look the same. One that does not open is as good as no record.
    mutating func open(
        _ view: DeviceView?,
        of device: DeviceIdentity
    ) throws(StoreError) {
        let isOpen =
            if let view, !view.sealedSecret.isEmpty {
                open(view.sealedSecret, of: device)
            } else {
                openDecoy()
            }
        if !isOpen { throw .malformed(what: "sealed secret of \(device)") }
    }

    /// The same for a product's secret.
    fileprivate mutating func open(
        _ sealed: SealedSecret?,
        of product: ProductKey
    ) throws(StoreError) {
        let isOpen =
            if let sealed { open(sealed.bytes.span, of: product) } else { openDecoy() }
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
