import Cryptography
public import Gateway
import Ledger
import Time

/// Documents with more than their records have.
extension Schema {
    /// An account by itself.
    static let shownAccount = Documents.account.schema.adding(
        [
            "nearExpiry": .noted(
                .integer(0...Int64(Documents.nearExpiryMaximum)),
                "Devices whose activation is about to end (rule B11); more are not counted.")
        ], named: "ShownAccount")

    /// A key with its secret, which is shown once.
    static let newKey = Documents.key.schema.adding(
        ["secret": .secret, "userName": .anyText, "token": .anyText], named: "NewKey")

    /// A product with its secret, which is shown once.
    static let newProduct = Documents.product.schema.adding(
        ["secret": .secret], named: "NewProduct")

    /// A device, and how its last connections went, as far as the gateway remembers.
    static let shownDevice = Documents.device.schema.adding(
        [
            "lastRefusal": .nullable(Documents.outcome.schema),
            "lastEnding": .nullable(Documents.outcome.schema),
        ], named: "ShownDevice")

    /// A device in a list, and how it was last refused, as far as the gateway remembers.
    static let listedDevice = Documents.device.schema.adding(
        ["lastRefusal": .nullable(Documents.outcome.schema)], named: "ListedDevice")

    static let health = named("Health", .object(["alive": .flag]))

    /// Rule E3: what every entry has; the rest depends on the change.
    static let event = named(
        "Event",
        .openObject(["sequence": .count, "at": .time, "actor": .anyText, "change": .anyText]))

    /// Rules A11 and B17.
    static let correction = named(
        "Correction",
        .openObject([
            "change": .choice([
                "purchase-voided", "assignment-voided", "consumption-voided",
                "entitlement-moved", "top-up-pack-voided",
            ])
        ]))

    /// RFC 9457.
    static let problem = named(
        "Problem",
        .object([
            "type": .noted(.anyText, "urn:tollgate:reason:REASON"),
            "title": .anyText,
            "status": .integer(400...599),
            "reason": .reason,
            "detail": .noted(.anyText, "For people."),
            "remedy": .noted(.anyText, "What can be done about it, for people."),
            "line": .noted(.optional(.count), "Of a CSV body, counted from 1."),
            "errors": .noted(
                .optional(
                    .list(
                        .object([
                            "detail": .noted(.anyText, "For people."),
                            "pointer": .noted(
                                .optional(.anyText), "Where in a JSON body (RFC 6901)."),
                            "line": .noted(.optional(.count), "Of a CSV body, counted from 1."),
                        ]))),
                "All that is wrong with the body, as far as it was looked at: the first \(Fault.maximumCount)."
            ),
            "instance": .noted(
                .anyText, "urn:tollgate:request:ID, where ID is that of the header X-Request-Id."),
        ]))
}

/// What requests carry.
extension Schema {
    /// One name for the wire, the log, the metrics and the API.
    static let reason = named("Reason", .choice(Reason.self))

    /// A printed activation code (rule A9): 13 digits of Crockford's base 32, a check character.
    static let code = noted(
        .text(
            .init(
                lengths: 17...17,
                alphabet: .bytes(where: {
                    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-".utf8.contains($0)
                }),
                example: "\(ActivationCode(serial: 4_711))")),
        "A printed activation code.")

    private static let metadataKey = Text(
        lengths: 1...MetadataKey.maximumLength, alphabet: .bytes(where: MetadataKey.allows))
    private static let metadataValue = text(
        .init(lengths: 0...MetadataValue.maximumLength, alphabet: .printable))

    /// What users have noted.
    static let metadata = named(
        "Metadata",
        .map(metadataKey, metadataValue, counts: 0...Metadata.countMaximum))

    /// RFC 7396.
    static let metadataPatch = noted(
        .map(metadataKey, .nullable(metadataValue), counts: 0...2 * Metadata.countMaximum),
        "Keys that are not named stay as they are; null takes a key away.")

    /// `KEY=VALUE`.
    static let metadataMatch = text(
        .init(
            lengths: 2...(MetadataKey.maximumLength + 1 + MetadataValue.maximumLength),
            alphabet: .printable,
            form: #"^[A-Za-z0-9_.-]{1,40}=[^\u0000-\u001F\u007F-\u009F]{0,200}$"#,
            parser: Parser { MetadataMatch($0) }, example: "room=hall"))

    static let month = text(
        .init(
            lengths: 7...7, alphabet: .bytes(where: { "0123456789-".utf8.contains($0) }),
            form: "^[0-9]{4}-(0[1-9]|1[0-2])$", parser: Parser { Month($0) },
            example: "2026-11"))

    static let validityDays = integer(1...36_500)

    /// Rule C5: minutes east of UTC.
    static let dayOffset = integer(-1_080...1_080)

    /// 1 byte to 64 GiB.
    static let upgradeSize = noted(
        .integer(1...Int64(clamping: UpgradeSize.maximumBytes)),
        "Bytes of what is sent. Each 5 MB (5,242,880 bytes) begun take an attempt.")

    static let sha256 = text(
        .init(
            lengths: 64...64, form: "^[0-9A-Fa-f]{64}$",
            example: String(repeating: "0", count: 64)))

    /// Base64 of 1,024 bytes at most: 341 times three, and one more.
    static let firmwareSignature = text(
        .init(
            lengths: 4...1_368,
            form: "^(([A-Za-z0-9+/]{4}){0,340}([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=)"
                + "|([A-Za-z0-9+/]{4}){0,341}[A-Za-z0-9+/]{2}==)$",
            parser: Parser { Base64.decoded($0).flatMap { FirmwareSignature($0) } },
            example: "c2lnbmVk"))

    /// The last part of a link to an image.
    static let firmwareLink = text(
        .init(
            lengths: 1...FirmwareLinks.tokenMaximumLength, form: "^[A-Za-z0-9_-]+$",
            example: "AQRsYW1w"))

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
        .optional(.list(.id(ProductKey.self), counts: 0...NewKey.productsMaximum)),
        "What of the account it reaches; without them, all of it.")

    /// A header, then a device a line; secrets and names may be empty. The reader takes more: another
    /// order of the columns, no column of names, quotes, CR LF.
    static let importedRows = text(
        .init(
            lengths: 19...Int.max,
            form:
                #"^dk,secret,name\n([A-Za-z0-9.:@_-]{1,64},[!#-+.-~-]{0,64},[ !#-+.-~-]{0,64}\n)+$"#,
            example: "dk,secret,name\nlamp-1,,Hall left\nlamp-2,,Hall right\n"
        ))

    private static let messageTopic = noted(
        .text(.init(lengths: 1...1_024, alphabet: .topic)), "What follows d/PK/DK/down/.")
    private static let messageQoS = noted(
        .optional(.integer(0...1)),
        "1 when it is missing; no more than the device has subscribed with.")

    /// Rule C10: a message to a device.
    static let message = either([
        .named(
            "Message", .object(["topic": messageTopic, "payload": .anyText, "qos": messageQoS])),
        .named(
            "BinaryMessage",
            .object([
                "topic": messageTopic,
                "payloadBase64": .text(
                    .init(
                        form: Base64.form, parser: Parser { Base64.decoded($0) },
                        example: "eyJvbiI6dHJ1ZX0=")),
                "qos": messageQoS,
            ])),
    ])
}

extension JSON {
    public init(_ backup: Backup) { self = Documents.backup(backup) }
}
