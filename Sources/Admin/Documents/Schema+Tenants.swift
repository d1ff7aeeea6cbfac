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
                .optional(.id(AccountID.self)), "What it reaches; without one, everything."),
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
        "What of the account it reaches; without them, all."
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
