public import Storage
import Time

/// The tables of the ledger, opened once: what `apply` writes and the queries read.
///
/// What is where, and what every activation writes (`*`):
///
///     books         1 -> last event, next serial *
///     accounts      account          accountProducts  account, product
///     subAccounts   parent, account  accountKeys      account, key
///     contacts      account, e-mail address
///     packages      package          holdings         account, package -> counters
///     batches       first serial     purchases        account, first serial
///     unassigned    account, package, first serial -> quantity   (first in, first out)
///     voided        first serial -> quantity: codes that a correction has voided
///     assignments   account, event number
///     productAssignments  product, event number
///     accountTotals account, data centre -> codes of its products *
///     products      product -> settings (rarely change: readers cache them)
///     pools         product -> counters, the lot being consumed *
///     lots          product, ordinal -> first serial, quantity   (first in, first out)
///     devices       product, device -> registration and latest entitlement *
///     consumptions  product, activatedAt, serial -> history entry *
///     expiries      product, expiresAt, serial -> activatedAt *
///     returned      product, serial: codes given back by a correction, consumed first
///     voidedConsumptions  product, serial, event number -> history entry that was taken back
///     periods       product, device, period -> where its history entry is (past periods only)
///     expiring      expiresAt, product, serial -> device: open entitlements *
///     disabled      product, device: disabled devices
///     topUps        account, kind, expiresAt, pack -> counters   (first-expiring first)
///     openTopUps    the same, packs with units left    topUpTotals  account, kind -> counters
///     topUpExpiries expiresAt, then the same           topUpChanges account, kind, event number
///     leases        event number -> pack, units        leasesByHolder  holder, event number
///     upgrades      product, device, upgrade -> cost and outcome
///     upgradeOrder  product, device, event number -> upgrade
///     openUpgrades  event number, product, device -> upgrade that was not reported
///     upgradeMonths product, device, month -> attempts of the allowance used
///     firmware      product, version -> image, how many devices are upgrading to it
///     firmwareOffers  product, device -> upgrade to an image that was not reported, how far it is
///     campaigns     product, campaign -> what it is to do   campaignProgress  the same -> how far it is
///     openCampaigns product, campaign: those that may start upgrades still
///     campaignTurns when it has something to do next, product, campaign
///     campaignDevices  product, campaign, device -> how the device stands
///     campaignStates  product, campaign, state, device
///     keys          key              answers          actor, idempotency key
///     imports       product, number of its first event -> what became of it
///     importing     product, number: those that still have, or may get, staged devices
///     arrivals      import's number, device -> staged device: a row of an import that has not landed
///     limits        1 -> what accounts and products may have
///     registrations product -> devices that registered themselves, of one day
///     sealingKeys   number -> fingerprint of a key that secrets are sealed with
///     log           1 -> how far the replicated log was applied; nothing for a gateway alone
///     senders       node -> its epoch, its last envelope that was applied, how far it had come then
///     partitions    1 -> which node owns which clients
///     sessionFollowings   node -> which other one keeps its stored sessions
///     documents     actor, idempotency key -> what the client was answered
///     desiredStates product, device -> what the device is to be, with its version
///     metadata      owner (an account, a product, a device) -> values under its users' keys
///     notedDevices  product, key and digest of a value, device    notedProducts  the same, account, product
///     tokenKeys     product, key of devices' tokens -> what they are checked with
///     webhooks      webhook          webhookProgress  webhook -> the last event that is done with
///     webhookAttempts  webhook, number -> what came back: the last ones
///     authorities   certificate's fingerprint -> an account's CA
///     accountAuthorities  account, fingerprint
///     pinnings      fingerprint -> which of its certificates a device may show
///     pins          product, device -> the certificates that it may show
///     authorityRules  fingerprint -> how its certificates name devices, whether they bring new ones
///     revocationLists  fingerprint -> which list of revoked certificates the authority has
///     revokedCertificates  fingerprint, serial number
///     alertBooks    1 -> what is true of alerts as a whole
///     alertRules    account, kind    alertLanguages  account
///     alerts        number           accountAlerts   account, number
///     openAlerts    account, kind, subject -> number
///     notifications number -> message about an alert   alertNotifications  alert, number
///     dueNotifications  when it is sent next, number
///     events        sequence number *
///
/// An activation's entries in `consumptions`, `expiries`, `expiring` and `events` are next to those
/// of the activation before it, as they are ordered by time or number; `devices` is the only table
/// it writes at a random place. A device's latest period is only in its record and moves to
/// `periods` when the next one begins, so that a first activation writes no history of its own.
///
/// The invariants are rule A10's and those of `verify`.
///
/// A class, as forty tables are too much to copy for a look-up.
public final class Books: Sendable {
    let books: Table<UInt32, BooksRecord>
    let accounts: Table<AccountID, AccountRecord>
    let accountProducts: Table<KeyPair<AccountID, ProductKey>, EmptyRecord>
    let subAccounts: Table<KeyPair<AccountID, AccountID>, EmptyRecord>
    let contacts: Table<KeyPair<AccountID, EmailAddress>, ContactRecord>
    let accountKeys: Table<KeyPair<AccountID, KeyID>, EmptyRecord>
    let packages: Table<PackageID, PackageRecord>
    let holdings: Table<KeyPair<AccountID, PackageID>, HoldingRecord>
    let batches: Table<UInt64, BatchRecord>
    let purchases: Table<KeyPair<AccountID, UInt64>, EmptyRecord>
    let unassigned: Table<KeyTriple<AccountID, PackageID, UInt64>, RangeRecord>
    let voided: Table<UInt64, VoidRecord>
    let assignments: Table<KeyPair<AccountID, UInt64>, AssignmentRecord>
    let productAssignments: Table<KeyPair<ProductKey, UInt64>, EmptyRecord>
    let accountTotals: Table<KeyPair<AccountID, DataCentreID>, AccountTotalRecord>
    let products: Table<ProductKey, ProductRecord>
    let pools: Table<ProductKey, PoolRecord>
    let lots: Table<KeyPair<ProductKey, UInt32>, LotRecord>
    let devices: Table<DeviceIdentity, DeviceRecord>
    let consumptions: Table<KeyTriple<ProductKey, Timestamp, UInt64>, ConsumptionRecord>
    let expiries: Table<KeyTriple<ProductKey, Timestamp, UInt64>, ExpiryRecord>
    let returned: Table<KeyPair<ProductKey, UInt64>, EmptyRecord>
    let voidedConsumptions: Table<KeyTriple<ProductKey, UInt64, UInt64>, VoidedConsumptionRecord>
    let periods: Table<KeyPair<DeviceIdentity, UInt32>, PeriodRecord>
    let expiring: Table<KeyTriple<Timestamp, ProductKey, UInt64>, ExpiringRecord>
    let disabled: Table<DeviceIdentity, EmptyRecord>
    let topUps: Table<TopUpPlace, TopUpRecord>
    let openTopUps: Table<TopUpPlace, EmptyRecord>
    let topUpExpiries: Table<KeyPair<Timestamp, TopUpPlace>, EmptyRecord>
    let topUpTotals: Table<KeyPair<AccountID, TopUpKind>, TopUpCounters>
    let topUpChanges: Table<KeyTriple<AccountID, TopUpKind, UInt64>, EmptyRecord>
    let leases: Table<UInt64, LeaseRecord>
    let leasesByHolder: Table<KeyPair<LeaseHolder, UInt64>, EmptyRecord>
    let upgrades: Table<KeyPair<DeviceIdentity, UpgradeID>, UpgradeRecord>
    let upgradeOrder: Table<KeyPair<DeviceIdentity, UInt64>, UpgradeNameRecord>
    let openUpgrades: Table<KeyPair<UInt64, DeviceIdentity>, UpgradeNameRecord>
    let upgradeMonths: Table<KeyPair<DeviceIdentity, Month>, UpgradeMonthRecord>
    let firmware: Table<KeyPair<ProductKey, FirmwareVersion>, FirmwareRecord>
    let firmwareOffers: Table<DeviceIdentity, FirmwareOfferRecord>
    let campaigns: Table<KeyPair<ProductKey, CampaignID>, CampaignRecord>
    let campaignProgress: Table<KeyPair<ProductKey, CampaignID>, CampaignProgressRecord>
    let openCampaigns: Table<KeyPair<ProductKey, CampaignID>, EmptyRecord>
    let campaignTurns: Table<KeyTriple<Timestamp, ProductKey, CampaignID>, EmptyRecord>
    let campaignDevices: Table<CampaignDevicePlace, CampaignDeviceRecord>
    let campaignStates: Table<CampaignStatePlace, EmptyRecord>
    let keys: Table<KeyID, KeyRecord>
    let answers: Table<KeyPair<String, String>, AnswerRecord>
    let documents: Table<KeyPair<String, String>, DocumentRecord>
    let events: Table<UInt64, Event>
    let imports: Table<KeyPair<ProductKey, UInt64>, ImportRecord>
    let importing: Table<KeyPair<ProductKey, UInt64>, EmptyRecord>
    let stagedDevices: Table<KeyPair<UInt64, DeviceKey>, StagedDeviceRecord>
    let limits: Table<UInt32, LimitsRecord>
    let registrations: Table<ProductKey, RegistrationsRecord>
    let sealingKeys: Table<UInt32, SealingKeyRecord>
    let log: Table<UInt32, LogRecord>
    let senders: Table<NodeName, SenderRecord>
    let partitions: Table<UInt32, PartitionsRecord>
    let sessionFollowings: Table<NodeName, SessionFollowingRecord>
    let metadata: Table<MetadataOwner, MetadataRecord>
    let notedDevices: Table<KeyTriple<ProductKey, MetadataPlace, DeviceKey>, EmptyRecord>
    let notedProducts: Table<KeyTriple<MetadataPlace, AccountID, ProductKey>, EmptyRecord>
    let webhooks: Table<WebhookID, WebhookRecord>
    let webhookProgress: Table<WebhookID, WebhookProgressRecord>
    let webhookAttempts: Table<KeyPair<WebhookID, UInt64>, WebhookAttemptRecord>
    let alertBooks: Table<UInt32, AlertsRecord>
    let alertRules: Table<KeyPair<AccountID, AlertKind>, AlertRuleRecord>
    let alertLanguages: Table<AccountID, AlertLanguageRecord>
    let alerts: Table<UInt64, AlertRecord>
    let accountAlerts: Table<KeyPair<AccountID, UInt64>, EmptyRecord>
    let openAlerts: Table<AlertPlace, OpenAlertRecord>
    let notifications: Table<UInt64, NotificationRecord>
    let alertNotifications: Table<KeyPair<UInt64, UInt64>, EmptyRecord>
    let dueNotifications: Table<KeyPair<Timestamp, UInt64>, EmptyRecord>
    let begunNotifications: Table<UInt64, EmptyRecord>
    let alertDigests: Table<AlertPlace, AlertDigestRecord>
    let nodeBackups: Table<NodeName, NodeBackupRecord>
    let desiredStates: Table<DeviceIdentity, DesiredStateRecord>
    let contactLanguages: Table<KeyPair<AccountID, EmailAddress>, AlertLanguageRecord>
    let authorities: Table<AuthorityID, AuthorityRecord>
    let accountAuthorities: Table<KeyPair<AccountID, AuthorityID>, EmptyRecord>
    let revocationLists: Table<AuthorityID, RevocationListRecord>
    let revokedCertificates: Table<KeyPair<AuthorityID, AuthorityNumber>, EmptyRecord>
    let tokenKeys: Table<KeyPair<ProductKey, TokenKeyID>, TokenKeyRecord>
    let authorityRules: Table<AuthorityID, AuthorityRulesRecord>
    let pinnings: Table<AuthorityID, PinningRecord>
    let pins: Table<DeviceIdentity, PinsRecord>

