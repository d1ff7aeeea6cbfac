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
        theBooks(books) + cluster(books) + tenants(books) + codes(books) + products(books)
            + devices(books)
            + packs(books) + upgrades(books) + imports(books) + log(books)
            + webhooks(books) + alerts(books) + authorities(books) + tokenKeys(books)
            + firmware(books) + campaigns(books)
    }

    private static var someLimits: LimitsRecord {
        var limits = BooksLimits()
        limits.productsOfIndividual = 10
        limits.productsOfEnterprise = 300
        limits.devicesOfProduct = 1 << 40
        limits.devicesOfAccount = .max
        limits.registrationsPerDay = 1
        return LimitsRecord(limits: limits)
    }

    private static var fullBooks: BooksRecord {
        var books = BooksRecord(lastSequence: .max, nextSerial: 1 << 40)
        books.knownTime = time
        books.clockAheadMilliseconds = 86_400_000
        return books
    }

    private static func theBooks(_ books: Books) -> [GoldenTable] {
        [
            GoldenTable(
                books.books,
                keys: ["only": 1],
                records: [
                    "empty v2": BooksRecord(lastSequence: 0, nextSerial: 1),
                    "full v2": fullBooks,
                ],
                older: [
                    "empty": BooksRecord(lastSequence: 0, nextSerial: 1),
                    "full": BooksRecord(lastSequence: .max, nextSerial: 1 << 40),
                ]
            ),
            GoldenTable(
                books.limits,
                keys: ["only": 1],
                records: ["none": LimitsRecord(limits: BooksLimits()), "some": someLimits]
            ),
            GoldenTable(
                books.registrations,
                keys: ["plain": product],
                records: [
                    "plain": RegistrationsRecord(day: Day(number: 20_000), count: 300),
                    "early": RegistrationsRecord(day: Day(number: -1), count: 0),
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

    private static var personWithProducts: AccountRecord {
        var person = person
        person.products = 300
        person.freeProducts = 1
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
                    "least v2": AccountRecord(plain, kind: .enterprise, createdAt: earliest),
                    "most v2": personWithProducts,
                ],
                older: [
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
        pool.returned = 8
        return pool
    }

    private static var usedPoolOfVersion1: PoolRecord {
        var pool = usedPool
        pool.returned = 0
        return pool
    }

    private static var rotatedProduct: ProductRecord {
        var record = product(deletedProduct, .freeCodes)
        record.secret = nil
        record.previousSecret = secret
        record.previousUntil = time
        record.formerNames = ["", "Meter"]
        return record
    }

    private static var productOfFreeCodes: ProductRecord {
        var record = rotatedProduct
        record.freePackage = large
        record.freeAllowance = allowance
        return record
    }

    private static var productWithUplink: ProductRecord {
        var record = productOfFreeCodes
        record.uplink = UplinkStream("MACHINES")
        return record
    }

    private static var productWithMessageLog: ProductRecord {
        var record = productWithUplink
        record.messageLog = true
        return record
    }

    private static var productWithDialect: ProductRecord {
        var record = productWithMessageLog
        record.dialect = Dialect(
            topics: .patterns(
                up: [TopicPattern(known: "up/${pk}${dk}/#")], down: [TopicPattern(known: "+/x")]),
            proofs: ProofKinds([
                ProofKind.tollgate, .alibabaSHA256, .alibabaSHA1, .alibabaMD5, .azureSAS, .plain,
            ]))
        return record
    }

    static var productWithLimits: ProductRecord {
        var record = productWithDialect
        record.limits = TrafficLimits(
            messages: Rate(perSecond: 5, burst: 20), bytes: Rate(perSecond: 4_096),
            excess: .disconnect, inflightMessages: 4, packetBytes: 1_024, subscriptions: 9)
        return record
    }

    private static func product(
        _ record: ProductRecord,
        _ origin: PackageOrigin
    ) -> ProductRecord {
        var record = record
        record.packageOrigin = origin
        return record
    }

    private static func products(_ books: Books) -> [GoldenTable] {
        let plain = NewProduct(
            key: product, name: "Meter", account: acme, secret: SealedSecret([9])!,
            registration: .open)
        let least = ProductRecord(plain, allowance: nil, createdAt: time)
        return [
            GoldenTable(
                books.products,
                keys: ["plain": product],
                records: [
                    "least v9": least,
                    "most v9": productWithUncounted,
                ],
                older: [
                    "least": product(least, .codes), "most": product(deletedProduct, .codes),
                    "least v2": least, "most v2": rotatedProduct,
                    "least v3": least, "most v3": productOfFreeCodes,
                    "least v4": least, "most v4": productWithUplink,
                    "least v5": least, "most v5": productWithMessageLog,
                    "least v6": least, "most v6": productWithDialect,
                    "least v7": least, "most v7": productWithLimits,
                    "least v8": least, "most v8": productWithCountedState,
                ]
            ),
            GoldenTable(
                books.pools,
                keys: ["plain": product],
                records: ["empty v3": PoolRecord(), "used v3": usedPool],
                older: [
                    "empty": PoolRecord(), "used": usedPoolOfVersion1,
                    "empty v2": PoolRecord(), "used v2": usedPool,
                ]
            ),
            GoldenTable(
                books.lots,
                keys: ["plain": KeyPair(product, 1)],
                records: [
                    "plain v2": LotRecord(
                        first: code, quantity: 300, package: small, at: time, assignment: 12),
                    "last v2": LotRecord(
                        first: lastCode, quantity: 1, package: large, at: latest, assignment: nil),
                ],
                older: [
                    "plain": LotRecord(
                        first: code, quantity: 300, package: small, at: time, assignment: nil),
                    "last": LotRecord(
                        first: lastCode, quantity: 1, package: large, at: latest, assignment: nil),
                ]
            ),
            GoldenTable(books.returned, keys: ["plain": KeyPair(product, 77)]),
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

    private static var moved: ConsumptionRecord {
        ConsumptionRecord(device: device, entitlement: entitlement, dataCentre: west)
            .moved(to: DeviceKey("new")!, period: 300)
    }

    private static var deletedDevice: DeviceRecord {
        var record = activeDevice
        record.isRegistered = false
        record.isDisabled = true
        record.isOpen = false
        return record
    }

    private static var limitedDevice: DeviceRecord {
        var record = activeDevice
        record.limits = TrafficLimits(messages: Rate(perSecond: 1, burst: 2), subscriptions: 3)
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
                    "limited": limitedDevice,
                ]
            ),
            GoldenTable(
                books.consumptions,
                keys: tripleKeys,
                records: [
                    "plain": ConsumptionRecord(
                        device: device, entitlement: entitlement, dataCentre: west),
                    "moved": moved,
                ]
            ),
            GoldenTable(
                books.voidedConsumptions,
                keys: ["plain": KeyTriple(product, 77, 300)],
                records: [
                    "plain": VoidedConsumptionRecord(activatedAt: time, consumption: moved)
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

    // MARK: Imports

    private static var landingImport: ImportRecord {
        let run = GatewayRun(node: .alone, number: .max)
        var record = ImportRecord(actor: "key:k1", idempotencyKey: "once", run: run, at: time)
        record.state = .landing
        record.changedAt = latest
        record.rows = 10_000_000
        record.moved = 299
        record.returning = 3
        record.conflict = ImportConflict(line: 300, device: device)
        return record
    }

    private static func newImport(at node: NodeName) -> ImportRecord {
        let run = GatewayRun(node: node, number: 0)
        return ImportRecord(actor: "", idempotencyKey: nil, run: run, at: earliest)
    }

    private static func imports(_ books: Books) -> [GoldenTable] {
        let row = DeviceImport(device: device, secret: secret, name: "Ünit")
        let bare = DeviceImport(device: device, secret: nil)
        return [
            GoldenTable(
                books.imports,
                keys: ["plain": KeyPair(product, 300)],
                records: [
                    "new v2": newImport(at: NodeName("gate-1")!), "landing v2": landingImport,
                ],
                older: ["new": newImport(at: .alone), "landing": landingImport]
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
                books.documents,
                keys: ["plain": KeyPair("key:k1", "once")],
                records: [
                    "plain": DocumentRecord(bytes: [0x7B, 0x7D]),
                    "empty": DocumentRecord(bytes: []),
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

extension TopicPattern {
    /// A text that is a pattern.
    init(known text: String) {
        guard let pattern = try? TopicPattern(text) else {
            preconditionFailure("no pattern: \(text)")
        }
        self = pattern
    }
}
