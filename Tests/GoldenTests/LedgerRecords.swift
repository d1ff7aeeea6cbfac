import Bytes
import Storage
import Time

@testable import Ledger

/// Values of every kind of the ledger's keys and records: with all that is optional and with nothing of
/// it, small and as large as they get.
enum LedgerRecords {
    static let acme = AccountID("acme")!
    static let small = PackageID("small")!
    static let large = PackageID("large")!
    static let product = ProductKey("PK1")!
    static let device = DeviceKey("d:1@x")!
    static let identity = DeviceIdentity(product: product, device: device)
    static let west = DataCentreID("west")!
    static let email = EmailAddress("ann@example.org")!
    static let holder = LeaseHolder("gateway-1")!
    static let upgrade = UpgradeID("u1")!
    static let time = Timestamp(milliseconds: 1_700_000_000_000)
    static let earliest = Timestamp(milliseconds: .min)
    static let latest = Timestamp(milliseconds: .max)
    static let code = ActivationCode(serial: 77)
    static let lastCode = ActivationCode(serial: .max)
    static let secret = SealedSecret(Array(1...96))!
    static let fingerprint = Array(0..<32) as [UInt8]

    static let allowance = Allowance(
        validityDays: 365, messagesPerDay: 1_000, otaPerMonth: 4, storageDays: 7)!
    static let unlimited = Allowance(
        validityDays: 36_500, messagesPerDay: nil, otaPerMonth: .max, storageDays: .max)!

    static let pack = TopUpPlace(account: acme, kind: .ota, expiresAt: time, id: 300)
    static let oldPack = TopUpPlace(account: acme, kind: .messages, expiresAt: earliest, id: .max)

    static let entitlement = Entitlement(
        code: code,
        period: 3,
        activatedAt: Timestamp(milliseconds: -5),
        expiresAt: time,
        cause: .manual
    )

    static func tables(_ books: Books) -> [GoldenTable] {
        theBooks(books) + tenants(books) + codes(books) + products(books) + devices(books)
            + packs(books) + upgrades(books) + imports(books) + log(books)
    }

    private static func theBooks(_ books: Books) -> [GoldenTable] {
        [
            GoldenTable(
                books.books,
                keys: ["only": 1],
                records: [
                    "empty": BooksRecord(lastSequence: 0, nextSerial: 1),
                    "full": BooksRecord(lastSequence: .max, nextSerial: 1 << 40),
                ]
            ),
            GoldenTable(
                books.sealingKeys,
                keys: ["first": 1, "last": 255],
                records: ["one": SealingKeyRecord(fingerprint: fingerprint, adoptedAt: time)]
            ),
        ]
    }

    // MARK: Accounts

    private static var person: AccountRecord {
        var person = AccountRecord(
            NewAccount(
                id: AccountID("sub")!, name: "Änne", kind: .individual, parent: acme,
                email: email, dataCentre: west),
            kind: .individual,
            createdAt: time
        )
        person.certifiedAt = latest
        return person
    }

