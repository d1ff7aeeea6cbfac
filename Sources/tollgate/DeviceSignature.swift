import Cryptography
import Ledger

/// What a device connects with when it signs (wire.md, "Who connects"): as good on a plain listener
/// as on TLS, because the secret itself does not go over the wire.
struct DeviceSignature {
    let userName: String
    let clientID: String
    let password: String

    /// - Parameters:
    ///   - device: `{PK}/{DK}`.
    ///   - secret: the DeviceSecret.
    ///   - isEncrypted: whether it connects over TLS, which the client id says (`securemode`).
    init(device: String, secret: String, isEncrypted: Bool) throws(Failure) {
        guard let slash = device.firstIndex(of: "/"),
            let product = ProductKey(String(device[..<slash])),
            let key = DeviceKey(String(device[device.index(after: slash)...]))
        else { throw Failure(text: "\(device): must be PK/DK", code: 2) }
        userName = "\(key)&\(product)"
        clientID = "\(product).\(key)|securemode=\(isEncrypted ? 2 : 3),signmethod=hmacsha256|"
        var code = HMACSHA256(key: Array(secret.utf8).span)
        let message = "clientId\(product).\(key)deviceName\(key)productKey\(product)"
        code.update(Array(message.utf8).span)
        password = "\(code.finalize())"
    }
}
