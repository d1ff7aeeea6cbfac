package import Bytes
package import Encoding

/// Why a command or a connection was refused, by area. `description` is for people; the public names
/// are `Reason`'s.
public enum Refusal: Hashable, Sendable, CustomStringConvertible {
    case devices(DeviceRefusal)
    case codes(CodeRefusal)
    case products(ProductRefusal)
    case packages(PackageRefusal)
    case accounts(AccountRefusal)
    case imports(ImportRefusal)
    case topUps(TopUpRefusal)
    case upgrades(UpgradeRefusal)
    case keys(KeyRefusal)
    case clock(ClockDoubt)
    case corrections(CorrectionRefusal)
    case limits(LimitRefusal)
    case cluster(ClusterRefusal)
    case metadata(MetadataRefusal)
    case webhooks(WebhookRefusal)
    case alerts(AlertRefusal)
    case authorities(AuthorityRefusal)
    case firmware(FirmwareRefusal)
    case campaigns(CampaignRefusal)

    /// Of whatever area.
    case commands(CommandRefusal)

    /// Each is read by `init(from:)`.
    enum Area: CaseIterable {
        case devices, codes, products, packages, accounts, imports, topUps, upgrades, keys,
            commands,
            clock, corrections, limits, cluster, metadata, webhooks, alerts, authorities, firmware,
            campaigns
    }

    private var part: (area: Area, record: any RefusalPart) {
        switch self {
        case .devices(let refusal): (.devices, refusal)
        case .codes(let refusal): (.codes, refusal)
        case .products(let refusal): (.products, refusal)
        case .packages(let refusal): (.packages, refusal)
        case .accounts(let refusal): (.accounts, refusal)
        case .imports(let refusal): (.imports, refusal)
        case .topUps(let refusal): (.topUps, refusal)
        case .upgrades(let refusal): (.upgrades, refusal)
        case .keys(let refusal): (.keys, refusal)
        case .clock(let refusal): (.clock, refusal)
        case .corrections(let refusal): (.corrections, refusal)
        case .limits(let refusal): (.limits, refusal)
        case .cluster(let refusal): (.cluster, refusal)
        case .metadata(let refusal): (.metadata, refusal)
        case .webhooks(let refusal): (.webhooks, refusal)
        case .alerts(let refusal): (.alerts, refusal)
        case .authorities(let refusal): (.authorities, refusal)
        case .firmware(let refusal): (.firmware, refusal)
        case .campaigns(let refusal): (.campaigns, refusal)
        case .commands(let refusal): (.commands, refusal)
        }
    }

    public var description: String { part.record.description }
}

/// The refusals of one area.
protocol RefusalPart: TaggedRecord, CustomStringConvertible {}

/// The refusal of an area.
extension Refusal: RecordField {
    package func encode(into buffer: inout ByteBuffer) { part.record.encode(into: &buffer) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        for area in Area.allCases {
            let refusal: Refusal? =
                switch area {
                case .devices: try reader.takeNext().map(Refusal.devices)
                case .codes: try reader.takeNext().map(Refusal.codes)
                case .products: try reader.takeNext().map(Refusal.products)
                case .packages: try reader.takeNext().map(Refusal.packages)
                case .accounts: try reader.takeNext().map(Refusal.accounts)
                case .imports: try reader.takeNext().map(Refusal.imports)
                case .topUps: try reader.takeNext().map(Refusal.topUps)
                case .upgrades: try reader.takeNext().map(Refusal.upgrades)
                case .keys: try reader.takeNext().map(Refusal.keys)
                case .clock: try reader.takeNext().map(Refusal.clock)
                case .corrections: try reader.takeNext().map(Refusal.corrections)
                case .limits: try reader.takeNext().map(Refusal.limits)
                case .cluster: try reader.takeNext().map(Refusal.cluster)
                case .metadata: try reader.takeNext().map(Refusal.metadata)
                case .webhooks: try reader.takeNext().map(Refusal.webhooks)
                case .alerts: try reader.takeNext().map(Refusal.alerts)
                case .authorities: try reader.takeNext().map(Refusal.authorities)
                case .firmware: try reader.takeNext().map(Refusal.firmware)
                case .campaigns: try reader.takeNext().map(Refusal.campaigns)
                case .commands: try reader.takeNext().map(Refusal.commands)
                }
            if let refusal {
                self = refusal
                return
            }
        }
        throw .malformed(what: "refusal")
    }
}
