package import Bytes
package import Encoding

/// A fact about the books, as the event log keeps it (rule E3), by area. It holds no secret.
public enum Change: Hashable, Sendable {
    case devices(DeviceChange)
    case codes(CodeChange)
    case products(ProductChange)
    case packages(PackageChange)
    case accounts(AccountChange)
    case imports(ImportChange)
    case topUps(TopUpChange)
    case upgrades(UpgradeChange)
    case keys(KeyChange)
    case clock(ClockChange)
    case corrections(Correction)
    case limits(LimitChange)
    case productSecrets(ProductSecretChange)
    case cluster(ClusterChange)
    case metadata(MetadataChange)
    case webhooks(WebhookChange)
    case alerts(AlertChange)
    case authorities(AuthorityChange)
    case firmware(FirmwareChange)
    case campaigns(CampaignChange)

    /// Each is read by `init(from:)`.
    enum Area: CaseIterable {
        case devices, codes, products, packages, accounts, imports, topUps, upgrades, keys,
            clock, corrections, limits, productSecrets, cluster, metadata, webhooks, alerts,
            authorities, firmware, campaigns
    }

    private var part: (area: Area, record: any ChangePart) {
        switch self {
        case .devices(let change): (.devices, change)
        case .codes(let change): (.codes, change)
        case .products(let change): (.products, change)
        case .packages(let change): (.packages, change)
        case .accounts(let change): (.accounts, change)
        case .imports(let change): (.imports, change)
        case .topUps(let change): (.topUps, change)
        case .upgrades(let change): (.upgrades, change)
        case .keys(let change): (.keys, change)
        case .clock(let change): (.clock, change)
        case .corrections(let change): (.corrections, change)
        case .limits(let change): (.limits, change)
        case .productSecrets(let change): (.productSecrets, change)
        case .cluster(let change): (.cluster, change)
        case .metadata(let change): (.metadata, change)
        case .webhooks(let change): (.webhooks, change)
        case .alerts(let change): (.alerts, change)
        case .authorities(let change): (.authorities, change)
        case .firmware(let change): (.firmware, change)
        case .campaigns(let change): (.campaigns, change)
        }
    }

    /// Its name in the API.
    public var name: String { part.record.name }
}

/// The changes of one area.
protocol ChangePart: TaggedRecord {
    /// Its name in the API.
    var name: String { get }
}

/// The change of an area.
extension Change: RecordField {
    package func encode(into buffer: inout ByteBuffer) { part.record.encode(into: &buffer) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        for area in Area.allCases {
            let change: Change? =
                switch area {
                case .devices: try reader.takeNext().map(Change.devices)
                case .codes: try reader.takeNext().map(Change.codes)
                case .products: try reader.takeNext().map(Change.products)
                case .packages: try reader.takeNext().map(Change.packages)
                case .accounts: try reader.takeNext().map(Change.accounts)
                case .imports: try reader.takeNext().map(Change.imports)
                case .topUps: try reader.takeNext().map(Change.topUps)
                case .upgrades: try reader.takeNext().map(Change.upgrades)
                case .keys: try reader.takeNext().map(Change.keys)
                case .clock: try reader.takeNext().map(Change.clock)
                case .corrections: try reader.takeNext().map(Change.corrections)
                case .limits: try reader.takeNext().map(Change.limits)
                case .productSecrets: try reader.takeNext().map(Change.productSecrets)
                case .cluster: try reader.takeNext().map(Change.cluster)
                case .metadata: try reader.takeNext().map(Change.metadata)
                case .webhooks: try reader.takeNext().map(Change.webhooks)
                case .alerts: try reader.takeNext().map(Change.alerts)
                case .authorities: try reader.takeNext().map(Change.authorities)
                case .firmware: try reader.takeNext().map(Change.firmware)
                case .campaigns: try reader.takeNext().map(Change.campaigns)
                }
            if let change {
                self = change
                return
            }
        }
        throw .malformed(what: "change")
    }
}
