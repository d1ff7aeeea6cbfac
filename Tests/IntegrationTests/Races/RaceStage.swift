import Cryptography
import Gateway
import Ledger
import Linux
import Storage
import Support
import TLS
import Time

/// Devices or applications that connect, and what is changed meanwhile.
struct RaceStage: Sendable {
    /// One that connects, and by what.
    struct Racer: Sendable {
        var credentials: TestCredentials
        var device: DeviceIdentity?

        /// `nil`: without TLS.
        var context: TLSContext?

        /// TLS itself proves who it is: a session that is resumed is its own.
        var isProvedByTLS = false

        /// What is changed lets it in no longer.
        var isForbidden = false
    }

    /// As many connect at a time.
    static let lanes = 8

    /// As many attempts are made; each racer makes as many as any other.
    static let attempts = 1_000

    let port: UInt16

    /// A multiple of `lanes`, so that a lane has all attempts of a racer.
    let racers: [Racer]

    /// They come when the change has been answered, and are let in by it.
    var newcomers: [Racer] = []
    let actions: [Action]

    /// What a racer is told that is let in no longer.
    let refusals: [Reason]

    /// What becomes of those that are connected and would be let in no longer; `nil`: they stay.
    let ending: Reason?

    /// Some are refused in the handshake, and hear no reason.
    var refusesInHandshake = false

    /// Half of the racers, in every lane as many.
    static func isInFirstHalf(_ number: Int) -> Bool { number / lanes % 2 == 0 }
}

/// What is changed while many connect.
enum RacingChange: Sendable {
    case disabling
    case secretReset
    case productDeletion
    case keyRevocation
    case proofTaken(ProofKind)
    case tokenKeyRemoval
    case preSharedKeyReset
    case authorityOff
    case authorityRemoval
    case revocations
    case pins

    /// Alibaba's two weak hashes are taken off the list as its strong one is.
    private static let proofs: [ProofKind] =
        [.tollgate, .alibabaSHA256, .azureSAS, .plain, .jwt, .psk]

    static let all: [RacingChange] =
        [.disabling, .secretReset, .productDeletion, .keyRevocation]
        + proofs.map { .proofTaken($0) }
        + [.tokenKeyRemoval, .preSharedKeyReset]
        + [.authorityOff, .authorityRemoval, .revocations, .pins]

    /// Room for all, and for all that is wrong.
    func configure(_ configuration: inout GatewayConfiguration) {
        configuration.limits.handshakesInFlight = 20_000
        configuration.limits.wrongSecretsPerMinute = 1_000_000
        configuration.limits.wrongSecretsPerMinutePerAddress = 1_000_000
        configuration.limits.duplicatesPerMinute = 1_000
        switch self {
        case .proofTaken(.psk), .preSharedKeyReset:
            configuration.tls.preset = .legacy
            configuration.tls.psk = true
        case .disabling, .secretReset, .productDeletion, .keyRevocation, .proofTaken,
            .tokenKeyRemoval, .authorityOff, .authorityRemoval, .revocations, .pins:
            break
        }
    }

    func stage(at gateway: TestGateway) async throws -> RaceStage {
        switch self {
        case .disabling: try await .disabling(gateway)
        case .secretReset: try await .secretReset(gateway)
        case .productDeletion: try await .productDeletion(gateway)
        case .keyRevocation: try await .keyRevocation(gateway)
        case .proofTaken(let kind): try await .proofTaken(kind, gateway)
        case .tokenKeyRemoval: try await .tokenKeyRemoval(gateway)
        case .preSharedKeyReset: try await .preSharedKeyReset(gateway)
        case .authorityOff: try await .authority(gateway, isRemoved: false)
        case .authorityRemoval: try await .authority(gateway, isRemoved: true)
        case .revocations: try await .revocations(gateway)
        case .pins: try await .pins(gateway)
        }
    }
}

// Secrets.
extension RaceStage {
    private static var names: [String] { (0..<attempts).map { "dk\($0)" } }

