import Time

@testable import LedgerModel

/// Values of the ledger's words: every case at least once, with all that is optional and with nothing
/// of it.
enum Samples {
    static let dialects = [
        Dialect(
            topics: .patterns(
                up: [TopicPattern(known: "q/2/qd${pk}${dk}/+")], down: [TopicPattern(known: "+/#")]),
            proofs: ProofKinds([ProofKind.tollgate, .azureSAS])),
        Dialect(topics: .preset(.quecthing), proofs: .standard),
    ]

    static let identity = TestStore.device("d:1@x")
    static let entitlement = Entitlement(
        code: ActivationCode(serial: 77),
        period: 3,
        activatedAt: Timestamp(milliseconds: -5),
        expiresAt: Timestamp(milliseconds: 1 << 41),
        cause: .manual
    )

    static let actions =
        TestStore.beginning + importActions.map { .imports($0) } + otherActions + accountActions
        + topUpActions.map { .topUps($0) } + upgradeActions.map { .upgrades($0) } + moneyActions
        + clusterActions + notedActions + webhookActions
        + alertActions + limitActions + authorityActions + tokenActions + stateActions
        + firmwareActions + campaignActions

    private static let otherActions: [Action] =
        [
            .products(.update(TestStore.product, ProductUpdate())),
            .products(
                .update(
                    TestStore.product,
                    ProductUpdate(
                        name: "Zähler", autoRenewal: false, registration: .closed,
                        dayOffset: UTCOffset(minutes: -330)))
            ),
            .products(.upgradePackage(TestStore.product, to: TestStore.large)),
            .products(.delete(TestStore.product)),
            .products(.nameUplink(TestStore.product, UplinkStream("MACHINES"))),
            .products(.nameUplink(TestStore.product, nil)),
            .products(.setDialect(TestStore.product, Self.dialects[0])),
            .products(.setDialect(TestStore.product, Self.dialects[1])),
            .products(.setDialect(TestStore.product, nil)),
            .products(
                .update(TestStore.product, ProductUpdate(name: "n", messageLog: true))),
            .devices(.deleteMessages(identity)),
            .codes(
                .purchase(TestStore.acme, package: TestStore.small, quantity: 300, product: nil)),
            .codes(
                .purchase(
                    TestStore.acme, package: TestStore.small, quantity: 1,
                    product: TestStore.product)),
            .codes(.assign(TestStore.product, package: TestStore.small, quantity: 1)),
            .imports(.atOnce(TestStore.product, [])),
            .imports(
                .atOnce(
                    TestStore.product,
                    [
                        DeviceImport(device: DeviceKey("a")!, secret: nil, name: "n"),
                        DeviceImport(device: DeviceKey("b")!, secret: SealedSecret("s")),
                    ])
            ),
            .devices(.register(identity, secret: SealedSecret("s")!)),
            .devices(.activate(identity, confirmsSecret: SealedSecret("s")!.fingerprint)),
            .devices(.activate(identity, confirmsSecret: nil, at: west)),
            .devices(.activateByHand(identity)),
            .devices(.renew(identity)),
            .devices(.renew(identity, at: west)),
            .devices(.endEntitlement(identity)),
            .devices(.endExpired(limit: 5, graceMilliseconds: -1)),
            .devices(.setDisabled(identity, true)),
            .devices(.delete(identity)),
            .devices(.setRenewal(identity, false)),
            .devices(.resetSecret(identity, secret: SealedSecret("t")!)),
            .devices(.confirmSecretUse(identity, SealedSecret("t")!.fingerprint)),
            .keys(
                .create(
                    NewKey(
                        id: KeyID("k")!, name: "key", role: .operator, account: nil,
                        products: [TestStore.product], secretHash: SecretHash(Array(0..<32))!))
            ),
            .keys(.revoke(KeyID("k")!)),
            .keys(
                .adoptSealingKeys([
                    SealingKey(number: 255, fingerprint: [UInt8](repeating: 9, count: 32))!
                ])
            ),
        ]

    static let changes =
        importChanges + otherChanges + accountChanges + topUpChanges.map { .topUps($0) }
        + upgradeChanges.map { .upgrades($0) } + clusterChanges + notedChanges + webhookChanges
        + alertChanges + limitChanges + authorityChanges + tokenChanges + stateChanges
        + firmwareChanges + campaignChanges

