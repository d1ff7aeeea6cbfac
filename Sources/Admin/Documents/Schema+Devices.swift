import Ledger

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
