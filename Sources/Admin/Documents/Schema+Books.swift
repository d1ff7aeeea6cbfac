public import Gateway
import Ledger

/// The shapes of `Documents`: accounts, packages, codes and keys.
extension Schema {
    /// Rule A1.
    static let account = named(
        "Account",
        .object([
            "id": .id(AccountID.self),
            "name": .name,
            "kind": .choice(AccountKind.self),
            "parent": .noted(.nullable(.id(AccountID.self)), "Of a sub-account: whose it is."),
            "email": .noted(
                .nullable(.email), "The owner's, where alerts go by default (rule E1)."),
            "dataCentre": .noted(
                .id(DataCentreID.self), "Where its unassigned codes are counted (rule B13)."),
            "createdAt": .time,
            "certifiedAt": .noted(.nullable(.time), "When it became an enterprise (rule A7)."),
            "codes": .object([
                "total": .count, "used": .count, "remaining": .count, "unassigned": .count,
            ]),
            "packages": .list(
                .object([
                    "package": .id(PackageID.self), "bought": .count, "granted": .count,
                    "assigned": .count, "unassigned": .count,
                ])
            ),
        ])
    )

    /// An account by itself.
    static let shownAccount = account.adding(
        [
            "nearExpiry": .noted(
                .integer(0...Int64(Documents.nearExpiryMaximum)),
                "Devices whose activation is about to end (rule B11); more are not counted.")
        ],
        named: "ShownAccount"
    )

    /// Rule E1.
    static let contact = named(
        "Contact",
        .object(["email": .email, "name": .optionalName, "at": .time, "actor": .anyText])
    )

    static let package = named(
        "Package",
        .object([
            "id": .id(PackageID.self),
            "name": .name,
            "validityDays": .integer(1...36_500),
            "messagesPerDay": .noted(.nullable(.count), "Null when there is no limit."),
            "otaPerMonth": .count,
            "storageDays": .count,
        ])
    )

    /// Rules A2 and A7.
    static let purchase = named(
        "Purchase",
        .object([
            "account": .id(AccountID.self),
            "package": .id(PackageID.self),
            "quantity": .count,
            "product": .nullable(.id(ProductKey.self)),
            "source": .choice(CodeSource.self),
            "firstCode": .code,
            "at": .time,
            "actor": .anyText,
            "voided": .noted(.count, "How many of its codes are void (rule A11)."),
        ])
    )

    /// Rule A3.
    static let assignment = named(
        "Assignment",
        .object([
            "product": .id(ProductKey.self),
            "quantity": .count,
            "package": .id(PackageID.self),
            "account": .id(AccountID.self),
            "productName": .anyText,
            "at": .time,
            "actor": .anyText,
            "sequence": .noted(.count, "Names it, when it is to be voided."),
            "voided": .noted(.count, "How many of its codes were taken back (rule A11)."),
        ])
    )

    /// Rules A11 and B17.
    static let correction = named(
        "Correction",
        .openObject([
            "change": .choice([
                "purchase-voided", "assignment-voided", "consumption-voided",
                "entitlement-moved", "top-up-pack-voided",
            ])
        ])
    )

    static let newAssignment = named(
        "NewAssignment",
        .object([
            "product": .id(ProductKey.self),
            "quantity": .count,
            "package": .id(PackageID.self),
            "account": .id(AccountID.self),
        ])
    )

    /// Rule A6.
    static let assignable = named(
        "Assignable",
        .object([
            "product": .id(ProductKey.self),
            "quantity": .count,
            "packages": .list(.object(["package": .id(PackageID.self), "quantity": .count])),
        ])
    )

    static let key = named(
        "Key",
        .object([
            "id": .id(KeyID.self),
            "name": .name,
            "role": .choice(KeyRole.self),
            "account": .noted(.nullable(.id(AccountID.self)), "Null: every account's resources."),
            "products": .noted(
                .nullable(.list(.id(ProductKey.self))), "Null: all products of the account."),
            "createdAt": .time,
            "revokedAt": .nullable(.time),
        ])
    )

    /// What a key is made of. One of the role sub-account is for one account.
    static let newKeyRequest = either([
        object([
            "name": .name,
            "role": .choice(KeyRole.allCases.filter { $0 != .subAccount }.map(\.name)),
            "account": .noted(
                .optional(.id(AccountID.self)),
                "What it reaches; without one, everything, or nothing but the products."),
            "products": reachedProducts,
        ]),
        object([
            "name": .name,
            "role": .choice([KeyRole.subAccount.name]),
            "account": .id(AccountID.self),
            "products": reachedProducts,
        ]),
    ])

    private static let reachedProducts = noted(
        .optional(.list(.id(ProductKey.self), counts: 0...1_000)),
        "What of the account it reaches; without them, all of it."
    )

    /// A key with its secret, which is shown once.
    static let newKey = key.adding(
        ["secret": .secret, "userName": .anyText, "token": .anyText], named: "NewKey")

    /// A printed activation code (rule A9): 13 digits of Crockford's base 32, a check character.
    static let code = noted(
        .text(
            .init(
                lengths: 17...17,
                alphabet: .bytes(where: {
                    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-".utf8.contains($0)
                }))),
        "A printed activation code."
    )
}

/// The shapes of `Documents`: products, devices, and what happened to them.
extension Schema {
    /// Rule B14.
    static let product = named("Product", .object(productMembers, isOpen: false))

    /// A product with its secret, which is shown once.
    static let newProduct = product.adding(["secret": .secret], named: "NewProduct")

