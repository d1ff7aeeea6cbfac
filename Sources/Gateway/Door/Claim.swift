import Bytes
import Cryptography
import Ledger

/// Who a CONNECT says it comes from, before anything has been proved (Wire.md, "Who connects").
enum Claim {
    case device(DeviceIdentity, proof: Credential)
    case application(KeyID)
    case anonymous

    /// How a device proves itself; the bytes that prove it stay in the CONNECT.
    enum Credential: Equatable {
        /// HMAC-SHA256 with the DeviceSecret.
        case signature
        /// The DeviceSecret as the password.
        case secret
        /// HMAC-SHA256 with the ProductSecret, to be given a DeviceSecret.
        case registration
        /// A certificate that TLS has verified: by an account's authority, or, `nil`, by one of the gateway's.
        case certificate(AccountCertificate?)
        /// Alibaba Cloud's signature, with any client id before the bar; and with the ProductSecret.
        case alibaba(SigningMethod)
        case alibabaRegistration(SigningMethod)
        /// Azure's SAS token as the password.
        case accessToken
        /// The DeviceSecret as the password, and the device's names as the user name in a plain form.
        case plainSecret
        /// A JSON Web Token as the password, and the same user name.
        case webToken
        /// TLS-PSK: the handshake has proved that the device knows the key of that digest, made of its DeviceSecret.
        case preSharedKey(SHA256Digest)

        var isCertificate: Bool {
            if case .certificate = self { true } else { false }
        }

        /// Whether TLS has proved it: there is nothing in the CONNECT that could be guessed.
        var isProvedByTLS: Bool {
            if case .preSharedKey = self { true } else { isCertificate }
        }

        /// Others say who the device is: its secret proves nothing, and it need not have one.
        var isVouchedFor: Bool {
            switch self {
            case .certificate, .webToken: true
            case .signature, .secret, .registration, .alibaba, .alibabaRegistration,
                .accessToken, .plainSecret, .preSharedKey:
                false
            }
        }
    }

    /// The most bytes of the identifier that a client without one is given: `{PK}.{DK}` of a device,
    /// `tollgate-` and 24 digits of others.
    var assignedIdentifierBytes: Int {
        switch self {
        case .device(let identity, _):
            identity.product.text.utf8.count + 1 + identity.device.text.utf8.count
        case .application, .anonymous: 33
        }
    }

    /// Reads user name and client identifier, and what kind of password there is. Fails with the reason when they have none of the forms
    /// that Wire.md knows, or one that this transport does not allow.
    static func read(
        userName: Span<UInt8>?,
        clientID: Span<UInt8>,
        password: Span<UInt8>? = nil,
        isEncrypted: Bool
    ) -> Result<Claim, Reason> {
        guard let userName else { return .failure(.badCredentials) }
        if userName.hasPrefix("app:") {
            guard let key = userName.extracting(4..<userName.count).text.flatMap({ KeyID($0) })
            else { return .failure(.badCredentials) }
            return .success(.application(key))
        }
        // In order: the first form that it has is its own.
        if let identity = DeviceIdentity(userName: userName) {
            return deviceProof(of: identity, clientID: clientID, isEncrypted: isEncrypted)
                .map { .device(identity, proof: $0) }
        }
        if let hub = HubUserName(userName) {
            // A token is as good as a secret as long as it holds.
            guard isEncrypted else { return .failure(.notAllowedOnListener) }
            return .success(.device(hub.identity, proof: .accessToken))
        }
        if let identity = DeviceIdentity(plainUserName: userName) {
            guard isEncrypted else { return .failure(.notAllowedOnListener) }
            let isToken = if let password { WebToken.isShaped(password) } else { false }
            return .success(.device(identity, proof: isToken ? .webToken : .plainSecret))
        }
        return .failure(.badCredentials)
    }

    /// The device that a user name names, in whatever form; `nil`: none.
    static func namedDevice(by userName: Span<UInt8>) -> DeviceIdentity? {
        if let identity = DeviceIdentity(userName: userName) { return identity }
        if let hub = HubUserName(userName) { return hub.identity }
        return DeviceIdentity(plainUserName: userName)
    }

    private static func deviceProof(
        of identity: DeviceIdentity,
        clientID: Span<UInt8>,
        isEncrypted: Bool
    ) -> Result<Credential, Reason> {
        guard let signed = SignedClientIdentifier(clientID) else {
            return isEncrypted ? .success(.secret) : .failure(.notAllowedOnListener)
        }
        guard let name = signed.value("signmethod"), let method = SigningMethod(name),
            let mode = signed.value("securemode"), !signed.name.isEmpty
        else { return .failure(.clientIdentifierNotValid) }
        let isOurs = method == .sha256 && identity.isNamed(by: signed.name)
        guard mode.isEqual(to: isEncrypted ? "2" : "3") else {
            return .failure(.notAllowedOnListener)
        }
        guard let type = signed.value("authType") else {
            return .success(isOurs ? .signature : .alibaba(method))
        }
        guard type.isEqual(to: "register"), signed.value("random") != nil else {
            return .failure(.clientIdentifierNotValid)
        }
        guard isEncrypted else { return .failure(.notAllowedOnListener) }
        return .success(isOurs ? .registration : .alibabaRegistration(method))
    }
}

