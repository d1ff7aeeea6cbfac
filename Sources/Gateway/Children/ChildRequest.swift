import Bytes
import Ledger

/// What a device wants of `sys/children/attach` or `sys/children/detach`: a JSON object (RFC 8259) of texts and a number.
/// Members that are not known are passed over.
struct ChildRequest: Equatable {
    /// What the answer is to name: 1 to 64 of `[A-Za-z0-9._-]`; empty without one.
    private(set) var id = ""

    /// The child's CONNECT: what it would send if it connected itself.
    private(set) var clientID: [UInt8] = []
    private(set) var userName: [UInt8]?
    private(set) var password: [UInt8]?

    /// How long its session outlives its connection, in seconds; `nil`: it begins anew, and ends with it.
    private(set) var sessionExpirySeconds: UInt32?

    /// Who is detached.
    private(set) var product: ProductKey?
    private(set) var device: DeviceKey?

    /// In bytes, of the payload.
    static let maximumBytes = 8_192
    private static let idMaximum = 64

    /// `nil` when the bytes are no such object, or a member is not of its form.
    init?(_ payload: Span<UInt8>) {
        guard payload.count <= Self.maximumBytes else { return nil }
        var reader = JSONValueReader(payload.bytesArray, depthMaximum: 1)
        guard case .object(let members)? = try? reader.whole() else { return nil }
        for member in members where !take(member) { return nil }
    }

    /// The child that a request to detach names.
    var child: DeviceIdentity? {
        guard let product, let device else { return nil }
        return DeviceIdentity(product: product, device: device)
    }

    private mutating func take(_ member: JSONValue.Member) -> Bool {
        let name = String(decoding: member.name, as: UTF8.self)
        if name == "sessionExpirySeconds" {
            guard case .word(let word) = member.value else { return false }
            sessionExpirySeconds = UInt32(String(decoding: word, as: UTF8.self))
            return sessionExpirySeconds != nil
        }
        guard ["id", "clientId", "userName", "password", "pk", "dk"].contains(name) else {
            return true
        }
        guard case .string(let text) = member.value else { return false }
        switch name {
        case "id":
            id = String(decoding: text, as: UTF8.self)
            return (1...Self.idMaximum).contains(text.count) && text.allSatisfy(Self.isOfID)
        case "clientId": clientID = text
        case "userName": userName = text
        case "password": password = text
        case "pk":
            product = ProductKey(utf8: text.span)
            return product != nil
        case _:
            device = DeviceKey(utf8: text.span)
            return device != nil
        }
        return true
    }

    private static func isOfID(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        case _: false
        }
    }
}