    private static let otherChanges: [Change] =
        [
            .accounts(.created(TestStore.acme, kind: .individual, parent: nil)),
            .packages(
                .created(
                    TestStore.small,
                    Allowance(validityDays: 1, messagesPerDay: nil, otaPerMonth: 0, storageDays: 0)!
                )
            ),
            .products(.created(TestStore.product, account: TestStore.acme)),
            .products(.updated(TestStore.product, ProductUpdate(autoRenewal: true))),
            .products(
                .packageUpgraded(TestStore.product, from: TestStore.small, to: TestStore.large)),
            .products(.deleted(TestStore.product, forfeited: 1 << 40)),
            .products(.uplinkNamed(TestStore.product, UplinkStream("MACHINES"))),
            .products(.uplinkNamed(TestStore.product, nil)),
            .products(.dialectSet(TestStore.product, Self.dialects[0])),
            .products(.dialectSet(TestStore.product, Self.dialects[1])),
            .products(.dialectSet(TestStore.product, nil)),
            .products(.updated(TestStore.product, ProductUpdate(messageLog: false))),
            .devices(.messagesDeleted(identity)),
            .codes(
                .bought(
                    TestStore.acme, package: TestStore.small, quantity: 2,
                    product: TestStore.product,
                    first: ActivationCode(serial: 5))
            ),
            .codes(
                .assigned(
                    TestStore.acme, product: TestStore.product, package: TestStore.small,
                    quantity: 9)),
            .imports(.imported(TestStore.product, count: 10, import: nil)),
            .devices(.registered(identity)),
            .devices(.activated(identity, entitlement, at: west)),
            .devices(.entitlementReopened(identity, code: ActivationCode(serial: 5))),
            .devices(.entitlementEnded(identity, code: ActivationCode(serial: 5))),
            .devices(.disabled(identity, true)),
            .devices(.deleted(identity)),
            .devices(.renewalSet(identity, false)),
            .devices(.secretReset(identity)),
            .devices(.secretConfirmed(identity)),
            .keys(.sealingKeysAdopted([1, 255])),
            .keys(.created(KeyID("k")!, role: .subAccount)),
            .keys(.revoked(KeyID("k")!)),
        ] + moneyChanges

    static let refusals =
        importRefusals + otherRefusals + moneyRefusals + clusterRefusals + notedRefusals
        + webhookRefusals + alertRefusals + authorityRefusals + tokenRefusals + stateRefusals
        + firmwareRefusals + campaignRefusals

    private static let otherRefusals: [Refusal] =
        [
            .accounts(.unknown(TestStore.acme)), .packages(.unknown(TestStore.small)),
            .products(.unknown(TestStore.product)),
            .devices(.unknown(identity)), .keys(.unknown(KeyID("k")!)),
            .commands(.alreadyExists(what: "x")),
            .accounts(.parentIsSubAccount(TestStore.acme)),
            .products(.ofAnotherAccount(TestStore.product, TestStore.acme)),
            .commands(.nameTooLong(maximumBytes: 256)),
            .packages(.mismatch(product: TestStore.small, given: TestStore.large)),
            .products(.hasNoPackage(TestStore.product)),
            .packages(.allowanceLowered(allowance: "otaPerMonth")),
            .commands(.quantityOutOfRange(maximum: 9)),
            .codes(.notEnoughUnassigned(wanted: 2, available: 1)),
            .codes(.noneLeft(TestStore.product)), .devices(.renewalOff(identity)),
            .devices(.disabled(identity)),
            .devices(.entitlementRuns(until: Timestamp(milliseconds: 4))),
            .products(.renewalOff(TestStore.product)),
            .devices(.registrationNotAllowed(identity)), .devices(.secretInUse(identity)),
            .imports(.row(row: 3, device: DeviceKey("d")!, fault: .repeatedRow)),
            .imports(.tooLarge(maximumRows: 2)), .commands(.idempotencyKeyReused),
            .commands(.idempotencyKeyInvalid),
            .accounts(.tooManySubAccounts(maximum: 3)),
            .accounts(.enterpriseAlready(TestStore.acme)),
            .accounts(.certifiedWithParent(TestStore.acme)),
            .accounts(.tooManyContacts(maximum: 4)),
            .accounts(.unknownContact(TestStore.acme, email)),
            .topUps(.noneLeft(TestStore.acme)), .topUps(.expiryPassed(Timestamp(milliseconds: 4))),
            .topUps(.unknownLease(7)),
            .topUps(.leaseExceeded(lease: 7, units: 300)), .devices(.notActive(identity)),
            .upgrades(.exhausted(needed: 300, allowance: 1, packs: 200)),
            .upgrades(.unknown(identity, UpgradeID("u")!)),
            .upgrades(.reported(identity, UpgradeID("u")!, .failed)),
        ]