extension DeviceIdentity {
    /// `{DK}&{PK}`, the user name of a device.
    init?(userName: Span<UInt8>) {
        guard let ampersand = userName.firstIndex(of: UInt8(ascii: "&")),
            let device = DeviceKey(utf8: userName.extracting(0..<ampersand)),
            let product = ProductKey(
                utf8: userName.extracting(ampersand + 1..<userName.count)
            )
        else { return nil }
        self.init(product: product, device: device)
    }

    /// `{PK}.{DK}` or `{PK}/{DK}`, for tools that have trouble with an ampersand. A PK has neither.
    init?(plainUserName: Span<UInt8>) {
        guard
            let end = plainUserName.indices.first(where: {
                plainUserName[$0] == UInt8(ascii: ".") || plainUserName[$0] == UInt8(ascii: "/")
            }),
            let product = ProductKey(utf8: plainUserName.extracting(0..<end)),
            let device = DeviceKey(
                utf8: plainUserName.extracting(end + 1..<plainUserName.count))
        else { return nil }
        self.init(product: product, device: device)
    }

    /// Whether `name` is `{PK}.{DK}` of this device.
    func isNamed(by name: Span<UInt8>) -> Bool {
        let product = product.text.utf8
        let device = device.text.utf8
        guard name.count == product.count + 1 + device.count else { return false }
        var index = 0
        for byte in product {
            if name[index] != byte { return false }
            index += 1
        }
        if name[index] != UInt8(ascii: ".") { return false }
        index += 1
        for byte in device {
            if name[index] != byte { return false }
            index += 1
        }
        return true
    }
}

/// The client identifier of a device that signs: `{PK}.{DK}|key=value,key=value|` (Wire.md, "Who
/// connects"). Borrowed from the CONNECT; nothing is allocated.
struct SignedClientIdentifier: ~Escapable {
    /// `{PK}.{DK}`: what stands before the first `|`.
    let name: Span<UInt8>
    private let parameters: Span<UInt8>

    /// `nil` when the identifier does not end in a parameter list between bars.
    @_lifetime(copy clientID)
    init?(_ clientID: Span<UInt8>) {
        guard let bar = clientID.firstIndex(of: UInt8(ascii: "|")), bar + 1 < clientID.count,
            clientID[clientID.count - 1] == UInt8(ascii: "|")
        else { return nil }
        name = clientID.extracting(0..<bar)
        parameters = clientID.extracting(bar + 1..<max(bar + 1, clientID.count - 1))
    }

    /// The value of the first parameter of that name, or `nil`.
    @_lifetime(copy self)
    func value(_ name: StaticString) -> Span<UInt8>? {
        var start = 0
        while start < parameters.count {
            var end = start
            while end < parameters.count, parameters[end] != UInt8(ascii: ",") { end += 1 }
            let parameter = parameters.extracting(start..<end)
            if let equals = parameter.firstIndex(of: UInt8(ascii: "=")),
                parameter.extracting(0..<equals).isEqual(to: name)
            {
                return parameter.extracting(equals + 1..<parameter.count)
            }
            start = end + 1
        }
        return nil
    }
}

/// What `${clientId}` stands for in topics of a product's own.
enum ClientName {
    /// The most bytes of one.
    static let maximumLength = 256

    /// A client identifier, of one with parameters what stands before the bar. Empty, so that it stands for nothing, when
    /// it is longer, or is no level of a topic name: has a slash or a wildcard in it.
    static func bytes(of clientID: Span<UInt8>) -> [UInt8] {
        if let signed = SignedClientIdentifier(clientID) { return level(signed.name) }
        return level(clientID)
    }

    private static func level(_ name: Span<UInt8>) -> [UInt8] {
        guard name.count <= maximumLength else { return [] }
        for index in name.indices {
            switch name[index] {
            case UInt8(ascii: "/"), UInt8(ascii: "+"), UInt8(ascii: "#"): return []
            default: continue
            }
        }
        return name.bytesArray
    }
}

extension Span where Element == UInt8 {
    /// Whether these bytes are that text's UTF-8.
    func isEqual(to text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return hasPrefix(text)
    }

    /// Whether these bytes begin with that text's UTF-8.
    @inline(__always)
    func hasPrefix(_ text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        // Safe: a static string's UTF-8 lives as long as the program.
        return text.withUTF8Buffer { bytes in
            for index in 0..<bytes.count where unsafe bytes[index] != self[index] { return false }
            return true
        }
    }
}