    private static func signed(_ devices: [TestDevice]) -> [Racer] {
        devices.enumerated().map { number, device in
            Racer(
                credentials: .signed(device, secureMode: 3), device: device.identity,
                isForbidden: isInFirstHalf(number))
        }
    }

    fileprivate static func disabling(_ gateway: TestGateway) async throws -> RaceStage {
        let product = try await gateway.createProduct(codes: UInt64(attempts))
        let racers = signed(try await gateway.importDevices(names, into: product))
        return RaceStage(
            port: gateway.plainPort, racers: racers,
            actions: racers.filter(\.isForbidden).compactMap { racer in
                racer.device.map { .devices(.setDisabled($0, true)) }
            }, refusals: [.deviceDisabled], ending: .deviceDisabled)
    }

    /// Other secrets of those that are forbidden, and what resets them.
    private static func reset(
        _ devices: [TestDevice], at gateway: TestGateway
    ) throws -> (devices: [TestDevice], actions: [Action]) {
        var renewed: [TestDevice] = []
        var actions: [Action] = []
        for (number, device) in devices.enumerated() where isInFirstHalf(number) {
            let digits = String(PreSharedKeys.digits.reversed())
            guard let secret = Secret(digits) else { preconditionFailure("digits are a secret") }
            let sealed = try gateway.gateway.secretKeys.seal(secret, for: device.identity)
            renewed.append(TestDevice(identity: device.identity, secret: secret))
            actions.append(.devices(.resetSecret(device.identity, secret: sealed)))
        }
        return (renewed, actions)
    }

    fileprivate static func secretReset(_ gateway: TestGateway) async throws -> RaceStage {
        let product = try await gateway.createProduct(codes: UInt64(attempts))
        let devices = try await gateway.importDevices(names, into: product)
        let (renewed, actions) = try reset(devices, at: gateway)
        return RaceStage(
            port: gateway.plainPort, racers: signed(devices),
            // The last ones, which have not been let in yet, and cost a code.
            newcomers: renewed.suffix(renewed.count / 4).map {
                Racer(credentials: .signed($0, secureMode: 3), device: $0.identity)
            }, actions: actions, refusals: [.badCredentials], ending: .kicked)
    }

    fileprivate static func productDeletion(_ gateway: TestGateway) async throws -> RaceStage {
        let gone = try await gateway.createProduct("gone", codes: UInt64(attempts))
        let kept = try await gateway.createProduct("kept", codes: UInt64(attempts))
        let devices = [
            try await gateway.importDevices(names, into: kept),
            try await gateway.importDevices(names, into: gone),
        ]
        let racing = (0..<attempts).map { devices[isInFirstHalf($0) ? 1 : 0][$0] }
        return RaceStage(
            port: gateway.plainPort, racers: signed(racing),
            actions: [.products(.delete(gone.key))], refusals: [.badCredentials],
            ending: .kicked)
    }

    fileprivate static func keyRevocation(_ gateway: TestGateway) async throws -> RaceStage {
        let product = try await gateway.createProduct()
        let gone = try await gateway.createApplication("gone", products: [product])
        let kept = try await gateway.createApplication("kept", products: [product])
        let racers = (0..<attempts).map { number in
            let isForbidden = isInFirstHalf(number)
            return Racer(
                credentials: .application(isForbidden ? gone : kept, clientID: "b\(number)"),
                isForbidden: isForbidden)
        }
        return RaceStage(
            port: gateway.plainPort, racers: racers, actions: [.keys(.revoke(gone.key))],
            refusals: [.badCredentials], ending: .kicked)
    }
}

// Proofs of products.
extension RaceStage {
    /// Devices whose secret is Base64, as Azure's are.
    private static func importDevices(
        _ names: [String], into product: TestProduct, at gateway: TestGateway
    ) async throws -> [TestDevice] {
        let devices = names.map { name in
            guard let secret = Secret(Base64.encoded(Array("secret-of-\(name)".utf8))) else {
                preconditionFailure("Base64 is a secret")
            }
            return TestDevice(identity: product.identity(name), secret: secret)
        }
        let keys = gateway.gateway.secretKeys
        try await gateway.submit(
            .imports(.atOnce(product.key, try devices.map { try $0.row(with: keys) })))
        return devices
    }