    /// The most records that a page of a list reads, about: a bound on how long it takes.
    let readsPerPage: Int

    /// How many tables there are, with the one of the format: the environment has to allow that many.
    public static var tableCount: Int { 88 }

    /// In bytes of UTF-8, of accounts, packages, products, devices and keys: room for the 256
    /// characters of up to 4 bytes that the API takes.
    public static var nameMaximumLength: Int { 1_024 }

    /// Of one account.
    public static var subAccountMaximum: Int { 1_000 }

    /// Of one account and its sub-accounts together (rule E1).
    public static var contactMaximum: Int { 100 }

    /// Of codes, in one purchase or assignment.
    public static var quantityMaximum: UInt64 { 1_000_000_000 }

    /// In bytes, of a remembered answer; a longer one is made anew for each repetition.
    public static var answerMaximumLength: Int { 65_536 }

    /// For how long a secret that another one has taken the place of may be taken still: a year.
    public static var overlapMaximumHours: Int64 { 8_760 }

    /// Of messages or OTA attempts, in one top-up pack.
    public static var topUpMaximum: UInt64 { 1_000_000_000_000 }

    /// In one import, and in one chunk of an import in chunks.
    public static var importMaximumRows: Int { 50_000 }

    /// In one import in chunks.
    public static var importMaximumTotal: UInt64 { 10_000_000 }