    private static func tenants(_ books: Books) -> [GoldenTable] {
        let plain = NewAccount(id: acme, name: "Acme", kind: .enterprise)
        var total = AccountTotalRecord()
        total.used = .max
        total.remaining = 7
        return [
            GoldenTable(
                books.accounts,
                keys: ["plain": acme],
                records: [
                    "least": AccountRecord(plain, kind: .enterprise, createdAt: earliest),
                    "most": person,
                ]
            ),
            GoldenTable(books.accountProducts, keys: ["plain": KeyPair(acme, product)]),
            GoldenTable(books.subAccounts, keys: ["plain": KeyPair(acme, AccountID("sub")!)]),
            GoldenTable(
                books.contacts,
                keys: ["plain": KeyPair(acme, email)],
                records: [
                    "plain": ContactRecord(name: "Ann", at: time, actor: "key:k1"),
                    "nameless": ContactRecord(name: "", at: earliest, actor: ""),
                ]
            ),
            GoldenTable(books.accountKeys, keys: ["plain": KeyPair(acme, KeyID("k1")!)]),
            GoldenTable(
                books.accountTotals,
                keys: ["plain": KeyPair(acme, west)],
                records: ["empty": AccountTotalRecord(), "full": total]
            ),
            GoldenTable(
                books.keys,
                keys: ["plain": KeyID("k1")!],
                records: [
                    "least": KeyRecord(
                        name: "", role: .owner, account: nil, products: nil,
                        secretHash: SecretHash(fingerprint)!, createdAt: time, revokedAt: nil),
                    "most": KeyRecord(
                        name: "Key", role: .application, account: acme,
                        products: [product, ProductKey("PK2")!],
                        secretHash: SecretHash(fingerprint)!, createdAt: time, revokedAt: latest),
                    "nothing": KeyRecord(
                        name: "Key", role: .subAccount, account: acme, products: [],
                        secretHash: SecretHash(fingerprint)!, createdAt: time, revokedAt: nil),
                    "operator": KeyRecord(
                        name: "Key", role: .operator, account: nil, products: nil,
                        secretHash: SecretHash(fingerprint)!, createdAt: time, revokedAt: nil),
                ]
            ),
        ]
    }

    // MARK: Codes

    private static func codes(_ books: Books) -> [GoldenTable] {
        [
            GoldenTable(
                books.packages,
                keys: ["plain": small],
                records: [
                    "plain": PackageRecord(name: "Small", allowance: allowance, createdAt: time),
                    "unlimited": PackageRecord(name: "", allowance: unlimited, createdAt: latest),
                ]
            ),
            GoldenTable(
                books.holdings,
                keys: ["plain": KeyPair(acme, small)],
                records: [
                    "empty": HoldingRecord(bought: 0, granted: 0, assigned: 0),
                    "full": HoldingRecord(bought: 1 << 62, granted: 300, assigned: 127),
                ]
            ),
            GoldenTable(
                books.batches,
                keys: ["first": 1, "last": .max],
                records: [
                    "bought": BatchRecord(
                        account: acme, package: small, quantity: 1_000_000_000, source: .purchase,
                        product: product, at: time, actor: "owner", sequence: 300),
                    "granted": BatchRecord(
                        account: acme, package: small, quantity: 1, source: .grant, product: nil,
                        at: earliest, actor: "", sequence: .max),
                ]
            ),
            GoldenTable(books.purchases, keys: ["plain": KeyPair(acme, 1)]),
            GoldenTable(
                books.unassigned,
                keys: ["plain": KeyTriple(acme, small, 300)],
                records: ["one": RangeRecord(quantity: 1), "most": RangeRecord(quantity: .max)]
            ),
            GoldenTable(
                books.assignments,
                keys: ["plain": KeyPair(acme, 12)],
                records: [
                    "plain": AssignmentRecord(
                        product: product, package: small, quantity: 300, at: time, actor: "owner")
                ]
            ),
            GoldenTable(books.productAssignments, keys: ["plain": KeyPair(product, 12)]),
        ]
    }

    // MARK: Products

    private static var deletedProduct: ProductRecord {
        var record = ProductRecord(
            NewProduct(
                key: product, name: "Zähler", account: acme, package: small, secret: secret,
                registration: .closed, dayOffset: UTCOffset(minutes: -330)!, dataCentre: west),
            allowance: unlimited,
            createdAt: time
        )
        record.autoRenewal = false
        record.deletedAt = latest
        return record
    }

    private static var renamedProduct: ProductRecord {
        var record = deletedProduct
        record.rename("Zähler 2")
        record.rename("Compteur")
        return record
    }

    private static var usedPool: PoolRecord {
        var pool = PoolRecord()
        pool.assigned = .max
        pool.consumed = 1 << 40
        pool.devicesKnown = 3
        pool.devicesActive = 2
        pool.lots = 5
        pool.lot = 4
        pool.nextSerial = 1 << 33
        pool.lotRemaining = 6
        pool.imports = 7
        return pool
    }