    private static func accept(_ proofs: [ProofKind], of product: TestProduct) -> Action {
        .products(.setDialect(product.key, Dialect(topics: nil, proofs: ProofKinds(proofs))))
    }

    /// Of four devices two lose their proof, one is of another product, and one proves itself otherwise.
    fileprivate static func proofTaken(
        _ kind: ProofKind, _ gateway: TestGateway
    ) async throws -> RaceStage {
        let other = kind == .tollgate ? ProofKind.plain : .tollgate
        // Of keys that a handshake proves there are fewer, and sessions are resumed.
        let count = kind == .psk ? attempts / 5 : attempts
        var products: [TestProduct] = []
        var devices: [[TestDevice]] = []
        for name in ["lamp", "fan"] {
            let product = try await gateway.createProduct(name, codes: UInt64(count))
            try await gateway.submit(accept([kind, other], of: product))
            try await gateway.submit(
                .products(.addTokenKey(product.key, try Tokens.key("k", of: product, gateway))))
            devices.append(
                try await importDevices((0..<count).map { "dk\($0)" }, into: product, at: gateway))
            products.append(product)
        }
        var racers: [Racer] = []
        for number in 0..<count {
            let group = number / lanes % 4
            let device = devices[group == 2 ? 1 : 0][number]
            var racer =
                if group == 3, kind == .alibabaSHA256 {
                    Racer(credentials: .signed(device, secureMode: 3), device: device.identity)
                } else {
                    try proving(device, by: group == 3 ? other : kind, gateway)
                }
            racer.isForbidden = group < 2
            racers.append(racer)
        }
        let refusal: Reason =
            switch kind {
            case .alibabaSHA256, .alibabaSHA1, .alibabaMD5: .clientIdentifierNotValid
            case .psk: .preSharedKeyNotAccepted
            case .tollgate, .azureSAS, .plain, .jwt: .badCredentials
            }
        return RaceStage(
            port: kind == .alibabaSHA256 ? gateway.plainPort : gateway.tlsPort, racers: racers,
            actions: [accept([other], of: products[0])], refusals: [refusal], ending: nil)
    }

    /// A device that proves itself so; by Tollgate's own: with its secret, over TLS.
    private static func proving(
        _ device: TestDevice, by kind: ProofKind, _ gateway: TestGateway
    ) throws -> Racer {
        let context = gateway.certificates.clientContext
        let identity = device.identity
        let name = "\(identity.product).\(identity.device)"
        var racer = Racer(credentials: .secret(device), device: identity, context: context)
        switch kind {
        case .tollgate: break
        case .alibabaSHA256, .alibabaSHA1, .alibabaMD5:
            racer.context = nil
            racer.credentials = TestCredentials(
                clientID: "any|securemode=3,signmethod=hmacsha256,timestamp=9|",
                userName: "\(identity.device)&\(identity.product)",
                password: TestCredentials.code(
                    "clientIdanydeviceName\(identity.device)productKey\(identity.product)timestamp9",
                    key: device.secret.text))
        case .azureSAS: racer.credentials = Tokens.azure(device)
        case .plain:
            racer.credentials = TestCredentials(
                clientID: "any", userName: name, password: device.secret.text)
        case .jwt: racer.credentials = Tokens.web(identity, "k")
        case .psk:
            racer.credentials = .anonymous("any")
            racer.context = try PreSharedKeys.context(name, Array(device.secret.text.utf8))
            racer.isProvedByTLS = true
        }
        return racer
    }

    fileprivate static func tokenKeyRemoval(_ gateway: TestGateway) async throws -> RaceStage {
        let product = try await gateway.createProduct(codes: UInt64(attempts))
        let devices = try await gateway.importDevices(names, into: product)
        try await gateway.submit(accept([.jwt], of: product))
        for id in ["goes", "stays"] {
            try await gateway.submit(
                .products(.addTokenKey(product.key, try Tokens.key(id, of: product, gateway))))
        }
        let racers = devices.enumerated().map { number, device in
            let isForbidden = isInFirstHalf(number)
            return Racer(
                credentials: Tokens.web(device.identity, isForbidden ? "goes" : "stays"),
                device: device.identity, context: gateway.certificates.clientContext,
                isForbidden: isForbidden)
        }
        return RaceStage(
            port: gateway.tlsPort, racers: racers,
            actions: [.products(.removeTokenKey(product.key, Tokens.id("goes")))],
            refusals: [.badCredentials], ending: nil)
    }

