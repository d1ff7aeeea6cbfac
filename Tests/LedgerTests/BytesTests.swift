import Bytes
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

@Suite struct BytesTests {
    func roundTrip<Value: StorageRecord & Equatable>(_ value: Value) throws {
        var buffer = ByteBuffer()
        value.encode(into: &buffer)
        var reader = ByteReader(buffer.span)
        let back = try Value(decoding: &reader)
        #expect(back == value)
        let isAtEnd = reader.isAtEnd
        #expect(isAtEnd)
        // No prefix of the bytes is mistaken for the whole.
        for count in 0..<buffer.count {
            var short = ByteReader(buffer.span.extracting(0..<count))
            #expect(throws: MalformedRecord.self) { try Self.decode(Value.self, &short) }
        }
    }

    @_lifetime(reader: copy reader)
    private static func decode<Value: StorageRecord>(
        _ type: Value.Type,
        _ reader: inout ByteReader
    ) throws(MalformedRecord) { _ = try Value(decoding: &reader) }

    static let identity = Desk.device("d:1@x")
    private static let entitlement = Entitlement(
        code: ActivationCode(serial: 77),
        period: 3,
        activatedAt: Timestamp(milliseconds: -5),
        expiresAt: Timestamp(milliseconds: 1 << 41),
        cause: .manual
    )

    static let actions: [Action] =
        Desk.beginning + importActions.map { .importing($0) } + [
            .updateProduct(Desk.product, ProductUpdate()),
            .updateProduct(
                Desk.product,
                ProductUpdate(
                    name: "Zähler",
                    autoRenewal: false,
                    registration: .closed,
                    dayOffset: UTCOffset(minutes: -330)
                )
            ),
            .upgradePackage(Desk.product, to: Desk.large),
            .deleteProduct(Desk.product),
            .purchase(Desk.acme, package: Desk.small, quantity: 300, product: nil),
            .purchase(Desk.acme, package: Desk.small, quantity: 1, product: Desk.product),
            .assign(Desk.product, package: Desk.small, quantity: 1),
            .importDevices(Desk.product, []),
            .importDevices(
                Desk.product,
                [
                    DeviceImport(device: DeviceKey("a")!, secret: nil, name: "n"),
                    DeviceImport(device: DeviceKey("b")!, secret: SealedSecret("s")),
                ]
            ),
            .registerDevice(identity, secret: SealedSecret("s")!),
            .activate(identity, confirmsSecret: SealedSecret("s")!.fingerprint),
            .activate(identity, confirmsSecret: nil, at: west),
            .activateByHand(identity),
            .renew(identity),
            .renew(identity, at: west),
            .endEntitlement(identity),
            .endExpired(limit: 5, graceMilliseconds: -1),
            .setDisabled(identity, true),
            .deleteDevice(identity),
            .setDeviceRenewal(identity, false),
            .resetSecret(identity, secret: SealedSecret("t")!),
            .confirmSecretUse(identity, SealedSecret("t")!.fingerprint),
            .createKey(
                NewKey(
                    id: KeyID("k")!,
                    name: "key",
                    role: .operator,
                    account: nil,
                    products: [Desk.product],
                    secretHash: SecretHash(Array(0..<32))!
                )
            ),
            .revokeKey(KeyID("k")!),
            .adoptSealingKeys([
                SealingKey(number: 255, fingerprint: [UInt8](repeating: 9, count: 32))!
            ]),
        ] + accountActions + topUpActions.map { .topUp($0) } + upgradeActions.map { .upgrade($0) }

    @Test("Commands encode to bytes and back", arguments: actions)
    func commands(_ action: Action) throws {
        try roundTrip(
            Command(
                at: Timestamp(milliseconds: 12), actor: "ä", idempotencyKey: nil, action: action)
        )
        try roundTrip(
            Command(at: Timestamp(milliseconds: -1), actor: "", idempotencyKey: "k", action: action)
        )
    }