    private static func products(_ books: Books) -> [GoldenTable] {
        let plain = NewProduct(
            key: product, name: "Meter", account: acme, secret: SealedSecret([9])!,
            registration: .open)
        return [
            GoldenTable(
                books.products,
                keys: ["plain": product],
                records: [
                    "least": ProductRecord(plain, allowance: nil, createdAt: time),
                    "most": deletedProduct,
                    "renamed": renamedProduct,
                ]
            ),
            GoldenTable(
                books.pools,
                keys: ["plain": product],
                records: ["empty": PoolRecord(), "used": usedPool]
            ),
            GoldenTable(
                books.lots,
                keys: ["plain": KeyPair(product, 1)],
                records: [
                    "plain": LotRecord(first: code, quantity: 300, package: small, at: time),
                    "last": LotRecord(first: lastCode, quantity: 1, package: large, at: latest),
                ]
            ),
        ]
    }

    // MARK: Devices

    private static var activeDevice: DeviceRecord {
        var record = DeviceRecord(secret: secret, name: "Ünit", registeredAt: time)
        record.isExceptedFromRenewal = true
        record.isOpen = true
        record.isSecretConfirmed = true
        record.entitlement = entitlement
        return record
    }

    private static var deletedDevice: DeviceRecord {
        var record = activeDevice
        record.isRegistered = false
        record.isDisabled = true
        record.isOpen = false
        return record
    }

    private static func devices(_ books: Books) -> [GoldenTable] {
        let tripleKeys: KeyValuePairs<String, KeyTriple<ProductKey, Timestamp, UInt64>> = [
            "plain": KeyTriple(product, time, 77),
            "before 1970": KeyTriple(product, earliest, .max),
        ]
        return [
            GoldenTable(
                books.devices,
                keys: ["plain": identity],
                records: [
                    "least": DeviceRecord(secret: nil, registeredAt: Timestamp(milliseconds: 0)),
                    "active": activeDevice,
                    "deleted": deletedDevice,
                ]
            ),
            GoldenTable(
                books.consumptions,
                keys: tripleKeys,
                records: [
                    "plain": ConsumptionRecord(
                        device: device, entitlement: entitlement, dataCentre: west)
                ]
            ),
            GoldenTable(
                books.expiries,
                keys: tripleKeys,
                records: ["plain": ExpiryRecord(activatedAt: Timestamp(milliseconds: -5))]
            ),
            GoldenTable(
                books.periods,
                keys: ["plain": KeyPair(identity, 2)],
                records: ["plain": PeriodRecord(activatedAt: time, code: code)]
            ),
            GoldenTable(
                books.expiring,
                keys: ["plain": KeyTriple(time, product, 77)],
                records: ["plain": ExpiringRecord(device: device)]
            ),
            GoldenTable(books.disabled, keys: ["plain": identity]),
        ]
    }

    // MARK: Top-up packs and upgrades

    private static var counters: TopUpCounters {
        var counters = TopUpCounters(quantity: .max)
        counters.remaining = 1 << 40
        counters.leased = 300
        counters.used = 127
        counters.expired = 1
        return counters
    }

    private static func packs(_ books: Books) -> [GoldenTable] {
        var bought = TopUpRecord(source: .purchase, quantity: 1, at: time, actor: "owner")
        bought.counters = counters
        return [
            GoldenTable(
                books.topUps,
                keys: ["plain": pack, "before 1970": oldPack],
                records: [
                    "new": TopUpRecord(source: .gift, quantity: 300, at: earliest, actor: ""),
                    "used": bought,
                ]
            ),
            GoldenTable(books.openTopUps, keys: ["plain": pack]),
            GoldenTable(books.topUpExpiries, keys: ["plain": KeyPair(time, pack)]),
            GoldenTable(
                books.topUpTotals,
                keys: ["messages": KeyPair(acme, .messages), "ota": KeyPair(acme, .ota)],
                records: ["empty": TopUpCounters(quantity: 0), "used": counters]
            ),
            GoldenTable(books.topUpChanges, keys: ["plain": KeyTriple(acme, .messages, 300)]),
            GoldenTable(
                books.leases,
                keys: ["plain": 301],
                records: [
                    "plain": LeaseRecord(pack: pack, holder: holder, units: 1 << 40, at: time)
                ]
            ),
            GoldenTable(books.leasesByHolder, keys: ["plain": KeyPair(holder, 301)]),
        ]
    }