    static let limits: BooksLimits = {
        var limits = BooksLimits()
        limits.productsOfIndividual = 10
        limits.productsOfEnterprise = 300
        limits.devicesOfProduct = 1 << 40
        limits.devicesOfAccount = .max
        limits.registrationsPerDay = 0
        return limits
    }()

    static let effects: [Effect] =
        [
            .unchanged,
            .changed(
                .accounts(.created(TestStore.acme, kind: .enterprise, parent: TestStore.acme))),
            .entitled(entitlement, consumed: true), .registered(SealedSecret("s")!),
            .ended(count: 4, more: true), .leased(lease), .upgrade(upgrade),
        ] + importEffects
}

/// Of accounts and contacts.
extension Samples {
    static let email = EmailAddress("ann@example.org")!
    static let west = DataCentreID("west")!
    static let terms = FreeCodeTerms(
        policy: .perProduct,
        package: TestStore.small,
        allowance: Allowance(validityDays: 9, messagesPerDay: nil, otaPerMonth: 2, storageDays: 3)!
    )

    static let accountActions: [Action] = [
        .accounts(
            .create(
                NewAccount(
                    id: AccountID("s")!, name: "", kind: .individual, parent: TestStore.acme,
                    email: email, dataCentre: west, freeCodes: terms))
        ),
        .accounts(.update(TestStore.acme, AccountUpdate())),
        .accounts(.update(TestStore.acme, AccountUpdate(name: "Ä", email: email))),
        .accounts(.certify(TestStore.acme, freeCodes: nil)),
        .accounts(.certify(TestStore.acme, freeCodes: terms)),
        .accounts(.putContact(TestStore.acme, Contact(email: email, name: "Ann"))),
        .accounts(.removeContact(TestStore.acme, email)),
        .products(
            .create(
                NewProduct(
                    key: ProductKey("PK9")!, name: "n", account: TestStore.acme,
                    secret: SealedSecret([1])!, dataCentre: west, freeCodes: terms))
        ),
    ]

    static let accountChanges: [Change] = [
        .codes(
            .granted(
                TestStore.acme, package: TestStore.small, quantity: 2, product: nil,
                first: ActivationCode(serial: 5))
        ),
        .accounts(.updated(TestStore.acme, AccountUpdate(name: "n"))),
        .accounts(.certified(TestStore.acme)),
        .accounts(.contactPut(TestStore.acme, Contact(email: email, name: "Ann"))),
        .accounts(.contactRemoved(TestStore.acme, email)),
    ]
}

/// Of top-up packs and upgrades.
extension Samples {
    static let pack = TopUpPlace(
        account: TestStore.acme,
        kind: .ota,
        expiresAt: Timestamp(milliseconds: -3),
        id: 300
    )

    static let lease = TopUpLease(
        id: 301,
        account: TestStore.acme,
        pack: 300,
        units: 1 << 40,
        expiresAt: Timestamp(milliseconds: 1 << 41)
    )

    static let topUpActions: [TopUpAction] = [
        .enter(
            TestStore.acme,
            .ota,
            source: .gift,
            quantity: 300,
            expiresAt: Timestamp(milliseconds: 1 << 41)
        ),
        .lease(TestStore.acme, holder: LeaseHolder("gateway")!, needed: 300, block: 1),
        .settle(lease: 300, used: 299),
        .settle(lease: 300, used: 299, uses: [TopUpUse(device: identity, units: 298)]),
        .abandon(holder: LeaseHolder("gateway")!, limit: 4),
        .expire(limit: 300),
    ]