    /// Imports in chunks of one product that are under way: a look-up of a device that is not known
    /// asks each.
    public static var importsOfProductMaximum: UInt32 { 4 }

    /// Of all products, those among them whose rows are being removed.
    public static var importsMaximum: UInt32 { 64 }

    /// Opens the tables, and creates those that are missing.
    ///
    /// - Parameter readsPerPage: the most records that a page of a list reads, about. The default
    ///   takes some milliseconds.
    public init(in environment: Environment, readsPerPage: Int = 2_000) throws(StoreError) {
        precondition(readsPerPage > 0)
        self.readsPerPage = readsPerPage
        books = try Table("books", in: environment)
        accounts = try Table("accounts", in: environment)
        accountProducts = try Table("accountProducts", in: environment)
        subAccounts = try Table("subAccounts", in: environment)
        contacts = try Table("contacts", in: environment)
        accountKeys = try Table("accountKeys", in: environment)
        packages = try Table("packages", in: environment)
        holdings = try Table("holdings", in: environment)
        batches = try Table("batches", in: environment)
        purchases = try Table("purchases", in: environment)
        unassigned = try Table("unassigned", in: environment)
        voided = try Table("voided", in: environment)
        assignments = try Table("assignments", in: environment)
        productAssignments = try Table("productAssignments", in: environment)
        accountTotals = try Table("accountTotals", in: environment)
        products = try Table("products", in: environment)
        pools = try Table("pools", in: environment)
        lots = try Table("lots", in: environment)
        devices = try Table("devices", in: environment)
        consumptions = try Table("consumptions", in: environment)
        expiries = try Table("expiries", in: environment)
        returned = try Table("returned", in: environment)
        voidedConsumptions = try Table("voidedConsumptions", in: environment)
        periods = try Table("periods", in: environment)
        expiring = try Table("expiring", in: environment)
        disabled = try Table("disabled", in: environment)
        topUps = try Table("topUps", in: environment)
        openTopUps = try Table("openTopUps", in: environment)
        topUpExpiries = try Table("topUpExpiries", in: environment)
        topUpTotals = try Table("topUpTotals", in: environment)
        topUpChanges = try Table("topUpChanges", in: environment)
        leases = try Table("leases", in: environment)
        leasesByHolder = try Table("leasesByHolder", in: environment)
        upgrades = try Table("upgrades", in: environment)
        upgradeOrder = try Table("upgradeOrder", in: environment)
        openUpgrades = try Table("openUpgrades", in: environment)
        upgradeMonths = try Table("upgradeMonths", in: environment)
        firmware = try Table("firmware", in: environment)
        firmwareOffers = try Table("firmwareOffers", in: environment)
        campaigns = try Table("campaigns", in: environment)
        campaignProgress = try Table("campaignProgress", in: environment)
        openCampaigns = try Table("openCampaigns", in: environment)
        campaignTurns = try Table("campaignTurns", in: environment)
        campaignDevices = try Table("campaignDevices", in: environment)
        campaignStates = try Table("campaignStates", in: environment)
        keys = try Table("keys", in: environment)
        answers = try Table("answers", in: environment)
        documents = try Table("documents", in: environment)
        events = try Table("events", in: environment)
        imports = try Table("imports", in: environment)
        importing = try Table("importing", in: environment)
        stagedDevices = try Table("arrivals", in: environment)
        limits = try Table("limits", in: environment)
        registrations = try Table("registrations", in: environment)
        sealingKeys = try Table("sealingKeys", in: environment)
        log = try Table("log", in: environment)
        senders = try Table("senders", in: environment)
        partitions = try Table("partitions", in: environment)
        sessionFollowings = try Table("sessionFollowings", in: environment)
        metadata = try Table("metadata", in: environment)
        notedDevices = try Table("notedDevices", in: environment)
        notedProducts = try Table("notedProducts", in: environment)
        webhooks = try Table("webhooks", in: environment)
        webhookProgress = try Table("webhookProgress", in: environment)
        webhookAttempts = try Table("webhookAttempts", in: environment)
        alertBooks = try Table("alertBooks", in: environment)
        alertRules = try Table("alertRules", in: environment)
        alertLanguages = try Table("alertLanguages", in: environment)
        alerts = try Table("alerts", in: environment)
        accountAlerts = try Table("accountAlerts", in: environment)
        openAlerts = try Table("openAlerts", in: environment)
        notifications = try Table("notifications", in: environment)
        alertNotifications = try Table("alertNotifications", in: environment)
        dueNotifications = try Table("dueNotifications", in: environment)
        begunNotifications = try Table("begunNotifications", in: environment)
        alertDigests = try Table("alertDigests", in: environment)
        nodeBackups = try Table("nodeBackups", in: environment)
        desiredStates = try Table("desiredStates", in: environment)
        contactLanguages = try Table("contactLanguages", in: environment)
        authorities = try Table("authorities", in: environment)
        accountAuthorities = try Table("accountAuthorities", in: environment)
        revocationLists = try Table("revocationLists", in: environment)
        revokedCertificates = try Table("revokedCertificates", in: environment)
        tokenKeys = try Table("tokenKeys", in: environment)
        authorityRules = try Table("authorityRules", in: environment)
        pinnings = try Table("pinnings", in: environment)
        pins = try Table("pins", in: environment)
    }
}
