internal import Bytes
internal import Cryptography
internal import MQTT

/// A device, as its fleet's file has it.
public struct Device: Sendable, Equatable {
    public let productKey: [UInt8]
    public let deviceKey: [UInt8]

    /// What it signs with; `nil`: its certificate says who it is.
    public let secret: [UInt8]?

    public init(productKey: [UInt8], deviceKey: [UInt8], secret: [UInt8]?) {
        self.productKey = productKey
        self.deviceKey = deviceKey
        self.secret = secret
    }
}

/// Who connects.
public enum Identities: Sendable {
    /// Devices that sign with their secrets, or show certificates. More clients than devices begin anew with the first.
    case fleet([Device])

    /// Clients of any broker.
    case templates(clientID: Template, userName: Template?, password: Template?)

    /// `nil` for clients that are none.
    func device(_ number: Int) -> Device? {
        switch self {
        case .fleet(let devices): devices[number % devices.count]
        case .templates: nil
        }
    }
}

/// Writes CONNECT packets; keeps its memory from one to the next.
struct Introduction: ~Copyable {
    private var clientID = ByteBuffer()
    private var userName = ByteBuffer()
    private var password = ByteBuffer()
    private let plan: LoadPlan

    /// What a signing device's client id ends with: how it is kept secret, and how it signs.
    private let suffix: String

    init(_ plan: LoadPlan) {
        self.plan = plan
        suffix = "|securemode=\(plan.transport.tls == nil ? 3 : 2),signmethod=hmacsha256|"
    }

    /// Appends the CONNECT of the client with that number.
    mutating func append(_ number: Int, to buffer: inout ByteBuffer) {
        clientID.removeAll()
        userName.removeAll()
        password.removeAll()
        var hasUserName = true
        var hasPassword = true
        switch plan.identities {
        case .fleet(let devices):
            let device = devices[number % devices.count]
            hasUserName = device.secret != nil
            hasPassword = hasUserName
            introduce(device)
        case .templates(let clientID, let userName, let password):
            clientID.append(number, nil, to: &self.clientID)
            userName?.append(number, nil, to: &self.userName)
            password?.append(number, nil, to: &self.password)
            hasUserName = userName != nil
            hasPassword = password != nil
        }
        let (keepAlive, version) = (plan.keepAliveSeconds, plan.version)
        if !hasUserName {
            Connect.encode(
                clientID: clientID.span, keepAliveSeconds: keepAlive, version: version,
                into: &buffer)
        } else if !hasPassword {
            Connect.encode(
                clientID: clientID.span, keepAliveSeconds: keepAlive, userName: userName.span,
                version: version, into: &buffer)
        } else {
            Connect.encode(
                clientID: clientID.span, keepAliveSeconds: keepAlive, userName: userName.span,
                password: password.span, version: version, into: &buffer)
        }
    }

    /// As a device does (Wire.md, "Who connects"): with a signature, or only by name, as its certificate proves it.
    private mutating func introduce(_ device: Device) {
        clientID.append(device.productKey.span)
        clientID.append(UInt8(ascii: "."))
        clientID.append(device.deviceKey.span)
        guard let secret = device.secret else { return }
        userName.append(device.deviceKey.span)
        userName.append(UInt8(ascii: "&"))
        userName.append(device.productKey.span)
        var code = HMACSHA256(key: secret.span)
        code.update("clientId".utf8Span.span)
        code.update(clientID.span)
        code.update("deviceName".utf8Span.span)
        code.update(device.deviceKey.span)
        code.update("productKey".utf8Span.span)
        code.update(device.productKey.span)
        let digest = code.finalize()
        Hexadecimal.append(digest.span, to: &password)
        clientID.append(utf8: suffix)
    }
}