    static let topUpChanges: [TopUpChange] = [
        TopUpChange(pack: pack, entry: .entered(.purchase, quantity: 300)),
        TopUpChange(
            pack: pack,
            entry: .leased(lease: 300, units: 8, holder: LeaseHolder("gateway")!)
        ),
        TopUpChange(pack: pack, entry: .settled(lease: 300, used: 200, returned: 100)),
        TopUpChange(
            pack: pack,
            entry: .settled(
                lease: 300, used: 200, returned: 100,
                uses: [TopUpUse(device: identity, units: 199)])),
        TopUpChange(pack: pack, entry: .abandoned(lease: 300, units: 8)),
        TopUpChange(pack: pack, entry: .expired(units: 8)),
        TopUpChange(pack: pack, entry: .deducted(units: 8, identity, UpgradeID("u.1")!)),
        TopUpChange(pack: pack, entry: .returned(units: 8, identity, UpgradeID("u.1")!)),
        TopUpChange(pack: pack, entry: .voided(units: 8)),
    ]

    static var upgrade: Upgrade {
        var record = UpgradeRecord(
            sequence: 300,
            size: UpgradeSize(bytes: 1 << 30)!,
            month: Month(number: 600),
            fromAllowance: 1,
            draws: [TopUpDraw(pack: pack, units: 204)],
            requestedAt: Timestamp(milliseconds: 5),
            requestedBy: "platform"
        )
        record.state = .failed
        record.reportedAt = Timestamp(milliseconds: 6)
        return Upgrade(identity: identity, id: UpgradeID("u.1")!, record: record)
    }

    static let upgradeActions: [UpgradeAction] = [
        .request(identity, UpgradeID("u.1")!, UpgradeSize(bytes: UpgradeSize.maximumBytes)!),
        .report(identity, UpgradeID("u.1")!, succeeded: true),
    ]

    static let upgradeChanges: [UpgradeChange] = [
        UpgradeChange(
            identity: identity,
            id: UpgradeID("u.1")!,
            entry: .requested(UpgradeSize(bytes: 1)!, fromAllowance: 300, fromPacks: 1)
        ),
        UpgradeChange(
            identity: identity,
            id: UpgradeID("u.1")!,
            entry: .reported(succeeded: false)
        ),
    ]
}

/// Of imports in chunks.
extension Samples {
    static let node = NodeName("gate-1")!

    static let importActions: [ImportAction] = [
        .begin(TestStore.product, key: "k", run: 0x8000_0000_0000_0000),
        .begin(TestStore.product, key: nil, run: 0),
        .begin(TestStore.product, key: "k", run: GatewayRun(node: node, number: 1 << 63)),
        .begin(TestStore.product, key: nil, run: GatewayRun(node: node, number: 0)),
        .stage(
            TestStore.product,
            import: 300,
            after: 1 << 20,
            rows: [
                ImportLine(
                    line: 200,
                    device: DeviceImport(device: DeviceKey("a")!, secret: nil, name: "n")
                )
            ]
        ),
        .commit(TestStore.product, import: 300, rows: 9, digest: FileDigest(high: 1, low: 2)),
        .abandon(TestStore.product, import: 300),
        .abandonOthers(run: 7),
        .abandonOthers(run: GatewayRun(node: node, number: 7)),
        .move(limit: 1_000),
    ]

    static let importChanges: [Change] = [
        .imports(.imported(TestStore.product, count: 10, import: 300)),
        .imports(.begun(TestStore.product)),
        .imports(.abandoned(TestStore.product, import: 300)),
    ]

    static let importRefusals: [Refusal] = [
        .imports(.line(line: 300, device: DeviceKey("d")!, fault: .arriving)),
        .imports(.unknown(TestStore.product, 300)), .imports(.notReceiving(300)),
        .imports(.outOfStep(300, staged: 1 << 40)), .imports(.tooManyUnderWay(maximum: 4)),
    ]

    static let importEffects: [Effect] = [
        .importBegun(300), .importKnown, .staged(rows: 300), .moved(count: 300, more: true),
    ]
}

