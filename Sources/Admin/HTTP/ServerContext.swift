import Cryptography
import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import NIOCore
import Storage
import Telemetry
import Time

/// What all requests are answered with: the gateway, its configuration, tokens and limits.
struct ServerContext: Sendable {
    let controlPlane: any ControlPlane
    let configuration: GatewayConfiguration

    /// Where it comes from.
    let settings: [AppliedSetting]
    let mintKey: MintKey
    let timings = RequestTimings()
    private let build: Build
    private let tokens: Tokens
    private let wrongTokens: WrongTokens
    private let rates: RateLimiter
    private let now: @Sendable () -> ContinuousClock.Instant
    let webhooks: WebhookDispatcher
    let alerts: AlertDispatcher
    let streams: StreamSlots
    let bodies: BodyBudget

    /// Snapshots of the books that may be on their way at once: each takes their space on the disk.
    let snapshots = StreamSlots(maximum: 2)

    /// Bulk operations that may be under way at once: each keeps the books busy.
    let bulks = StreamSlots(maximum: 4)

    /// Reports of accounts' months that may be made at once: each reads a month of the event log.
    let reports = StreamSlots(maximum: 8)

    let firmware: FirmwareFiles
    let firmwareDownloads: FirmwareDownloads

    /// Images that may be uploaded at once.
    let firmwareUploads = StreamSlots(maximum: 4)

    /// Messages to webhooks that callers wait for.
    let webhookTests = StreamSlots(maximum: 64)

    /// Traces of devices that may be open at once: each costs its shard something.
    let traces = StreamSlots(maximum: 8)

    init(
        controlPlane: any ControlPlane,
        configuration: GatewayConfiguration,
        settings: [AppliedSetting],
        ownerToken: OwnerToken,
        mintKey: MintKey,
        build: Build,
        wrongTokens: WrongTokens,
        webhooks: WebhookDispatcher,
        alerts: AlertDispatcher,
        now: @escaping @Sendable () -> ContinuousClock.Instant
    ) {
        self.now = now
        self.controlPlane = controlPlane
        self.configuration = configuration
        self.settings = settings
        self.mintKey = mintKey
        self.build = build
        self.wrongTokens = wrongTokens
        self.webhooks = webhooks
        self.alerts = alerts
        tokens = Tokens(owner: ownerToken, ledger: controlPlane.ledger)
        firmware = configuration.firmwareFiles
        firmwareDownloads = FirmwareDownloads(configuration.firmware)
        streams = StreamSlots(maximum: configuration.admin.eventStreams)
        bodies = BodyBudget(
            maximumBytes: max(
                configuration.admin.bodiesInFlightBytes, configuration.admin.requestSizeBytes))
        rates = RateLimiter(requestsPerSecond: configuration.admin.requestsPerSecond)
    }

    /// The caller; throws when the request needs a valid token and has none, or comes too soon.
    func principal(
        of request: Request,
        _ context: AdminContext,
        for access: Access
    ) throws -> Principal {
        guard access.needsToken else {
            try take(.visitor(RateLimiter.Caller.origin(of: context.address)), context)
            return .visitor
        }
        guard let principal = try known(request) else {
            try takeStranger(request, context)
            throw Problem.unauthorized
        }
        context.trail.note(actor: principal.actor)
        try take(.actor(principal.actor), context)
        return principal
    }

    /// Counts a request for what there is not, as one of its token's, or of where it came from; throws
    /// when it comes too soon.
    func count(_ request: Request, _ context: AdminContext) throws {
        if let principal = try known(request) {
            context.trail.note(actor: principal.actor)
            try take(.actor(principal.actor), context)
        } else {
            try takeStranger(request, context)
        }
    }

    /// What the API counts itself, for the page of metrics.
    var metricsText: String {
        var page = PrometheusText()
        page.begin(
            "tollgate_api_wrong_tokens_total",
            help: "Requests whose token was not valid.", kind: .counter)
        page.sample(wrongTokens.count)
        timings.write(into: &page)
        webhooks.write(into: &page)
        alerts.write(into: &page)
        firmwareDownloads.write(into: &page)
        page.begin("tollgate_build_info", help: "What program this is.", kind: .gauge)
        page.sample(
            1,
            labels: [
                PrometheusLabel("version", build.version),
                PrometheusLabel("revision", build.revision),
            ])
        return page.finish()
    }

    /// Whether the request's token is valid still.
    func knows(_ request: Request) throws -> Bool { try known(request) != nil }

    /// Whose the request's token is; `nil` when it is not valid, or not any more.
    func known(_ request: Request) throws -> Principal? {
        try Self.token(of: request).flatMap { try tokens.principal(of: $0) }
    }

    /// What the request shows (RFC 6750, 2.1); `nil` when it shows none.
    private static func token(of request: Request) -> String? {
        let prefix = "bearer "
        guard let header = request.headers[.authorization],
            header.prefix(prefix.count).lowercased() == prefix
        else { return nil }
        return String(header.dropFirst(prefix.count))
    }

    /// Counts a request without a valid token. One that shows none is not held back for those that are wrong.
    private func takeStranger(_ request: Request, _ context: AdminContext) throws(Problem) {
        let wait = Self.token(of: request).flatMap {
            wrongTokens.note($0, from: context.address, at: now())
        }
        if let wait { throw Problem(.tooManyWrongTokens, retryAfterSeconds: wait.secondsRoundedUp) }
        try take(.stranger(RateLimiter.Caller.origin(of: context.address)), context)
    }

