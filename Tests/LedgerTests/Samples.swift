import Time

@testable import LedgerModel

/// Values of the ledger's words: every case at least once, with all that is optional and with nothing
/// of it.
enum Samples {
    static let identity = TestStore.device("d:1@x")
    static let entitlement = Entitlement(
        code: ActivationCode(serial: 77),
        period: 3,
        activatedAt: Timestamp(milliseconds: -5),
        expiresAt: Timestamp(milliseconds: 1 << 41),
        cause: .manual
    )

    static let actions: [Action] =
        TestStore.beginning + importActions.map { .importing($0) } + [
            .updateProduct(TestStore.product, ProductUpdate()),
            .updateProduct(
                TestStore.product,
                ProductUpdate(
                    name: "Zähler",
                    autoRenewal: false,
                    registration: .closed,
                    dayOffset: UTCOffset(minutes: -330)
                )
            ),
            .upgradePackage(TestStore.product, to: TestStore.large),
            .deleteProduct(TestStore.product),
            .purchase(TestStore.acme, package: TestStore.small, quantity: 300, product: nil),
            .purchase(
                TestStore.acme, package: TestStore.small, quantity: 1, product: TestStore.product),
            .assign(TestStore.product, package: TestStore.small, quantity: 1),
            .importDevices(TestStore.product, []),
            .importDevices(
                TestStore.product,
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
                    products: [TestStore.product],
                    secretHash: SecretHash(Array(0..<32))!
                )
            ),
            .revokeKey(KeyID("k")!),
            .adoptSealingKeys([
                SealingKey(number: 255, fingerprint: [UInt8](repeating: 9, count: 32))!
            ]),
        ] + accountActions + topUpActions.map { .topUp($0) } + upgradeActions.map { .upgrade($0) }

    static let changes: [Change] =
        importChanges + [
            .accountCreated(TestStore.acme, kind: .individual, parent: nil),
            .packageCreated(
                TestStore.small,
                Allowance(validityDays: 1, messagesPerDay: nil, otaPerMonth: 0, storageDays: 0)!
            ),
            .productCreated(TestStore.product, account: TestStore.acme),
            .productUpdated(TestStore.product, ProductUpdate(autoRenewal: true)),
            .packageUpgraded(TestStore.product, from: TestStore.small, to: TestStore.large),
            .productDeleted(TestStore.product, forfeited: 1 << 40),
            .codesBought(
                TestStore.acme,
                package: TestStore.small,
                quantity: 2,
                product: TestStore.product,
                first: ActivationCode(serial: 5)
            ),
            .codesAssigned(
                TestStore.acme, product: TestStore.product, package: TestStore.small, quantity: 9),
            .devicesImported(TestStore.product, count: 10, import: nil),
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

    static let refusals: [Refusal] =
        importRefusals + [
            .unknownAccount(TestStore.acme), .unknownPackage(TestStore.small),
            .unknownProduct(TestStore.product),
            .unknownDevice(identity), .unknownKey(KeyID("k")!), .alreadyExists(what: "x"),
            .parentIsSubAccount(TestStore.acme),
            .productOfAnotherAccount(TestStore.product, TestStore.acme),
            .nameTooLong(maximumBytes: 256),
            .packageMismatch(product: TestStore.small, given: TestStore.large),
            .productHasNoPackage(TestStore.product), .allowanceLowered(allowance: "otaPerMonth"),
            .quantityOutOfRange(maximum: 9), .notEnoughUnassigned(wanted: 2, available: 1),
            .noCodeLeft(TestStore.product), .renewalOff(identity), .deviceDisabled(identity),
            .entitlementRuns(until: Timestamp(milliseconds: 4)),
            .productRenewalOff(TestStore.product),
            .registrationNotAllowed(identity), .secretInUse(identity),
            .importRow(row: 3, device: DeviceKey("d")!, fault: .repeatedRow),
            .importTooLarge(maximumRows: 2), .idempotencyKeyReused, .idempotencyKeyInvalid,
            .tooManySubAccounts(maximum: 3), .enterpriseAlready(TestStore.acme),
            .certifiedWithParent(TestStore.acme), .tooManyContacts(maximum: 4),
            .unknownContact(TestStore.acme, email),
            .noTopUpLeft(TestStore.acme), .expiryPassed(Timestamp(milliseconds: 4)),
            .unknownLease(7),
            .leaseExceeded(lease: 7, units: 300), .deviceNotActive(identity),
            .otaExhausted(needed: 300, allowance: 1, packs: 200),
            .unknownUpgrade(identity, UpgradeID("u")!),
            .upgradeReported(identity, UpgradeID("u")!, .failed),
        ]

    static let effects: [Effect] =
        [
            .unchanged,
            .changed(.accountCreated(TestStore.acme, kind: .enterprise, parent: TestStore.acme)),
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
        .createAccount(
            NewAccount(
                id: AccountID("s")!,
                name: "",
                kind: .individual,
                parent: TestStore.acme,
                email: email,
                dataCentre: west,
                freeCodes: terms
            )
        ),
        .account(.update(TestStore.acme, AccountUpdate())),
        .account(.update(TestStore.acme, AccountUpdate(name: "Ä", email: email))),
        .account(.certify(TestStore.acme, freeCodes: nil)),
        .account(.certify(TestStore.acme, freeCodes: terms)),
        .account(.putContact(TestStore.acme, Contact(email: email, name: "Ann"))),
        .account(.removeContact(TestStore.acme, email)),
        .createProduct(
            NewProduct(
                key: ProductKey("PK9")!,
                name: "n",
                account: TestStore.acme,
                secret: SealedSecret([1])!,
                dataCentre: west,
                freeCodes: terms
            )
        ),
    ]

    static let accountChanges: [Change] = [
        .codesGranted(
            TestStore.acme,
            package: TestStore.small,
            quantity: 2,
            product: nil,
            first: ActivationCode(serial: 5)
        ),
        .account(.updated(TestStore.acme, AccountUpdate(name: "n"))),
        .account(.certified(TestStore.acme)),
        .account(.contactPut(TestStore.acme, Contact(email: email, name: "Ann"))),
        .account(.contactRemoved(TestStore.acme, email)),
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
        TopUpChange(pack: pack, entry: .abandoned(lease: 300, units: 8)),
        TopUpChange(pack: pack, entry: .expired(units: 8)),
        TopUpChange(pack: pack, entry: .deducted(units: 8, identity, UpgradeID("u.1")!)),
        TopUpChange(pack: pack, entry: .returned(units: 8, identity, UpgradeID("u.1")!)),
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
    static let importActions: [ImportAction] = [
        .begin(TestStore.product, key: "k", run: 1 << 63),
        .begin(TestStore.product, key: nil, run: 0),
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
        .move(limit: 1_000),
    ]

    static let importChanges: [Change] = [
        .devicesImported(TestStore.product, count: 10, import: 300),
        .importBegun(TestStore.product),
        .importAbandoned(TestStore.product, import: 300),
    ]

    static let importRefusals: [Refusal] = [
        .importLine(line: 300, device: DeviceKey("d")!, fault: .arriving),
        .unknownImport(TestStore.product, 300), .importNotReceiving(300),
        .importOutOfStep(300, staged: 1 << 40), .importsUnderWay(maximum: 4),
    ]

    static let importEffects: [Effect] = [
        .importBegun(300), .importKnown, .staged(rows: 300), .moved(count: 300, more: true),
    ]
}