/// Of the clock, corrections, limits, products' secrets and answers.
extension Samples {
    static let moneyActions: [Action] = [
        .clock(.beat(aheadMilliseconds: 86_400_000, elapsedMilliseconds: 300)),
        .clock(.confirm),
        .corrections(
            .voidPurchase(TestStore.acme, first: ActivationCode(serial: 300), cause: "refund")),
        .corrections(.voidAssignment(TestStore.acme, sequence: 300, cause: "mistake")),
        .corrections(.voidConsumption(identity, cause: "clock")),
        .corrections(.move(identity, to: DeviceKey("new")!, cause: "repair")),
        .corrections(.voidTopUp(TestStore.acme, pack: 300, cause: "refund")),
        .limits(.adopt(limits)),
        .productSecrets(
            .rotate(TestStore.product, secret: SealedSecret("s")!, overlapMilliseconds: 300)),
        .productSecrets(.revoke(TestStore.product)),
        .answers(.remember(key: "k-1", answer: [1, 255])),
        .upgrades(.expire(limit: 300, ageMilliseconds: 300)),
        .codes(.assign(TestStore.product, package: nil, quantity: 300)),
    ]

    static let moneyChanges: [Change] = [
        .clock(.confirmed(before: Timestamp(milliseconds: 1_700_000_000_000))),
        .clock(.confirmed(before: nil)),
        .corrections(
            Correction(
                .purchaseVoided(
                    TestStore.acme, package: TestStore.small, quantity: 300,
                    first: ActivationCode(serial: 5)),
                cause: "refund")),
        .corrections(
            Correction(
                .assignmentVoided(
                    TestStore.acme, product: TestStore.product, package: TestStore.small,
                    quantity: 300, sequence: 4),
                cause: "mistake")),
        .corrections(Correction(.consumptionVoided(identity, entitlement), cause: "clock")),
        .corrections(
            Correction(
                .entitlementMoved(identity, to: DeviceKey("new")!, entitlement),
                cause: "repair")),
        .corrections(Correction(.topUpVoided(pack, units: 300), cause: "refund")),
        .limits(.adopted(limits)),
        .upgrades(UpgradeChange(identity: identity, id: UpgradeID("u")!, entry: .unreported)),
        .productSecrets(.rotated(TestStore.product, until: Timestamp(milliseconds: 4))),
        .productSecrets(.revoked(TestStore.product)),
    ]

    static let moneyRefusals: [Refusal] = [
        .clock(.behind(known: Timestamp(milliseconds: 4))),
        .clock(.ahead(known: Timestamp(milliseconds: 4))),
        .corrections(.unknownPurchase(TestStore.acme, ActivationCode(serial: 5))),
        .corrections(.unknownAssignment(TestStore.acme, 300)), .corrections(.nothingToVoid),
        .corrections(.nothingConsumed(identity)), .corrections(.nothingRuns(identity)),
        .corrections(.unknownTopUp(TestStore.acme, 300)),
        .limits(.reached(.registrationsOfDay, maximum: 300)),
    ]
}

/// Of metadata, and names of devices.
extension Samples {
    private static let edits = [
        MetadataEdit(key: MetadataKey("room")!, value: MetadataValue("Küche")!),
        MetadataEdit(key: MetadataKey("floor")!, value: nil),
    ]

    static let notedActions: [Action] = [
        .metadata(.merge(.account(TestStore.acme), edits)),
        .metadata(.merge(.product(TestStore.product), [])),
        .metadata(.merge(.device(identity), edits)),
        .devices(.rename(identity, "Lampe 7")),
        .packages(.rename(TestStore.small, "Klein")), .keys(.rename(KeyID("k")!, "Schlüssel")),
    ]

    static let notedChanges: [Change] = [
        .metadata(.merged(.account(TestStore.acme), edits)),
        .metadata(.merged(.product(TestStore.product), edits)),
        .metadata(.merged(.device(identity), edits)),
        .devices(.renamed(identity, "Lampe 7")),
        .packages(.renamed(TestStore.small, "Klein")), .keys(.renamed(KeyID("k")!, "Schlüssel")),
    ]

    static let notedRefusals: [Refusal] = [.metadata(.tooMuch(maximum: 16))]
}
