import Testing

@testable import LedgerModel

/// The areas share one space of tags; which area the bytes are of must be plain from the first one.
@Suite struct TagTests {
    @Test("No two areas have tags of the same first byte")
    func areas() {
        expectApart(Action.Area.allCases.map(\.record))
        expectApart(Change.Area.allCases.map(\.record))
        expectApart(Refusal.Area.allCases.map(\.record))
    }

    private func expectApart(_ records: [any TaggedRecord.Type]) {
        var owners: [UInt8: String] = [:]
        for record in records {
            for byte in Self.firstBytes(of: record) {
                #expect(owners.updateValue("\(record)", forKey: byte) == nil, "\(record): \(byte)")
            }
        }
    }

    @Test("A tag of two bytes begins with no tag of one")
    func prefixes() {
        func check<Record: TaggedRecord>(_ type: Record.Type) {
            for tag in Record.Tag.allCases where tag.bytes.count == 2 {
                #expect(Record.Tag(rawValue: UInt16(tag.bytes[0])) == nil, "\(type): \(tag)")
            }
        }
        for area in Action.Area.allCases { check(area.record) }
        for area in Change.Area.allCases { check(area.record) }
        for area in Refusal.Area.allCases { check(area.record) }
        check(Effect.self)
        check(Outcome.self)
        check(TopUpChange.Entry.self)
        check(UpgradeChange.Entry.self)
        check(MetadataOwner.self)
        check(AlertSubject.self)
    }

    private static func firstBytes<Record: TaggedRecord>(of type: Record.Type) -> Set<UInt8> {
        Set(Record.Tag.allCases.map { $0.bytes[0] })
    }
}

extension RecordTag {
    var bytes: [UInt8] {
        let low = UInt8(truncatingIfNeeded: rawValue)
        return rawValue > 0xFF ? [UInt8(rawValue >> 8), low] : [low]
    }
}

extension Action.Area {
    var record: any TaggedRecord.Type {
        switch self {
        case .devices: DeviceAction.self
        case .codes: CodeAction.self
        case .products: ProductAction.self
        case .packages: PackageAction.self
        case .accounts: AccountAction.self
        case .imports: ImportAction.self
        case .topUps: TopUpAction.self
        case .upgrades: UpgradeAction.self
        case .keys: KeyAction.self
        case .clock: ClockAction.self
        case .corrections: CorrectionAction.self
        case .limits: LimitAction.self
        case .productSecrets: ProductSecretAction.self
        case .answers: AnswerAction.self
        case .cluster: ClusterAction.self
        case .metadata: MetadataAction.self
        case .webhooks: WebhookAction.self
        case .alerts: AlertAction.self
        case .authorities: AuthorityAction.self
        case .firmware: FirmwareAction.self
        case .campaigns: CampaignAction.self
        }
    }
}

extension Change.Area {
    var record: any TaggedRecord.Type {
        switch self {
        case .devices: DeviceChange.self
        case .codes: CodeChange.self
        case .products: ProductChange.self
        case .packages: PackageChange.self
        case .accounts: AccountChange.self
        case .imports: ImportChange.self
        case .topUps: TopUpChange.self
        case .upgrades: UpgradeChange.self
        case .keys: KeyChange.self
        case .clock: ClockChange.self
        case .corrections: Correction.self
        case .limits: LimitChange.self
        case .productSecrets: ProductSecretChange.self
        case .cluster: ClusterChange.self
        case .metadata: MetadataChange.self
        case .webhooks: WebhookChange.self
        case .alerts: AlertChange.self
        case .authorities: AuthorityChange.self
        case .firmware: FirmwareChange.self
        case .campaigns: CampaignChange.self
        }
    }
}

extension Refusal.Area {
    var record: any TaggedRecord.Type {
        switch self {
        case .devices: DeviceRefusal.self
        case .codes: CodeRefusal.self
        case .products: ProductRefusal.self
        case .packages: PackageRefusal.self
        case .accounts: AccountRefusal.self
        case .imports: ImportRefusal.self
        case .topUps: TopUpRefusal.self
        case .upgrades: UpgradeRefusal.self
        case .keys: KeyRefusal.self
        case .clock: ClockDoubt.self
        case .corrections: CorrectionRefusal.self
        case .limits: LimitRefusal.self
        case .cluster: ClusterRefusal.self
        case .metadata: MetadataRefusal.self
        case .webhooks: WebhookRefusal.self
        case .alerts: AlertRefusal.self
        case .authorities: AuthorityRefusal.self
        case .firmware: FirmwareRefusal.self
        case .campaigns: CampaignRefusal.self
        case .commands: CommandRefusal.self
        }
    }
}