    private static let productMembers = object([
        "pk": .id(ProductKey.self),
        "name": .name,
        "account": .id(AccountID.self),
        "package": .nullable(.id(PackageID.self)),
        "autoRenewal": .flag,
        "registration": .choice(RegistrationPolicy.self),
        "dayOffsetMinutes": .dayOffset,
        "dataCentre": .noted(.id(DataCentreID.self), "Where its codes are counted (rule B13)."),
        "createdAt": .time,
        "codes": .object(["assigned": .count, "remaining": .count, "consumed": .count]),
        "devices": .object(["known": .count, "active": .count, "online": .count]),
    ]).members

    /// Rule C5: minutes east of UTC.
    static let dayOffset = integer(-1_080...1_080)

    static let device = named(
        "Device",
        .object([
            "dk": .id(DeviceKey.self),
            "pk": .id(ProductKey.self),
            "name": .optionalName,
            "state": .choice(DeviceState.self),
            "activatedAt": .nullable(.time),
            "expiresAt": .nullable(.time),
            "codesConsumed": .count,
            "autoRenewal": .noted(.flag, "On for the product, and no exception for the device."),
            "exceptedFromRenewal": .flag,
            "online": .flag,
            "lastSeenAt": .nullable(.time),
            "registeredAt": .time,
        ])
    )

    /// Rule B6.
    static let blacklisted = named(
        "Blacklisted",
        .object([
            "dk": .id(DeviceKey.self),
            "pk": .id(ProductKey.self),
            "name": .optionalName,
            "registered": .noted(
                .flag, "False once it was deleted; it is on the list when it returns."),
            "expiresAt": .nullable(.time),
        ])
    )

    /// A device, and how its last connections went, as far as the gateway remembers.
    static let shownDevice = device.adding(
        ["lastRefusal": .nullable(.outcome), "lastEnding": .nullable(.outcome)],
        named: "ShownDevice")

    /// Rule B10.
    static let activation = named(
        "Activation",
        .object([
            "dk": .id(DeviceKey.self),
            "pk": .id(ProductKey.self),
            "code": .code,
            "number": .noted(.count, "The device's first activation is 1."),
            "activatedAt": .time,
            "expiresAt": .time,
            "cause": .choice(ActivationCause.self),
            "dataCentre": .noted(.id(DataCentreID.self), "Where the device connected."),
        ])
    )

    /// Rule B11.
    static let nearExpiry = named(
        "NearExpiry",
        .object([
            "dk": .id(DeviceKey.self),
            "pk": .id(ProductKey.self),
            "productName": .anyText,
            "account": .id(AccountID.self),
            "activatedAt": .time,
            "expiresAt": .time,
            "autoRenewal": .flag,
        ])
    )

    static let deviceSecret = named(
        "DeviceSecret",
        .object(["dk": .id(DeviceKey.self), "pk": .id(ProductKey.self), "secret": .secret])
    )

    static let productSecret = named(
        "ProductSecret",
        .object([
            "pk": .id(ProductKey.self),
            "secret": .noted(.nullable(.secret), "Null: it was revoked."),
            "previousUntil": .noted(
                .nullable(.time), "How long the one before is taken; null: it is not."),
        ])
    )

    static let deletedProduct = named(
        "DeletedProduct",
        .object([
            "pk": .id(ProductKey.self),
            "forfeited": .noted(.count, "Codes that were not consumed (rule B9)."),
        ])
    )

    /// An import of more rows than one command takes.
    static let fleetImport = named(
        "Import",
        .object([
            "id": .count,
            "pk": .id(ProductKey.self),
            "state": .choice(ImportState.self),
            "rows": .noted(.count, "Rows that were taken."),
            "landed": .noted(.count, "How many of them are where they stay."),
            "actor": .anyText,
            "beganAt": .time,
            "at": .noted(.time, "Of the latest rows, of the commit, or of the end."),
        ])
    )

    /// A header, then a device a line; secrets and names may be empty. The reader takes more: another
    /// order of the columns, no column of names, quotes, CR LF.
    static let importedRows = text(
        .init(
            form:
                #"^dk,secret,name\n([A-Za-z0-9.:@_-]{1,64},[!#-+.-~-]{0,64},[ !#-+.-~-]{0,64}\n)+$"#,
            lengths: 19...Int.max
        )
    )

    /// The devices of an import, with the secrets that were made.
    static let imported = named(
        "Imported",
        .object([
            "imported": .count,
            "devices": .list(
                .object([
                    "dk": .id(DeviceKey.self), "secret": .nullable(.secret), "name": .optionalName,
                ])
            ),
        ])
    )
}

extension Backup.State: Choice {
    var name: String { rawValue }
}

extension Schema {
    static let backup = named(
        "Backup",
        .object([
            "id": .count,
            "directory": .noted(.anyText, "Where it is once it is done; there is nothing before."),
            "state": .choice(Backup.State.self),
            "startedAt": .time,
            "finishedAt": .nullable(.time),
            "bytes": .noted(.count, "Written so far."),
            "expectedBytes": .noted(.count, "As many as it takes, about."),
            "lastEvent": .noted(.nullable(.count), "The number of the newest event in it."),
            "problem": .noted(.nullable(.anyText), "Why it failed."),
        ])
    )
}

extension JSON {
    public init(_ backup: Backup) {
        self = [
            "id": JSON(backup.id),
            "directory": .text(backup.directory),
            "state": .text(backup.state.name),
            "startedAt": JSON(backup.startedAt),
            "finishedAt": JSON(backup.finishedAt),
            "bytes": JSON(backup.bytes),
            "expectedBytes": JSON(backup.expectedBytes),
            "lastEvent": JSON(backup.lastEvent),
            "problem": JSON(backup.problem),
        ]
    }
}