    @Test("Commands of an unknown version, or with no actor's name, are malformed")
    func malformedCommands() throws {
        let bytes: [UInt8] = [2, 0, 0, 0, 22, 0]
        var reader = ByteReader(bytes.span)
        #expect(throws: MalformedRecord.malformed(what: "command of an unknown version")) {
            try Self.decode(Command.self, &reader)
        }
        let named: [UInt8] = [1, 0, 1, 0, 0, 22, 1, 0x6B]
        var second = ByteReader(named.span)
        #expect(throws: MalformedRecord.malformed(what: "actor")) {
            try Self.decode(Command.self, &second)
        }
    }

    static let changes: [Change] =
        importChanges + [
            .accountCreated(Desk.acme, kind: .individual, parent: nil),
            .packageCreated(
                Desk.small,
                Allowance(validityDays: 1, messagesPerDay: nil, otaPerMonth: 0, storageDays: 0)!
            ),
            .productCreated(Desk.product, account: Desk.acme),
            .productUpdated(Desk.product, ProductUpdate(autoRenewal: true)),
            .packageUpgraded(Desk.product, from: Desk.small, to: Desk.large),
            .productDeleted(Desk.product, forfeited: 1 << 40),
            .codesBought(
                Desk.acme,
                package: Desk.small,
                quantity: 2,
                product: Desk.product,
                first: ActivationCode(serial: 5)
            ),
            .codesAssigned(Desk.acme, product: Desk.product, package: Desk.small, quantity: 9),
            .devicesImported(Desk.product, count: 10, import: nil),
            .deviceRegistered(identity),
            .deviceActivated(identity, entitlement, at: west),
            .entitlementReopened(identity, code: ActivationCode(serial: 5)),
            .entitlementEnded(identity, code: ActivationCode(serial: 5)),
            .deviceDisabled(identity, true),
            .deviceDeleted(identity),
            .deviceRenewalSet(identity, false),
            .secretReset(identity),
            .secretConfirmed(identity),
            .sealingKeysAdopted([1, 255]),
            .keyCreated(KeyID("k")!, role: .subAccount),
            .keyRevoked(KeyID("k")!),
        ] + accountChanges + topUpChanges.map { .topUp($0) } + upgradeChanges.map { .upgrade($0) }

    @Test("E3: events encode to bytes and back", arguments: changes)
    func events(_ change: Change) throws {
        try roundTrip(
            Event(sequence: 300, at: Timestamp(milliseconds: 9), actor: "a", change: change)
        )
    }

    static let refusals: [Refusal] =
        importRefusals + [
            .unknownAccount(Desk.acme), .unknownPackage(Desk.small), .unknownProduct(Desk.product),
            .unknownDevice(identity), .unknownKey(KeyID("k")!), .alreadyExists(what: "x"),
            .parentIsSubAccount(Desk.acme), .productOfAnotherAccount(Desk.product, Desk.acme),
            .nameTooLong(maximumBytes: 256),
            .packageMismatch(product: Desk.small, given: Desk.large),
            .productHasNoPackage(Desk.product), .allowanceLowered(allowance: "otaPerMonth"),
            .quantityOutOfRange(maximum: 9), .notEnoughUnassigned(wanted: 2, available: 1),
            .noCodeLeft(Desk.product), .renewalOff(identity), .deviceDisabled(identity),
            .entitlementRuns(until: Timestamp(milliseconds: 4)), .productRenewalOff(Desk.product),
            .registrationNotAllowed(identity), .secretInUse(identity),
            .importRow(row: 3, device: DeviceKey("d")!, fault: .repeatedRow),
            .importTooLarge(maximumRows: 2), .idempotencyKeyReused, .idempotencyKeyInvalid,
            .tooManySubAccounts(maximum: 3), .enterpriseAlready(Desk.acme),
            .certifiedWithParent(Desk.acme), .tooManyContacts(maximum: 4),
            .unknownContact(Desk.acme, email),
            .noTopUpLeft(Desk.acme), .expiryPassed(Timestamp(milliseconds: 4)), .unknownLease(7),
            .leaseExceeded(lease: 7, units: 300), .deviceNotActive(identity),
            .otaExhausted(needed: 300, allowance: 1, packs: 200),
            .unknownUpgrade(identity, UpgradeID("u")!),
            .upgradeReported(identity, UpgradeID("u")!, .failed),
        ]

    @Test("A8: remembered answers encode to bytes and back")
    func outcomes() throws {
        for refusal in Self.refusals {
            try roundTrip(Outcome.refused(refusal))
            #expect(refusal.description != refusal.name, "\(refusal.name) has no words")
        }
        #expect(Set(Self.refusals.map(\.name)).count == Self.refusals.count)
        try roundTrip(Outcome.done(.unchanged))
        try roundTrip(Outcome.done(.changed(Self.changes[0])))
        try roundTrip(Outcome.repeated(.entitled(Self.entitlement, consumed: true)))
        try roundTrip(Outcome.done(.registered(SealedSecret("s")!)))
        try roundTrip(Outcome.done(.ended(count: 4, more: true)))
        for effect in Self.importEffects { try roundTrip(Outcome.done(effect)) }
        try roundTrip(Outcome.done(.leased(Self.lease)))
        try roundTrip(Outcome.done(.upgrade(Self.upgrade)))
    }

    @Test("A device's record, and the view that reads it in place, hold the same")
    func deviceRecord() throws {
        var record = DeviceRecord(
            secret: SealedSecret("abcdef"),
            name: "Ünit",
            registeredAt: Timestamp(milliseconds: 99)
        )
        try roundTrip(record)
        record.isOpen = true
        record.isExceptedFromRenewal = true
        record.isSecretConfirmed = true
        record.entitlement = Self.entitlement
        try roundTrip(record)
        var buffer = ByteBuffer()
        record.encode(into: &buffer)
        let view = try DeviceView(decoding: buffer.span)
        #expect(view.standing == record.standing)
        let isSecretConfirmed = view.isSecretConfirmed
        #expect(isSecretConfirmed)
        #expect(try view.entitlement == Self.entitlement)
        #expect(String(ascii: view.sealedSecret) == "abcdef")
        try roundTrip(DeviceRecord(secret: nil, registeredAt: Timestamp(milliseconds: 0)))
    }
}
