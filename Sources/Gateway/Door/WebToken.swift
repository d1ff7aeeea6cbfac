import Bytes
import Cryptography
package import Ledger
package import Time

/// A JSON Web Token (RFC 7519) as a device sends it for its password, in the compact form (RFC 7515, 7.1): header, claims
/// and signature in Base64 for URLs, with dots between. Borrowed from the CONNECT.
package struct WebToken: ~Escapable {
    /// Header and claims with their dot: what is signed.
    package let signed: Span<UInt8>
    private let header: Span<UInt8>
    private let claims: Span<UInt8>
    private let signature: Span<UInt8>

    /// The most bytes of one: three times what tokens with these claims have.
    static let maximumLength = 4_096

    /// Whether a password is taken for a token: it is longer than any secret, and has two dots.
    static func isShaped(_ password: Span<UInt8>) -> Bool {
        guard password.count > Secret.maximumLength else { return false }
        var dots = 0
        for index in password.indices where password[index] == UInt8(ascii: ".") { dots += 1 }
        return dots == 2
    }

    /// `nil` for what has not three parts, or is too long.
    @_lifetime(copy password)
    package init?(_ password: Span<UInt8>) {
        guard password.count <= Self.maximumLength,
            let first = password.firstIndex(of: UInt8(ascii: "."))
        else { return nil }
        let rest = password.extracting(first + 1..<password.count)
        guard let length = rest.firstIndex(of: UInt8(ascii: ".")) else { return nil }
        let second = first + 1 + length
        header = password.extracting(0..<first)
        claims = password.extracting(first + 1..<second)
        signature = password.extracting(second + 1..<password.count)
        signed = password.extracting(0..<second)
    }

    /// What the header says of the signature; `nil` for an algorithm that is none of ours, and for a header that is not
    /// understood: one with `crit` among them (RFC 7515, 4.1.11).
    package func signing() -> (algorithm: TokenAlgorithm, key: TokenKeyID?)? {
        guard let object = Base64URL.decoded(header).flatMap(TokenObject.init),
            let algorithm = object.text("alg").flatMap(TokenAlgorithm.init(named:)),
            object.members["crit"] == nil
        else { return nil }
        guard object.members["kid"] != nil else { return (algorithm, nil) }
        guard let key = object.text("kid").flatMap({ TokenKeyID($0) }) else { return nil }
        return (algorithm, key)
    }

    /// The signature's bytes; `nil` for another alphabet.
    package func signatureBytes() -> [UInt8]? { Base64URL.decoded(signature) }

    /// What it says; `nil` for what can't be understood. Nothing is proved of it before the signature is.
    package func content() -> TokenClaims? {
        Base64URL.decoded(claims).flatMap(TokenObject.init).flatMap(TokenClaims.init)
    }
}

/// What a token says (RFC 7519, 4.1), as far as a device's has to say it; other claims are passed over.
package struct TokenClaims {
    private let subject: DeviceIdentity
    private let audiences: [String]

    // In seconds of Unix time.
    private let expires: Double
    private let notBefore: Double?
    private let issued: Double?

    /// How far the clocks of the issuer and the gateway may be apart.
    static let toleranceSeconds: Double = 60

    /// The longest time that a token is good for.
    static let lifetimeMaximumSeconds: Double = 86_400

    /// `nil` when a claim is missing that a device's token has, or one is not of its kind: `sub` is `{PK}.{DK}` or
    /// `{PK}/{DK}`, `aud` a text or a list of texts, times are numbers.
    init?(_ object: TokenObject) {
        guard
            let subject = object.text("sub").flatMap({
                DeviceIdentity(plainUserName: $0.utf8Span.span)
            })
        else { return nil }
        switch object.members["aud"] {
        case .text(let audience): audiences = [audience]
        case .texts(let list): audiences = list
        case .number, .other, nil: return nil
        }
        guard let expires = Self.time("exp", of: object),
            object.members["nbf"] == nil || Self.time("nbf", of: object) != nil,
            object.members["iat"] == nil || Self.time("iat", of: object) != nil
        else { return nil }
        self.subject = subject
        self.expires = expires
        notBefore = Self.time("nbf", of: object)
        issued = Self.time("iat", of: object)
    }

    private static func time(_ name: String, of object: TokenObject) -> Double? {
        guard case .number(let seconds)? = object.members[name], (0..<1e12).contains(seconds)
        else { return nil }
        return seconds
    }

    /// Whether it is about that device, and meant for who expects that audience.
    package func isAbout(_ identity: DeviceIdentity, for audience: String) -> Bool {
        // By bytes: equal strings may differ in them.
        subject == identity
            && audiences.contains { $0.utf8.elementsEqual(audience.utf8) }
    }

    /// Whether it is good at that time, and not for longer than a token may be.
    package func isTimely(at time: Timestamp) -> Bool {
        let now = Double(time.milliseconds) / 1_000
        let tolerance = Self.toleranceSeconds
        guard now < expires + tolerance,
            expires <= now + Self.lifetimeMaximumSeconds + tolerance,
            notBefore ?? 0 <= now + tolerance
        else { return false }
        guard let issued else { return true }
        return issued <= now + tolerance && expires - issued <= Self.lifetimeMaximumSeconds
    }
}

/// What a token proves.
enum TokenVerdict {
    case right

    /// Its signature is right, and it is about the device, but at another time than now.
    case untimely
    case wrong
}

extension TokenAlgorithm {
    /// Of the name in a token's header; `nil` for `none` and all that is not offered.
    init?(named name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}