    private static var failedUpgrade: UpgradeRecord {
        var record = UpgradeRecord(
            sequence: 300, size: UpgradeSize(bytes: 64 << 30)!, month: Month(number: -1),
            fromAllowance: 0,
            draws: [TopUpDraw(pack: pack, units: 2), TopUpDraw(pack: oldPack, units: .max)],
            requestedAt: time, requestedBy: "key:k1")
        record.state = .failed
        record.reportedAt = latest
        return record
    }

    private static func upgrades(_ books: Books) -> [GoldenTable] {
        let free = UpgradeRecord(
            sequence: 1, size: UpgradeSize(bytes: 1)!, month: Month(number: 647),
            fromAllowance: 1, draws: [], requestedAt: earliest, requestedBy: "")
        return [
            GoldenTable(
                books.upgrades,
                keys: ["plain": KeyPair(identity, upgrade)],
                records: ["requested": free, "failed": failedUpgrade]
            ),
            GoldenTable(
                books.upgradeOrder,
                keys: ["plain": KeyPair(identity, 300)],
                records: ["plain": UpgradeNameRecord(id: upgrade)]
            ),
            GoldenTable(
                books.upgradeMonths,
                keys: [
                    "plain": KeyPair(identity, Month(number: 647)),
                    "before 1970": KeyPair(identity, Month(number: .min)),
                ],
                records: [
                    "none": UpgradeMonthRecord(used: 0), "most": UpgradeMonthRecord(used: .max),
                ]
            ),
        ]
    }

    // MARK: Imports

    private static var landingImport: ImportRecord {
        var record = ImportRecord(actor: "key:k1", idempotencyKey: "once", run: .max, at: time)
        record.state = .landing
        record.changedAt = latest
        record.rows = 10_000_000
        record.moved = 299
        record.returning = 3
        record.conflict = ImportConflict(line: 300, device: device)
        return record
    }

    private static func imports(_ books: Books) -> [GoldenTable] {
        let row = DeviceImport(device: device, secret: secret, name: "Ünit")
        let bare = DeviceImport(device: device, secret: nil)
        return [
            GoldenTable(
                books.imports,
                keys: ["plain": KeyPair(product, 300)],
                records: [
                    "new": ImportRecord(actor: "", idempotencyKey: nil, run: 0, at: earliest),
                    "landing": landingImport,
                ]
            ),
            GoldenTable(books.importing, keys: ["plain": KeyPair(product, 300)]),
            GoldenTable(
                books.stagedDevices,
                keys: ["plain": KeyPair(300, device)],
                records: [
                    "least": StagedDeviceRecord(ImportLine(line: 1, device: bare)),
                    "most": StagedDeviceRecord(ImportLine(line: .max, device: row)),
                ]
            ),
        ]
    }

    // MARK: The log

    private static func log(_ books: Books) -> [GoldenTable] {
        let disabled = Change.devices(.disabled(identity, true))
        return [
            GoldenTable(
                books.events,
                keys: ["first": 1, "last": .max],
                records: [
                    "plain": Event(sequence: 300, at: time, actor: "owner", change: disabled),
                    "last": Event(sequence: .max, at: earliest, actor: "", change: disabled),
                ]
            ),
            GoldenTable(
                books.answers,
                keys: ["plain": KeyPair("key:k1", "once")],
                records: [
                    "done": AnswerRecord(
                        digestHigh: .max, digestLow: 1, at: time, outcome: .done(.unchanged)),
                    "refused": AnswerRecord(
                        digestHigh: 1, digestLow: 2, at: latest,
                        outcome: .refused(.devices(.unknown(identity)))),
                ]
            ),
        ]
    }
}