    fileprivate static func preSharedKeyReset(_ gateway: TestGateway) async throws -> RaceStage {
        let names = (0..<attempts / 5).map { "dk\($0)" }
        let (_, devices) = try await PreSharedKeys.furnish(gateway, names)
        func racer(_ device: TestDevice) throws -> Racer {
            Racer(
                credentials: .anonymous("any"), device: device.identity,
                context: try PreSharedKeys.context(
                    "\(device.identity)", PreSharedKeys.bytes(device.secret.text)),
                isProvedByTLS: true)
        }
        var racers = try devices.map(racer)
        for number in racers.indices { racers[number].isForbidden = isInFirstHalf(number) }
        let (renewed, actions) = try reset(devices, at: gateway)
        return RaceStage(
            port: gateway.tlsPort, racers: racers, newcomers: try renewed.map(racer),
            actions: actions, refusals: [.badCredentials], ending: .kicked,
            refusesInHandshake: true)
    }

    private typealias PreSharedKeys = WholeGateway.PreSharedKeyTests
}

// Certificates.
extension RaceStage {
    /// Two accounts' authorities, and certificates of each for 16 devices, with serial numbers from 1 on: those of `lamp`, and
    /// behind them those of `fan`.
    private struct Certificates: Sendable {
        let lamps: TestAuthority
        let fans: TestAuthority
        let contexts: [TLSContext]

        static let countOfEach = 16
        static let shared = Result { try Certificates() }

        private init() throws {
            lamps = try TestAuthority(name: "CA")
            fans = try TestAuthority(name: "CA")
            var contexts: [TLSContext] = []
            for (authority, product) in [(lamps, "lamp"), (fans, "fan")] {
                for number in 0..<Self.countOfEach {
                    contexts.append(
                        try authority.client(
                            "\(product).d\(number)", serial: UInt8(number + 1)))
                }
            }
            self.contexts = contexts
        }
    }

    /// All with certificates, the first so many of them forbidden; and the authority of the first 16.
    private static func certified(
        _ gateway: TestGateway, forbidden: Int
    ) async throws -> (racers: [Racer], authority: TestAuthority, id: AuthorityID) {
        let certificates = try Certificates.shared.get()
        let lamp = try await gateway.createProduct("lamp", codes: 16)
        let fan = try await gateway.createProduct("fan", codes: 16)
        var racers: [Racer] = []
        for product in [lamp, fan] {
            for number in 0..<Certificates.countOfEach {
                let device = try await gateway.importUnregistered("d\(number)", into: product)
                racers.append(
                    Racer(
                        credentials: .anonymous("any"), device: device,
                        context: certificates.contexts[racers.count], isProvedByTLS: true,
                        isForbidden: racers.count < forbidden))
            }
        }
        let id = try await gateway.register(certificates.lamps, of: lamp.account)
        _ = try await gateway.register(certificates.fans, of: fan.account)
        return (racers, certificates.lamps, id)
    }

    fileprivate static func authority(
        _ gateway: TestGateway, isRemoved: Bool
    ) async throws -> RaceStage {
        let (racers, _, id) = try await certified(gateway, forbidden: Certificates.countOfEach)
        return RaceStage(
            port: gateway.tlsPort, racers: racers,
            actions: [.authorities(isRemoved ? .remove(id) : .setOn(id, false))],
            // A certificate of an authority that has gone is as good as none, but in a session that is resumed.
            refusals: [.authorityNotActive] + (isRemoved ? [.badCredentials] : []),
            ending: .authorityNotActive)
    }

