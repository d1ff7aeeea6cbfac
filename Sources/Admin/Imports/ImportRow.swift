import Cryptography
import Gateway
import Ledger

/// A device of an import, well-formed. Its secret is in the clear: for the answer only.
struct ImportRow {
    /// Where it is in the request: a line of CSV, or counted from 1 in JSON.
    let line: Int
    let device: DeviceKey
    let secret: Secret
    let name: String

    /// Throws when the secret that is given is shorter than one may be; those that are made never are.
    func requireSecret(ofLength minimum: Int, _ reason: Reason) throws(Problem) {
        guard secret.text.utf8.count < minimum else { return }
        let isCSV = reason == .importLine
        let detail =
            "secret: has \(secret.text.utf8.count) characters, and \(minimum) are the least"
        let place = isCSV ? "line \(line)" : "devices[\(line - 1)]"
        throw Problem(
            Fault(
                reason: reason, pointer: isCSV ? nil : "/devices/\(line - 1)/secret",
                line: isCSV ? line : nil, detail: detail, text: "\(place): \(detail)"))
    }
}

extension ImportRow {
    /// A member of `{"devices": [{"dk", "secret", "name"}, ...]}`; a missing secret is made.
    init(line: Int, json: JSON, _ mint: inout Mint) throws(Problem) {
        let member = Fields(json)
        self.line = line
        device = try member.required("dk", DeviceKey.init)
        secret = try member.optional("secret", Secret.init) ?? mint.secret()
        name = try member.optionalText("name") ?? ""
    }
}

extension [ImportRow] {
    /// What a command carries: the secrets sealed.
    func sealed(
        for product: ProductKey,
        with keys: SecretKeys
    ) throws(CryptoError) -> [DeviceImport] {
        var sealer = try keys.sealer()
        var devices: [DeviceImport] = []
        devices.reserveCapacity(count)
        for row in self {
            let identity = DeviceIdentity(product: product, device: row.device)
            let secret = try sealer.seal(row.secret, for: identity)
            devices.append(DeviceImport(device: row.device, secret: secret, name: row.name))
        }
        return devices
    }
}

/// The columns of an import's CSV, by its header: `dk` and `secret`, and `name` if wanted, in any
/// order.
struct ImportColumns {
    private let count: Int
    private let device: Int
    private let secret: Int
    private let name: Int?

    init(header: CSV.Row) throws(Problem) {
        let names = header.fields.map { $0.lowercased() }
        for name in names where !["dk", "secret", "name"].contains(name) {
            throw CSV.problem(header.line, "there is no column '\(name)': dk,secret[,name]")
        }
        guard Set(names).count == names.count, let device = names.firstIndex(of: "dk"),
            let secret = names.firstIndex(of: "secret")
        else { throw CSV.problem(header.line, "the header must be dk,secret or dk,secret,name") }
        count = names.count
        self.device = device
        self.secret = secret
        name = names.firstIndex(of: "name")
    }

    /// The device in a row behind the header; an empty secret is made. Cells are taken as the answer writes them (`CSVField`).
    func device(in row: CSV.Row, _ mint: inout Mint) throws(Problem) -> ImportRow {
        guard row.fields.count == count else {
            throw CSV.problem(row.line, "\(row.fields.count) fields instead of \(count)")
        }
        let fields = row.fields.map(CSVField.taken)
        guard let key = DeviceKey(fields[device]) else {
            throw CSV.problem(row.line, "dk: must be \(Schema.id(DeviceKey.self).rule)")
        }
        let text = fields[secret]
        guard let secret = text.isEmpty ? mint.secret() : Secret(text) else {
            throw CSV.problem(
                row.line,
                "secret: must be \(Schema.secret.rule), or nothing to have one made")
        }
        let name = name.map { fields[$0] } ?? ""
        guard name.isEmpty || DisplayName(name) != nil else {
            throw CSV.problem(row.line, "name: must be \(Schema.optionalName.rule)")
        }
        return ImportRow(line: row.line, device: key, secret: secret, name: name)
    }

    var answerHeader: [String] { name == nil ? ["dk", "secret"] : ["dk", "secret", "name"] }

    /// The same device in the answer, with its secret.
    func answer(for row: ImportRow) -> [String] {
        let fields = [row.device.text, row.secret.text]
        return name == nil ? fields : fields + [row.name]
    }
}
