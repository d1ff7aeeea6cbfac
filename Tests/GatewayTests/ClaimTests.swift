import Bytes
import Ledger
import Testing

@testable import Gateway

@Suite struct ClaimTests {
    private func read(_ userName: String?, _ clientID: String, isEncrypted: Bool) -> String {
        let identifier = clientID.utf8Span.span
        let result =
            if let userName {
                Claim.read(
                    userName: userName.utf8Span.span, clientID: identifier,
                    isEncrypted: isEncrypted)
            } else {
                Claim.read(userName: nil, clientID: identifier, isEncrypted: isEncrypted)
            }
        switch result {
        case .success(.device(let device, let proof)): return "\(device) \(proof)"
        case .success(.application(let key)): return "application \(key)"
        case .success(.anonymous): return "anonymous"
        case .failure(let reason): return reason.name
        }
    }

    private func value(_ clientID: String, _ name: StaticString) -> String? {
        guard let signed = SignedClientIdentifier(clientID.utf8Span.span),
            let value = signed.value(name)
        else { return nil }
        return value.text
    }

    @Test("Wire: the parameters of a signing device's client id, by their whole names, the first")
    func parameters() {
        let identifier = "pk1.dev-1|securemode=2,signmethod=hmacsha256,random=a=b,empty=,random=c|"
        #expect(value(identifier, "securemode") == "2")
        #expect(value(identifier, "signmethod") == "hmacsha256")
        #expect(value(identifier, "random") == "a=b")
        #expect(value(identifier, "empty") == "")
        #expect(value(identifier, "mode") == nil && value(identifier, "secure") == nil)
        #expect(value("pk1.dev-1||", "securemode") == nil)
    }

    @Test(
        "Wire: a client id without a parameter list between bars is not a signing one",
        arguments: ["", "|", "pk1.dev-1", "pk1.dev-1|", "pk1.dev-1|a=b", "a=b"]
    )
    func unsigned(clientID: String) {
        let isSigned = SignedClientIdentifier(clientID.utf8Span.span) != nil
        #expect(!isSigned)
    }

    @Test(
        "Wire: a device that signs, and one that registers",
        arguments: [
            ("securemode=2,signmethod=hmacsha256", true, "pk1.dev-1 signature"),
            ("securemode=3,signmethod=hmacsha256", false, "pk1.dev-1 signature"),
            ("timestamp=1,signmethod=hmacsha256,securemode=2", true, "pk1.dev-1 signature"),
            ("securemode=3,signmethod=hmacsha256", true, "not-allowed-on-listener"),
            ("securemode=2,signmethod=hmacsha256", false, "not-allowed-on-listener"),
            ("securemode=22,signmethod=hmacsha256", true, "not-allowed-on-listener"),
            (
                "securemode=2,signmethod=hmacmd5", true,
                "pk1.dev-1 alibaba(Gateway.SigningMethod.md5)"
            ),
            ("securemode=2,signmethod=hmacsha512", true, "client-identifier-not-valid"),
            ("securemode=2", true, "client-identifier-not-valid"),
            ("signmethod=hmacsha256", true, "client-identifier-not-valid"),
            ("", true, "client-identifier-not-valid"),
            (
                "securemode=2,authType=register,random=4,signmethod=hmacsha256", true,
                "pk1.dev-1 registration"
            ),
            (
                "securemode=3,authType=register,random=4,signmethod=hmacsha256", false,
                "not-allowed-on-listener"
            ),
            (
                "securemode=2,authType=register,signmethod=hmacsha256", true,
                "client-identifier-not-valid"
            ),
            (
                "securemode=2,authType=regnwl,random=4,signmethod=hmacsha256", true,
                "client-identifier-not-valid"
            ),
        ]
    )
    func signing(parameters: String, isEncrypted: Bool, expected: String) {
        let claim = read("dev-1&pk1", "pk1.dev-1|\(parameters)|", isEncrypted: isEncrypted)
        #expect(claim == expected)
    }

    @Test("Wire: the client id of a device that signs is its own")
    func anothersName() {
        for name in ["pk1.dev-2", "pk2.dev-1", "pk1-dev-1", "dev-1.pk1", "pk1.dev-1.", ""] {
            let claim = read(
                "dev-1&pk1", "\(name)|securemode=2,signmethod=hmacsha256|", isEncrypted: true)
            // Alibaba's devices have any: its product has to accept that.
            let expected =
                name.isEmpty
                ? "client-identifier-not-valid" : "pk1.dev-1 alibaba(Gateway.SigningMethod.sha256)"
            #expect(claim == expected, "\(name)")
        }
    }

    @Test("Wire: a secret is a password over TLS only, with any client id")
    func secret() {
        #expect(read("dev-1&pk1", "", isEncrypted: true) == "pk1.dev-1 secret")
        #expect(read("dev-1&pk1", "any|thing", isEncrypted: true) == "pk1.dev-1 secret")
        #expect(read("dev-1&pk1", "", isEncrypted: false) == "not-allowed-on-listener")
    }

    @Test(
        "Wire: user names",
        arguments: [
            ("app:console", "application console"), ("app:", "bad-credentials"),
            ("app:no/key", "bad-credentials"), ("dev-1", "bad-credentials"),
            ("&pk1", "bad-credentials"), ("dev-1&", "bad-credentials"),
            ("dev-1&pk-1", "bad-credentials"), ("dev 1&pk1", "bad-credentials"),
            ("dev-1&pk1&x", "bad-credentials"), ("pk1.dev-1", "pk1.dev-1 plainSecret"),
            ("pk1/a:b@c.d", "pk1.a:b@c.d plainSecret"), ("pk1.", "bad-credentials"),
            ("/dev-1", "bad-credentials"), ("pk1/dev/1", "bad-credentials"),
            ("pk1.azure-devices.net/dev-1/?api-version=2021-04-12", "pk1.dev-1 accessToken"),
            ("pk1/dev-1/?api-version=2021-04-12", "bad-credentials"),
            ("pk1.azure-devices.net/dev-1/mod/?api-version=2021-04-12", "bad-credentials"),
            ("pk1.azure-devices.net/dev-1", "bad-credentials"),
            ("a:b@c.d_e&PK1", "PK1.a:b@c.d_e secret"),
        ]
    )
    func userNames(userName: String, expected: String) {
        #expect(read(userName, "", isEncrypted: true) == expected)
    }

    @Test("Wire: without a user name nobody is named")
    func nobody() {
        #expect(read(nil, "pk1.dev-1", isEncrypted: true) == "bad-credentials")
    }
}