    fileprivate static func revocations(_ gateway: TestGateway) async throws -> RaceStage {
        let (racers, authority, id) = try await certified(gateway, forbidden: lanes)
        let list = try authority.revocations((1...UInt8(lanes)).map { $0 }, number: 1)
        return RaceStage(
            port: gateway.tlsPort, racers: racers, actions: [.authorities(.revoke(id, list))],
            refusals: [.certificateRevoked], ending: .certificateRevoked)
    }

    /// Each is pinned to its certificate, and then some to that of their neighbour.
    fileprivate static func pins(_ gateway: TestGateway) async throws -> RaceStage {
        let (racers, _, id) = try await certified(gateway, forbidden: lanes)
        try await gateway.submit(.authorities(.setPinning(id, .firstUse)))
        let own = racers.prefix(Certificates.countOfEach).compactMap(\.device)
        for (racer, device) in zip(racers, own) {
            guard let context = racer.context else { continue }
            let (client, answer) = try gateway.connect(showing: context)
            guard answer.code == 0 else { throw TestRefusal(connack: answer) }
            try client.leave()
            try await until { await gateway.gateway.connection(of: device) == nil }
        }
        let pins = try gateway.gateway.ledger.read {
            books, transaction throws(StoreError) -> [[CertificateFingerprint]] in
            var pins: [[CertificateFingerprint]] = []
            for device in own { pins.append(try books.pins(of: device, in: transaction)) }
            return pins
        }
        return RaceStage(
            port: gateway.tlsPort, racers: racers,
            actions: (0..<lanes).map { .devices(.setPins(own[$0], pins[$0 + lanes])) },
            refusals: [.certificateNotPinned], ending: .certificateNotPinned)
    }
}

/// Tokens that devices send as their passwords.
private enum Tokens {
    private static let secret = "0123456789abcdef0123456789abcdef"

    static func id(_ text: String) -> TokenKeyID {
        guard let id = TokenKeyID(text) else { preconditionFailure("'\(text)' names no key") }
        return id
    }

    /// A product's key of that name.
    static func key(
        _ text: String, of product: TestProduct, _ gateway: TestGateway
    ) throws -> TokenKey {
        let key = try GivenTokenKey.hs256(Array(secret.utf8)).sealed(
            as: id(text), of: product.key, audience: nil, with: gateway.gateway.secretKeys)
        guard let key else { preconditionFailure("a key of that length can be sealed") }
        return key
    }

    private static var end: Int64 { Timestamp.now().milliseconds / 1_000 + 600 }

    private static func code(_ text: String, _ key: [UInt8]) -> [UInt8] {
        var code = HMACSHA256(key: key.span)
        code.update(text.utf8Span.span)
        let digest = code.finalize()
        return (0..<SHA256Digest.length).map { digest.span[$0] }
    }

    /// A JSON Web Token by the key of that name.
    static func web(_ device: DeviceIdentity, _ id: String) -> TestCredentials {
        let header = "{\"alg\":\"HS256\",\"kid\":\"\(id)\"}"
        let claims = "{\"sub\":\"\(device)\",\"aud\":\"\(device.product)\",\"exp\":\(end)}"
        let signed =
            Base64URL.encoded(Array(header.utf8)) + "." + Base64URL.encoded(Array(claims.utf8))
        return TestCredentials(
            clientID: "any", userName: "\(device)",
            password: signed + "." + Base64URL.encoded(code(signed, Array(secret.utf8))))
    }

    /// A SAS token of Azure's, of a device whose secret is Base64.
    static func azure(_ device: TestDevice) -> TestCredentials {
        let hub = "\(device.identity.product).azure-devices.net"
        let resource = "\(hub)%2Fdevices%2F\(device.identity.device)"
        let end = end
        let key = Base64.decoded(device.secret.text.utf8Span.span) ?? []
        let signature = Base64.encoded(code("\(resource)\n\(end)", key))
        return TestCredentials(
            clientID: "\(device.identity.device)",
            userName: "\(hub)/\(device.identity.device)/?api-version=2019-10-01",
            password: "SharedAccessSignature sr=\(resource)&sig=\(signature)&se=\(end)")
    }
}
