import Gateway
import Ledger

/// A parameter of the query, or a header.
struct Parameter: Sendable {
    let name: String
    let schema: Schema

    /// For people: what it does.
    let note: String
    let isRequired: Bool

    init(_ name: String, _ schema: Schema, _ note: String, isRequired: Bool = false) {
        self.name = name
        self.schema = schema
        self.note = note
        self.isRequired = isRequired
    }

    /// Rule B13.
    static let dataCentre = Parameter(
        "dataCentre", .id(DataCentreID.self), "Only what is counted in that data centre.")

    /// What is looked for in keys and names.
    static func search(_ name: String, _ note: String) -> Parameter {
        Parameter(name, .text(.init(lengths: 1...64, alphabet: .printable)), note)
    }

    static let limit = Parameter("limit", .integer(1...1_000), "At most so many; 100 by default.")

    static let cursor = Parameter(
        "cursor",
        .text(.init(lengths: 1...1_024, alphabet: .hexadecimal)),
        "Where to go on: the cursor that came with the part before."
    )
}

/// A part of a path that varies. Its name says what it is, so that a path declares its parameters.
struct PathParameter: Sendable {
    let name: String
    let schema: Schema

    /// The reason of the problem when there is no such thing.
    let absent: Reason

    /// Whether callers make it up, so that a wrong one is answered 422.
    var isWritten: Bool { name == "email" }

    /// What `:name` stands for; a new one is added here.
    private static let all = [
        PathParameter(name: "account", schema: .id(AccountID.self), absent: .unknownAccount),
        PathParameter(name: "email", schema: .email, absent: .unknownContact),
        PathParameter(name: "package", schema: .id(PackageID.self), absent: .unknownPackage),
        PathParameter(name: "pk", schema: .id(ProductKey.self), absent: .unknownProduct),
        PathParameter(name: "dk", schema: .id(DeviceKey.self), absent: .unknownDevice),
        PathParameter(name: "import", schema: .number, absent: .unknownImport),
        PathParameter(name: "backup", schema: .number, absent: .unknownBackup),
        PathParameter(name: "upgrade", schema: .id(UpgradeID.self), absent: .unknownUpgrade),
        PathParameter(
            name: "firmware", schema: .id(FirmwareVersion.self), absent: .unknownFirmware),
        PathParameter(
            name: "campaign", schema: .id(CampaignID.self), absent: .unknownCampaign),
        PathParameter(name: "link", schema: .firmwareLink, absent: .firmwareLinkEnded),
        PathParameter(name: "code", schema: .code, absent: .unknownPurchase),
        PathParameter(name: "assignment", schema: .number, absent: .unknownAssignment),
        PathParameter(name: "topup", schema: .number, absent: .unknownTopUp),
        PathParameter(name: "node", schema: .id(NodeName.self), absent: .unknownNode),
        PathParameter(name: "webhook", schema: .id(WebhookID.self), absent: .unknownWebhook),
        PathParameter(
            name: "authority", schema: .id(AuthorityID.self), absent: .unknownAuthority),
        PathParameter(name: "delivery", schema: .number, absent: .unknownDelivery),
        PathParameter(name: "rule", schema: .choice(AccountRule.self), absent: .unknownAlertRule),
        PathParameter(name: "notification", schema: .number, absent: .unknownNotification),
        PathParameter(name: "tokenKey", schema: .id(TokenKeyID.self), absent: .unknownKey),
        PathParameter(name: "key", schema: .id(KeyID.self), absent: .unknownKey),
    ]

    /// Traps when there is none of that name: paths are written here, not read from anywhere.
    static func named(_ name: some StringProtocol) -> PathParameter {
        guard let parameter = all.first(where: { $0.name == name }) else {
            preconditionFailure("no path parameter is called \(name)")
        }
        return parameter
    }
}

/// The parameters of a request's query, all of them declared and of the right form.
///
/// They are read as forms write them (`application/x-www-form-urlencoded`): `+` is a space.
struct Query: Sendable {
    private var values: [String: String] = [:]

    /// Throws when a parameter is unknown, missing, given twice, or does not fit its schema.
    init(parsing text: String?, _ parameters: [Parameter]) throws(Problem) {
        for part in (text ?? "").split(separator: "&") {
            let ends = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(ends[0]), let value = Self.decoded(ends.dropFirst().first)
            else { throw .invalid("the query is not percent-encoded UTF-8") }
            guard let parameter = parameters.first(where: { $0.name == name }) else {
                throw .invalid("\(name): there is no such parameter here")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw .invalid("\(name): is given twice")
            }
            try parameter.schema.check(text: value, at: name)
        }
        for parameter in parameters where parameter.isRequired && values[parameter.name] == nil {
            throw .invalid("\(parameter.name): is missing")
        }
    }

    subscript(name: String) -> String? { values[name] }

    private static func decoded(_ text: Substring?) -> String? {
        guard let text else { return "" }
        return String(percentEncoded: text.replacing("+", with: " "))
    }
}

extension String {
    /// RFC 3986, section 2.1; `nil` when a `%` is without its two digits, or the bytes are not UTF-8.
    init?(percentEncoded text: some StringProtocol) {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(Self.digit),
                let low = rest.popFirst().flatMap(Self.digit)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        self.init(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
    }
}
