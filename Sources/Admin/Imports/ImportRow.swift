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

    /// A member of `{"devices": [{"dk", "secret", "name"}, ...]}`; a missing secret is made.
    init(line: Int, json: JSON, _ mint: inout Mint) throws(Problem) {
        let member = Fields(json)
        self.line = line
        device = try member.required("dk", DeviceKey.init)
        secret = try member.optional("secret", Secret.init) ?? mint.secret()
        name = try member.optionalText("name") ?? ""
    }

    init(line: Int, device: DeviceKey, secret: Secret, name: String) {
        self.line = line
        self.device = device
        self.secret = secret
        self.name = name
    }

    /// Shows the secret.
    var json: JSON {
        ["dk": JSON(device), "secret": .text(secret.text), "name": .text(name)]
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