    private func take(_ caller: RateLimiter.Caller, _ context: AdminContext) throws(Problem) {
        let now = now()
        let delay = rates.delay(of: caller, at: now)
        context.trail.note(rates.standing(of: caller, at: now))
        guard let delay else { return }
        throw Problem(
            .tooManyRequests, "more requests than are allowed in a second",
            retryAfterSeconds: delay.secondsRoundedUp)
    }
}

extension Duration {
    /// What `Retry-After` says: a second too early would be refused again.
    var secondsRoundedUp: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) + (attoseconds > 0 ? 1 : 0)
    }
}

/// What goes along with a request on its way through the router.
struct AdminContext: RequestContext {
    var coreContext: CoreRequestContextStorage

    /// Where the request came from: the client's IP address, or its proxy's.
    let address: String?

    /// The connection.
    let channel: any Channel

    /// By what it is found again.
    var trail = RequestTrail()

    init(source: ApplicationRequestContextSource) {
        channel = source.channel
        address = AdminChannel.Visit.current?.address ?? channel.remoteAddress?.ipAddress
        coreContext = CoreRequestContextStorage(source: source)
    }
}

/// The caller of a request, by its token, and what it reaches.
struct Principal: Equatable, Sendable {
    /// As the event log names it: `owner`, or the key's id.
    let actor: String
    let role: KeyRole

    /// What the key is bound to; `nil`: to no account.
    let account: AccountID?

    /// That account and its sub-accounts: whose resources are reached. `nil`: no account bounds them;
    /// every account is reached, unless `products` says which products alone are.
    let accounts: [AccountID]?

    /// Of a key that is bound to a sub-account, its parent: their contacts are one list (rule E1).
    let parent: AccountID?

    /// Which products are reached; `nil`: all of the accounts'. Without an account, they are all that is
    /// reached: their own accounts are not.
    let products: [ProductKey]?

    /// A key that is not bound to an account.
    init(actor: String, role: KeyRole, products: [ProductKey]?) {
        self.actor = actor
        self.role = role
        account = nil
        accounts = nil
        parent = nil
        self.products = products
    }

    /// A key as the books have it, with what they say of the account that it is bound to.
    init(_ id: KeyID, _ key: KeyRecord, accounts: [AccountID]?, parent: AccountID?) {
        actor = id.text
        role = key.role
        account = key.account
        self.accounts = accounts
        self.parent = parent
        products = key.products
    }

    static let owner = Principal(actor: "owner", role: .owner, products: nil)

    /// A caller without a token, which open operations do not ask for: reaches nothing.
    static let visitor = Principal(actor: "", role: .application, products: [])

    var isOperator: Bool { role == .owner || role == .operator }

    /// Of what streams it takes a share, with all keys of its account: `nil` when it reaches everything.
    var tenant: String? { account?.text ?? (products == nil ? nil : actor) }

    func reaches(_ account: AccountID) -> Bool { accounts?.contains(account) ?? (products == nil) }

    /// Whose products a list has, of all or of the one that is asked for; `nil`: all. Which
    /// products of theirs, `products` says.
    func accounts(among asked: AccountID?) -> [AccountID]? {
        guard let asked else { return accounts }
        return accounts?.contains(asked) ?? true ? [asked] : []
    }

    func reaches(_ product: ProductKey, of account: AccountID) -> Bool {
        accounts?.contains(account) ?? true && reaches(product)
    }

    /// Whether a product of an account that is reached is reached as well.
    func reaches(_ product: ProductKey) -> Bool { products?.contains(product) ?? true }

    /// What is out of reach looks as if it did not exist.
    func require(_ account: AccountID) throws(Problem) {
        guard reaches(account) else { throw Problem(.accounts(.unknown(account))) }
    }

    /// Whether the account's list of contacts is reached (rule E1).
    func requireContacts(of account: AccountID) throws(Problem) {
        guard reaches(account) || account == parent else {
            throw Problem(.accounts(.unknown(account)))
        }
    }

    func require(_ product: ProductKey, of account: AccountID) throws(Problem) {
        guard reaches(product, of: account) else { throw Problem(.products(.unknown(product))) }
    }
}

/// Knows whose a bearer token is: the owner's, or `{key id}.{secret}` of a key in the books.
struct Tokens: Sendable {
    let owner: OwnerToken
    let ledger: Ledger

    /// `nil` when the token is not valid. Secrets are compared in constant time.
    func principal(of token: String) throws(StoreError) -> Principal? {
        if constantTimeEqual(Array(token.utf8).span, Array(owner.text.utf8).span) { return .owner }
        guard let dot = token.firstIndex(of: "."), let id = KeyID(String(token[..<dot])) else {
            return nil
        }
        let secret = token[token.index(after: dot)...]
        let digest = SHA256.hash(Array(secret.utf8).span)
        return try ledger.read { (books, transaction) throws(StoreError) in
            guard let record = try books.key(id, in: transaction), record.revokedAt == nil,
                constantTimeEqual(record.secretHash.bytes.span, digest.span)
            else { return nil }
            guard let account = record.account else {
                return Principal(id, record, accounts: nil, parent: nil)
            }
            return Principal(
                id,
                record,
                accounts: try books.family(of: account, in: transaction),
                parent: try books.account(account, in: transaction)?.parent
            )
        }
    }
}

extension ServerContext {
    /// Where an account's days and months begin: as the days of a product do that says nothing else.
    var dayOffset: UTCOffset {
        UTCOffset(minutes: configuration.metering.dayOffsetMinutes) ?? .utc
    }
}
