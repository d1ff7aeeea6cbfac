import Bytes
import Cryptography
import Ledger
import Time

/// The user name of a device of Azure IoT Hub's: `{hub}/{DK}/?api-version=...`, where the first label of the hub's host
/// name is the PK.
struct HubUserName: ~Escapable {
    /// The host name.
    let hub: Span<UInt8>
    let identity: DeviceIdentity

    /// `nil` for any other user name, one of a module among them.
    @_lifetime(copy userName)
    init?(_ userName: Span<UInt8>) {
        guard let slash = userName.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        let hub = userName.extracting(0..<slash)
        let rest = userName.extracting(slash + 1..<userName.count)
        guard let dot = hub.firstIndex(of: UInt8(ascii: ".")),
            let product = ProductKey(utf8: hub.extracting(0..<dot)),
            let end = rest.firstIndex(of: UInt8(ascii: "/")),
            let device = DeviceKey(utf8: rest.extracting(0..<end)),
            rest.extracting(end + 1..<rest.count).hasPrefix("?api-version=")
        else { return nil }
        self.hub = hub
        identity = DeviceIdentity(product: product, device: device)
    }
}

/// A token as Azure IoT Hub's devices send it: `SharedAccessSignature sr=...&sig=...&se=...`, its fields in any order and
/// others passed over. `sig` is the Base64 of HMAC-SHA256 over `sr`, a line feed and `se`, each as it was sent, and the
/// key is what the DeviceSecret is the Base64 of.
struct SharedAccessToken: ~Escapable {
    private let resource: Span<UInt8>
    private let signature: Span<UInt8>
    private let expiry: Span<UInt8>

    /// `nil` for what is no token.
    @_lifetime(copy password)
    init?(_ password: Span<UInt8>) {
        guard password.hasPrefix("SharedAccessSignature ") else { return nil }
        let fields = password.extracting(22..<password.count)
        guard let resource = Self.value("sr=", in: fields),
            let signature = Self.value("sig=", in: fields),
            let expiry = Self.value("se=", in: fields)
        else { return nil }
        self.resource = resource
        self.signature = signature
        self.expiry = expiry
    }

    /// Whether it says for this device of this hub, signed with its secret, that it holds at `time`.
    func isProof(
        for name: borrowing HubUserName, secret: Span<UInt8>, at time: Timestamp
    ) -> Bool {
        let key = Base64.decoded(secret)
        let keyBytes = key ?? []
        let lineFeed = [UInt8(ascii: "\n")]
        var code = HMACSHA256(key: keyBytes.span)
        code.update(resource)
        code.update(lineFeed.span)
        code.update(expiry)
        // Compared in any case, so that a wrong one takes as long as a right one.
        let text = Self.unescaped(signature)
        let decoded = Base64.decoded(text.span) ?? []
        let sent = SHA256Digest(decoded.span)
        let isSigned = sent == code.finalize() && key != nil
        let named = name.hub.bytesArray + Array("/devices/\(name.identity.device)".utf8)
        guard isSigned, Self.unescaped(resource) == named, let end = expiry.text,
            let seconds = Int64(end), seconds > 0, seconds < 1 << 40
        else { return false }
        return Timestamp(seconds: seconds) > time
    }

    @_lifetime(copy fields)
    private static func value(_ name: StaticString, in fields: Span<UInt8>) -> Span<UInt8>? {
        var start = 0
        while start < fields.count {
            var end = start
            while end < fields.count, fields[end] != UInt8(ascii: "&") { end += 1 }
            let field = fields.extracting(start..<end)
            if field.hasPrefix(name) {
                return field.extracting(name.utf8CodeUnitCount..<field.count)
            }
            start = end + 1
        }
        return nil
    }

    /// Without its escapes (RFC 3986, 2.1); what is no escape stays.
    private static func unescaped(_ text: Span<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "%"), index + 2 < text.count,
                let high = Character(Unicode.Scalar(text[index + 1])).hexDigitValue,
                let low = Character(Unicode.Scalar(text[index + 2])).hexDigitValue
            {
                bytes.append(UInt8(high << 4 | low))
                index += 3
            } else {
                bytes.append(text[index])
                index += 1
            }
        }
        return bytes
    }
}
