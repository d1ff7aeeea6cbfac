import Bytes
import Ledger

/// Who is connected, once that has been proved: one word, shared by the connection and the session.
enum Client {
    case unknown
    case device(DeviceClient)
    case application(ApplicationClient)

    /// Whether it is an application that came with that key.
    func isApplication(of key: KeyID) -> Bool {
        if case .application(let application) = self { application.key == key } else { false }
    }

    /// What it is called: an application's own client identifier, `{PK}.{DK}` of a device.
    var identifier: String? {
        switch self {
        case .unknown: nil
        case .device(let device): "\(device.identity)"
        case .application(let application): application.clientID
        }
    }
}

/// A connected device, or one that has a session.
struct DeviceClient {
    /// `d/{PK}/{DK}/`: every topic of the device's own begins so. No key has a slash in it.
    let topicPrefix: [UInt8]

    init(_ identity: DeviceIdentity) { topicPrefix = identity.topicPrefix }

    /// Made of the prefix each time it is asked for.
    var identity: DeviceIdentity {
        guard let product = ProductKey(utf8: product), let device = DeviceKey(utf8: device) else {
            preconditionFailure("the prefix was made of an identity")
        }
        return DeviceIdentity(product: product, device: device)
    }

    /// The PK.
    var product: Span<UInt8> {
        @_lifetime(borrow self)
        get { topicPrefix.span.extracting(2..<deviceStart - 1) }
    }

    /// The DK.
    var device: Span<UInt8> {
        @_lifetime(borrow self)
        get { topicPrefix.span.extracting(deviceStart..<topicPrefix.count - 1) }
    }

    private var deviceStart: Int {
        var start = topicPrefix.count - 1
        while topicPrefix[start - 1] != UInt8(ascii: "/") { start -= 1 }
        return start
    }
}

/// A connected application, or anybody on a listener without authentication.
final class ApplicationClient: Sendable {
    let clientID: String

    /// The key it came with; `nil` on a listener without authentication.
    let key: KeyID?
    let rights: TopicRights

    init(clientID: String, key: KeyID?, rights: TopicRights) {
        self.clientID = clientID
        self.key = key
        self.rights = rights
    }
}

extension DeviceIdentity {
    /// `d/{PK}/{DK}/`
    var topicPrefix: [UInt8] {
        let product = product.text.utf8
        let device = device.text.utf8
        var bytes: [UInt8] = []
        bytes.reserveCapacity(4 + product.count + device.count)
        bytes.append(UInt8(ascii: "d"))
        bytes.append(UInt8(ascii: "/"))
        bytes.append(contentsOf: product)
        bytes.append(UInt8(ascii: "/"))
        bytes.append(contentsOf: device)
        bytes.append(UInt8(ascii: "/"))
        return bytes
    }
}

// The name: what two connections of one client have in common. The later displaces the earlier.
extension Client {
    /// Client identifiers are the key's own: no key's application can displace another's. By bytes, because
    /// equal strings may differ in them: "å" of one character and of two ([MQTT-3.1.3-2]).
    func hasName(of other: Client) -> Bool {
        switch (self, other) {
        case (.device(let one), .device(let other)): one.topicPrefix == other.topicPrefix
        case (.application(let one), .application(let other)):
            one.key == other.key && one.clientID.utf8.elementsEqual(other.clientID.utf8)
        case (.unknown, _), (.device, _), (.application, _): false
        }
    }

    /// The same of a device that is no client yet. Allocates nothing, as every message to a device asks.
    func hasName(of identity: DeviceIdentity) -> Bool {
        guard case .device(let device) = self else { return false }
        return device.product.isEqual(to: identity.product.text.utf8Span.span)
            && device.device.isEqual(to: identity.device.text.utf8Span.span)
    }

    /// Of its name; the same for as long as the process runs.
    var nameHash: UInt32 {
        switch self {
        case .unknown: preconditionFailure("only an admitted client has a name")
        case .device(let device): seededHash(of: device.device, in: device.product)
        case .application(let application):
            seededHash(
                of: application.clientID.utf8Span.span,
                in: (application.key?.text ?? "").utf8Span.span
            )
        }
    }
}

extension DeviceIdentity {
    /// The same as of the client.
    var nameHash: UInt32 {
        seededHash(of: device.text.utf8Span.span, in: product.text.utf8Span.span)
    }
}

/// Hashed with the process's own seed: nobody can look for names that meet in one bucket.
private func seededHash(of name: Span<UInt8>, in group: Span<UInt8>) -> UInt32 {
    var hasher = Hasher()
    hasher.combine(group.count)
    // Safe: the hasher reads the bytes during the call.
    unsafe group.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    unsafe name.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    return UInt32(truncatingIfNeeded: hasher.finalize())
}
