package import Bytes
package import Encoding

/// What a command does, by area. Names are at most 256 bytes of UTF-8; longer ones are refused.
public enum Action: Hashable, Sendable {
    case devices(DeviceAction)
    case codes(CodeAction)
    case products(ProductAction)
    case packages(PackageAction)
    case accounts(AccountAction)
    case imports(ImportAction)
    case topUps(TopUpAction)
    case upgrades(UpgradeAction)
    case keys(KeyAction)
    case clock(ClockAction)
    case corrections(CorrectionAction)
    case limits(LimitAction)
    case productSecrets(ProductSecretAction)
    case answers(AnswerAction)
    case cluster(ClusterAction)
    case metadata(MetadataAction)
    case webhooks(WebhookAction)
    case alerts(AlertAction)
    case authorities(AuthorityAction)
    case firmware(FirmwareAction)
    case campaigns(CampaignAction)

    /// Each is read by `init(from:)`.
    enum Area: CaseIterable {
        case devices, codes, products, packages, accounts, imports, topUps, upgrades, keys,
            clock, corrections, limits, productSecrets, answers, cluster, metadata, webhooks,
            alerts, authorities, firmware, campaigns
    }

    private var part: (area: Area, record: any ActionPart) {
        switch self {
        case .devices(let action): (.devices, action)
        case .codes(let action): (.codes, action)
        case .products(let action): (.products, action)
        case .packages(let action): (.packages, action)
        case .accounts(let action): (.accounts, action)
        case .imports(let action): (.imports, action)
        case .topUps(let action): (.topUps, action)
        case .upgrades(let action): (.upgrades, action)
        case .keys(let action): (.keys, action)
        case .clock(let action): (.clock, action)
        case .corrections(let action): (.corrections, action)
        case .limits(let action): (.limits, action)
        case .productSecrets(let action): (.productSecrets, action)
        case .answers(let action): (.answers, action)
        case .cluster(let action): (.cluster, action)
        case .metadata(let action): (.metadata, action)
        case .webhooks(let action): (.webhooks, action)
        case .alerts(let action): (.alerts, action)
        case .authorities(let action): (.authorities, action)
        case .firmware(let action): (.firmware, action)
        case .campaigns(let action): (.campaigns, action)
        }
    }
}

/// The actions of one area. Secrets, and whatever else the gateway may make afresh when a client repeats
/// its request, are not part of what was asked for.
protocol ActionPart: TaggedRecord {
    /// The action without what the gateway may have made.
    var asked: Self { get }
}

/// The action of an area.
extension Action: RecordField {
    package func encode(into buffer: inout ByteBuffer) { part.record.encode(into: &buffer) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        for area in Area.allCases {
            let action: Action? =
                switch area {
                case .devices: try reader.takeNext().map(Action.devices)
                case .codes: try reader.takeNext().map(Action.codes)
                case .products: try reader.takeNext().map(Action.products)
                case .packages: try reader.takeNext().map(Action.packages)
                case .accounts: try reader.takeNext().map(Action.accounts)
                case .imports: try reader.takeNext().map(Action.imports)
                case .topUps: try reader.takeNext().map(Action.topUps)
                case .upgrades: try reader.takeNext().map(Action.upgrades)
                case .keys: try reader.takeNext().map(Action.keys)
                case .clock: try reader.takeNext().map(Action.clock)
                case .corrections: try reader.takeNext().map(Action.corrections)
                case .limits: try reader.takeNext().map(Action.limits)
                case .productSecrets: try reader.takeNext().map(Action.productSecrets)
                case .answers: try reader.takeNext().map(Action.answers)
                case .cluster: try reader.takeNext().map(Action.cluster)
                case .metadata: try reader.takeNext().map(Action.metadata)
                case .webhooks: try reader.takeNext().map(Action.webhooks)
                case .alerts: try reader.takeNext().map(Action.alerts)
                case .authorities: try reader.takeNext().map(Action.authorities)
                case .firmware: try reader.takeNext().map(Action.firmware)
                case .campaigns: try reader.takeNext().map(Action.campaigns)
                }
            if let action {
                self = action
                return
            }
        }
        throw .malformed(what: "action")
    }
}

extension Action {
    /// A digest of what the client asked for, by which a repeated idempotency key is recognised as
    /// the same command (rule A8): 128-bit FNV-1a over the action's bytes.
    package var digest: (high: UInt64, low: UInt64) {
        var bytes = ByteBuffer()
        part.record.asked.encode(into: &bytes)
        // The offset basis and prime of the FNV reference (draft-eastlake-fnv, 128 bits).
        var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
        let span = bytes.span
        for index in span.indices {
            hash = (hash ^ UInt128(span[index])) &* 0x0000_0000_0100_0000_0000_0000_0000_013b
        }
        return (UInt64(truncatingIfNeeded: hash >> 64), UInt64(truncatingIfNeeded: hash))
    }
}
