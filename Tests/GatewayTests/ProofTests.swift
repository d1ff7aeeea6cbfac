import Bytes
import Cryptography
import Ledger
import Testing

@testable import Gateway

/// The expected codes are Python's: `hmac.new(secret, message, hashlib.sha256).hexdigest()`.
@Suite struct ProofTests {
    private let device = DeviceIdentity(product: ProductKey("pk1")!, device: DeviceKey("dev-1")!)

    private func isSignature(
        _ password: String,
        timestamp: String = "",
        secret: String = "secret0123",
        of another: String? = nil
    ) -> Bool {
        let identity =
            another.map { DeviceIdentity(product: device.product, device: DeviceKey($0)!) }
            ?? device
        return Proof.isSignature(
            password.utf8Span.span, of: identity, timestamp: timestamp.utf8Span.span,
            secret: secret.utf8Span.span)
    }

    /// Over `clientIdpk1.dev-1deviceNamedev-1productKeypk1`.
    private let plain = "32328fe629b95baad0be9adc7ccbc0b5b5e2db9945b101bfd1c46fb5474be15c"

    /// The same, and `timestamp1763712000000`.
    private let stamped = "bd4bdd55c093affee92e2acf6310b67087059871381045443d946c1c367bd9a4"

    @Test("Wire: a signature is over client id, device name and product key, and the timestamp")
    func signature() {
        #expect(isSignature(plain))
        #expect(isSignature(plain.uppercased()))
        #expect(isSignature(stamped, timestamp: "1763712000000"))
    }

    @Test("Wire: a signature of anything else, or with another key, proves nothing")
    func wrongSignature() {
        #expect(!isSignature(plain, timestamp: "1763712000000"))
        #expect(!isSignature(stamped))
        #expect(!isSignature(stamped, timestamp: "1763712000001"))
        #expect(!isSignature(plain, secret: "secret0124"))
        #expect(!isSignature(plain, of: "dev-2"))
        for wrong in [
            "", "x", String(plain.dropLast()), plain + "0", plain.replacing("3", with: "4"),
        ] {
            #expect(!isSignature(wrong), "\(wrong)")
        }
    }

    @Test("Wire: a registration is signed with the ProductSecret, over the random text too")
    func registration() {
        let password = "ea2f7ca24239f71580a7beb476dad281981286b01c197f1e56caea9ea1acb324"
        for (random, secret, isProved) in [
            ("42", "productsecret", true), ("43", "productsecret", false), ("42", "other", false),
        ] {
            let isRegistration = Proof.isRegistration(
                password.utf8Span.span, of: device, random: random.utf8Span.span,
                secret: secret.utf8Span.span)
            #expect(isRegistration == isProved)
        }
    }

    @Test("Wire: a secret proves itself, and a key's by its hash")
    func secret() {
        let secret = "opensesame"
        let hash = SecretHash(SHA256.hash(secret.utf8Span.span).span.bytesArray)!
        for (password, isRight) in [
            ("opensesame", true), ("opensesam", false), ("opensesamf", false), ("", false),
        ] {
            let isSecret = Proof.isSecret(password.utf8Span.span, secret.utf8Span.span)
            let isHashed = Proof.isSecret(password.utf8Span.span, hash: hash)
            #expect(isSecret == isRight && isHashed == isRight)
        }
    }
}
