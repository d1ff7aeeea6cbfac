import Ledger

/// The devices of an import request, all of them well-formed, with made secrets where none was given.
struct ImportRows {
    private(set) var devices: [DeviceImport] = []

    /// Where each device is in the request: lines of CSV, or counted from 1 in JSON.
    private var lines: [Int] = []
    private let hasNames: Bool

    /// The line of a row, which is counted from 1.
    func line(ofRow row: UInt32) -> Int { lines[Int(row) - 1] }

    /// A header with `dk` and `secret`, and `name` if wanted, in any order; then one device a line.
    init(csv bytes: [UInt8], _ mint: inout Mint) throws(Problem) {
        let rows = try CSV(parsing: bytes).rows
        guard let header = rows.first else {
            throw CSV.problem(1, "the header is missing: dk,secret or dk,secret,name")
        }
        let names = header.fields.map { $0.lowercased() }
        for name in names where !["dk", "secret", "name"].contains(name) {
            throw CSV.problem(header.line, "there is no column '\(name)': dk,secret[,name]")
        }
        guard Set(names).count == names.count, let deviceColumn = names.firstIndex(of: "dk"),
            let secretColumn = names.firstIndex(of: "secret")
        else { throw CSV.problem(header.line, "the header must be dk,secret or dk,secret,name") }
        let nameColumn = names.firstIndex(of: "name")
        hasNames = nameColumn != nil
        try Self.check(count: rows.count - 1)
        for row in rows.dropFirst() {
            guard row.fields.count == names.count else {
                throw CSV.problem(
                    row.line, "\(row.fields.count) fields instead of \(names.count)")
            }
            guard let device = DeviceKey(row.fields[deviceColumn]) else {
                throw CSV.problem(row.line, "dk: \(Self.deviceRule)")
            }
            guard let secret = Self.secret(row.fields[secretColumn], &mint) else {
                throw CSV.problem(row.line, "secret: \(Self.secretRule)")
            }
            let name = nameColumn.map { row.fields[$0] } ?? ""
            devices.append(DeviceImport(device: device, secret: secret, name: name))
            lines.append(row.line)
        }
    }

    /// `{"devices": [{"dk", "secret", "name"}, ...]}`, secret and name may be missing.
    init(json fields: Fields, _ mint: inout Mint) throws(Problem) {
        hasNames = true
        for (index, element) in try fields.array("devices").enumerated() {
            let member = Fields(element)
            devices.append(
                DeviceImport(
                    device: try member.required("dk", DeviceKey.init),
                    secret: try member.optional("secret", Secret.init) ?? mint.secret(),
                    name: try member.optionalText("name") ?? ""
                )
            )
            lines.append(index + 1)
        }
    }

    private static let deviceRule = "1 to 64 of A-Z a-z 0-9 _ . : @ -"
    private static let secretRule = "1 to 64 visible ASCII characters, or nothing to have one made"

    private static func check(count: Int) throws(Problem) {
        guard count >= 1 else { throw .invalid("there is no device to import") }
        guard count <= Books.importMaximumRows else {
            throw Problem(.importTooLarge(maximumRows: UInt32(Books.importMaximumRows)))
        }
    }

    private static func secret(_ text: String, _ mint: inout Mint) -> Secret? {
        text.isEmpty ? mint.secret() : Secret(text)
    }

    /// The answer to a CSV request: the same columns, with all secrets.
    var csv: String {
        let header = hasNames ? ["dk", "secret", "name"] : ["dk", "secret"]
        return devices.reduce(into: CSV.text(of: header)) { text, device in
            let fields = [device.device.text, device.secret?.text ?? ""]
            text += CSV.text(of: hasNames ? fields + [device.name] : fields)
        }
    }

    var json: JSON {
        [
            "imported": JSON(devices.count),
            "devices": .array(
                devices.map { device in
                    [
                        "dk": JSON(device.device), "secret": JSON(device.secret?.text),
                        "name": .text(device.name),
                    ]
                }
            ),
        ]
    }
}
