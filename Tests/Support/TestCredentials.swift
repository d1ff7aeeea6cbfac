import Bytes
import Cryptography
public import Gateway
public import Ledger
public import MQTT

/// What a CONNECT says about who it comes from (Wire.md, "Who connects").
public struct TestCredentials: Hashable, Sendable {
    public var clientID: String
    public var userName: String?
    public var password: String?

    public init(clientID: String, userName: String? = nil, password: String? = nil) {
        self.clientID = clientID
        self.userName = userName
        self.password = password
    }

    /// A device that signs with its secret; `securemode` 2 over TLS, 3 without.
    public static func signed(
        _ device: TestDevice,
        secureMode: Int,
        timestamp: Int64? = nil
    ) -> TestCredentials {
        let identity = device.identity
        let suffix = timestamp.map { ",timestamp=\($0)" } ?? ""
        let signed =
            "clientId\(identity)deviceName\(identity.device)productKey\(identity.product)"
            + (timestamp.map { "timestamp\($0)" } ?? "")
        return TestCredentials(
            clientID: "\(identity)|securemode=\(secureMode),signmethod=hmacsha256\(suffix)|",
            userName: "\(identity.device)&\(identity.product)",
            password: code(signed, key: device.secret.text)
        )
    }

    /// A device whose password is its secret.
    public static func secret(_ device: TestDevice, clientID: String = "") -> TestCredentials {
        TestCredentials(
            clientID: clientID,
            userName: "\(device.identity.device)&\(device.identity.product)",
            password: device.secret.text
        )
    }

    /// A device that asks to be given its secret; `secureMode` should be 2.
    public static func registering(
        _ identity: DeviceIdentity,
        productSecret: Secret,
        random: String = "4711",
        secureMode: Int = 2
    ) -> TestCredentials {
        TestCredentials(
            clientID: "\(identity)|securemode=\(secureMode),authType=register,random=\(random),"
                + "signmethod=hmacsha256|",
            userName: "\(identity.device)&\(identity.product)",
            password: code(
                "deviceName\(identity.device)productKey\(identity.product)random\(random)",
                key: productSecret.text
            )
        )
    }

    public static func application(
        _ application: TestApplication,
        clientID: String = "backend-1"
    ) -> TestCredentials {
        TestCredentials(
            clientID: clientID,
            userName: "app:\(application.key)",
            password: application.secret
        )
    }

    /// Nothing but a client identifier.
    public static func anonymous(_ clientID: String) -> TestCredentials {
        TestCredentials(clientID: clientID)
    }

    /// The bytes of a CONNECT with these credentials and a clean start.
    public func connectPacket(
        version: ProtocolVersion = .v5,
        keepAliveSeconds: UInt16 = 60
    ) -> [UInt8] {
        let clientID = Array(clientID.utf8)
        let userName = userName.map { Array($0.utf8) }
        let password = password.map { Array($0.utf8) }
        var packet = ByteBuffer()
        Connect.encode(
            clientID: clientID.span,
            keepAliveSeconds: keepAliveSeconds,
            userName: userName?.span,
            password: password?.span,
            version: version,
            into: &packet
        )
        return packet.span.bytesArray
    }

    /// Hexadecimal HMAC-SHA256.
    public static func code(_ text: String, key: String) -> String {
        var code = HMACSHA256(key: key.utf8Span.span)
        code.update(text.utf8Span.span)
        var digits = ByteBuffer()
        Hexadecimal.append(code.finalize().span, to: &digits)
        return digits.span.text ?? ""
    }
}
