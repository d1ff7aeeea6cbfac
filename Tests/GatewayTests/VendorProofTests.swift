import Bytes
import Ledger
import Testing
import Time

@testable import Gateway

/// Proofs as other platforms' own libraries made them: aliyun-iot-linkkit 1.2.13 and azure-iot-device 2.14.0, with their
/// clocks at 1763712000. The codes that linkkit does not make are Python's `hmac` over what it signs.
@Suite struct VendorProofTests {
    private let device = DeviceIdentity(product: ProductKey("pk1")!, device: DeviceKey("dev-1")!)

    private func isSignature(
        _ password: String, _ method: SigningMethod, named name: String = "pk1&dev-1",
        timestamp: String = "1763712000", secret: String = "secret0123", of other: String = "dev-1"
    ) -> Bool {
        let identity = DeviceIdentity(product: device.product, device: DeviceKey(other)!)
        return Proof.isSignature(
            password.utf8Span.span, of: identity, named: name.utf8Span.span,
            timestamp: timestamp.utf8Span.span, by: method, secret: secret.utf8Span.span)
    }

    @Test("Alibaba: a signature is its device's, of its client id, time, hash and secret only")
    func alibaba() {
        let codes: [(SigningMethod, String)] = [
            (.sha1, "0449286504cedfb67ef6b95233d96a73f16c1bd0"),
            (.md5, "a6c9fb8301fdad11e31e693f21273f0b"),
            (.sha256, "6f352c699ab5b0cac2c918b16dea1787017f222483a31180fa207634591a5d51"),
        ]
        for (method, code) in codes {
            #expect(isSignature(code, method), "\(method)")
            #expect(isSignature(code.uppercased(), method))
            #expect(!isSignature(code, method, named: "dev-1"))
            #expect(!isSignature(code, method, timestamp: "1763712001"))
            #expect(!isSignature(code, method, timestamp: ""))
            #expect(!isSignature(code, method, secret: "secret0124"))
            #expect(!isSignature(code, method, of: "dev-2"))
            #expect(!isSignature(String(code.dropLast()), method))
            #expect(!isSignature("", method))
            for (other, _) in codes where other != method { #expect(!isSignature(code, other)) }
        }
    }

    private let token =
        "SharedAccessSignature sr=pk1.azure-devices.net%2Fdevices%2Fdev-1"
        + "&sig=l7TqrYTbEToWm3VvKyyaqPuvB171ZAJoXeYd94tjTdo%3D&se=1763715600"

    private func isProof(
        _ token: String, of user: String = "pk1.azure-devices.net/dev-1/?api-version=2019-10-01",
        secret: String = "MDEyMzQ1Njc4OWFiY2RlZg==", at seconds: Int64 = 1_763_712_000
    ) -> Bool {
        guard let hub = HubUserName(user.utf8Span.span),
            let token = SharedAccessToken(token.utf8Span.span)
        else { return false }
        return token.isProof(
            for: hub, secret: secret.utf8Span.span, at: Timestamp(seconds: seconds))
    }

    @Test("Azure: a token is its device's, of its hub and secret, until it expires")
    func azure() {
        #expect(isProof(token))
        #expect(isProof(token, at: 1_763_715_599) && !isProof(token, at: 1_763_715_600))
        #expect(!isProof(token, of: "pk1.azure-devices.net/dev-2/?api-version=2019-10-01"))
        #expect(!isProof(token, of: "pk2.azure-devices.net/dev-1/?api-version=2019-10-01"))
        #expect(!isProof(token, of: "pk1.azure-devices.org/dev-1/?api-version=2019-10-01"))
        #expect(!isProof(token, secret: "MDEyMzQ1Njc4OWFiY2RlZw=="))
        #expect(!isProof(token, secret: "no Base64"))
        #expect(!isProof(token.replacing("se=1763715600", with: "se=1863715600")))
        #expect(!isProof(token.replacing("dev-1", with: "dev-2")))
        #expect(!isProof(token.replacing("l7Tq", with: "l7Tr")))
        #expect(!isProof("SharedAccessSignature sr=&sig=&se=") && !isProof("") && !isProof("x"))
    }

    @Test("Azure: the fields of a token come in any order, and others are passed over")
    func order() {
        let fields = token.dropFirst("SharedAccessSignature ".count).split(separator: "&")
        let turned = (["skn=device"] + fields.reversed()).joined(separator: "&")
        #expect(isProof("SharedAccessSignature \(turned)"))
        for field in fields {
            let rest = fields.filter { $0 != field }.joined(separator: "&")
            #expect(!isProof("SharedAccessSignature \(rest)"))
        }
    }
}
