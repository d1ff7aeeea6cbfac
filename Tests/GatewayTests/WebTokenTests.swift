import Bytes
import Cryptography
import Ledger
import Linux
import MQTT
import Testing
import Time

@testable import Gateway

/// JSON Web Tokens as devices' passwords: what they have to say, and who has to have said it.
@Suite struct WebTokenTests {
    private static let product = ProductKey("lamp")!
    private static let device = DeviceIdentity(product: product, device: DeviceKey("d1")!)
    private let keys = SecretKeys()

    // Made by PyJWT 2.15.1 at noon of the bench, for an hour, with the keys of RFC 7515, A.3 and A.1, and RFC 8037, A.1.
    private static let ofP256 =
        "eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIiwidHlwIjoiSldUIn0"
        + ".eyJzdWIiOiJsYW1wLmQxIiwiYXVkIjoibGFtcCIsImlhdCI6MTcyODA0MzIwMCwiZXhwIjoxNzI4MDQ2ODAwfQ"
        + ".YgP6xSwccG-1uFI0fBrPTs-RJX66PvmKd2_pLg7n3wDt4kY12P8DbAhdjrmOz8c3oSDSc8bbEBoKHHcTH9BJ9A"
    private static let ofEdwards =
        "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIiwidHlwIjoiSldUIn0"
        + ".eyJzdWIiOiJsYW1wLmQxIiwiYXVkIjoibGFtcCIsImlhdCI6MTcyODA0MzIwMCwiZXhwIjoxNzI4MDQ2ODAwfQ"
        + ".s3JhAKPA_WHpzMe0qAk8jJjRi-Decn6h4M9q8BbT2dVcxGCJaDpQgypoq3RrdD4lUPrdUsgkAJrR32ybILWbCw"
    private static let ofSecret =
        "eyJhbGciOiJIUzI1NiIsImtpZCI6ImhzIiwidHlwIjoiSldUIn0"
        + ".eyJzdWIiOiJsYW1wLmQxIiwiYXVkIjoibGFtcCIsImlhdCI6MTcyODA0MzIwMCwiZXhwIjoxNzI4MDQ2ODAwfQ"
        + ".KOQeRPJ0SVRlYiJxvDMCH4veWZ3unWiCZjUnq4iQ2qM"

    // And their public keys and secret.
    private static let p256 =
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        + "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
    private static let edwards =
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"use\":\"sig\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
    private static let k =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
    private static let secret = "{\"kty\":\"oct\",\"k\":\"\(k)\"}"

    private static let now = OrganBench.noon.milliseconds / 1_000

    // MARK: The bench

    private func carryOut(_ action: Action, _ bench: borrowing OrganBench) throws {
        let command = Command(at: OrganBench.noon, actor: "test", action: action)
        let outcome = try bench.context.commons.ledger.carryOut(command)
        try #require(outcome.effect != nil, "\(outcome)")
    }

    private func add(
        _ id: String, _ text: String, audience: String? = nil, _ bench: borrowing OrganBench
    ) throws {
        let key = try GivenTokenKey(text)
            .sealed(as: TokenKeyID(id)!, of: Self.product, audience: audience, with: keys)
        try carryOut(.products(.addTokenKey(Self.product, try #require(key))), bench)
    }

    /// Books with a product that accepts tokens, and its device `d1`, which has no secret.
    private func bench() throws -> OrganBench {
        let bench = try OrganBench()
        let account = AccountID("a")!
        let package = PackageID("p")!
        let allowance = Allowance(
            validityDays: 365, messagesPerDay: nil, otaPerMonth: 1, storageDays: 7)!
        let product = NewProduct(
            key: Self.product, name: "lamp", account: account, package: package,
            secret: try keys.seal(Secret("product-secret-lamp")!, for: Self.product),
            registration: .imported, dayOffset: .utc)
        for action: Action in [
            .accounts(.create(NewAccount(id: account, name: "a", kind: .enterprise))),
            .packages(.create(package, name: "p", allowance)), .products(.create(product)),
            .imports(
                .atOnce(Self.product, [DeviceImport(device: DeviceKey("d1")!, secret: nil)])),
            .products(
                .setDialect(
                    Self.product,
                    Dialect(topics: nil, proofs: ProofKinds([ProofKind.jwt, .plain])))),
        ] {
            try carryOut(action, bench)
        }
        return bench
    }

    private func door() throws -> Door {
        Door(
            secrets: try keys.sealer(),
            displacements: DisplacementGuard(limit: 1, penaltyMilliseconds: 60_000),
            timestampWindowMilliseconds: 0)
    }

    /// What the door says of a device that comes with that password.
    private func verdict(
        _ password: String, _ door: inout Door, _ bench: inout OrganBench,
        user: String = "lamp.d1", at seconds: Int64 = now
    ) throws -> String {
        var packet = ByteBuffer()
        Connect.encode(
            clientID: "any".utf8Span.span, keepAliveSeconds: 60, userName: user.utf8Span.span,
            password: password.utf8Span.span, version: .v5, into: &packet)
        guard
            case .packet(_, let header, let length) = try Framing.next(
                in: packet.span, maximumPacketSize: 100_000)
        else { return "no packet" }
        let connect = try Connect(decoding: packet.span.extracting(header..<length))
        let claim = Claim.read(
            userName: connect.userName, clientID: connect.clientID, password: connect.password,
            isEncrypted: true)
        guard case .success(.device(let identity, let credential)) = claim else {
            return "\(claim)"
        }
        let start = MonotonicInstant(nanoseconds: 0)
        let time = ShardTime(wall: Timestamp(seconds: seconds), monotonic: start, since: start)
        let verdict = try door.verdict(
            on: identity, credential, connect, in: &bench.context.books, at: time)
        switch verdict {
        case .refuse(let reason): return reason.name
        case .register: return "register"
        case .decided(_, _, _, _, let confirmed, _, _):
            return confirmed == nil ? "in" : "confirms"
        }
    }

    /// A token of the secret, with that header and those claims.
    private func token(
        _ claims: String, header: String = "{\"alg\":\"HS256\",\"kid\":\"hs\"}", k: String = k
    ) -> String {
        let signed =
            Base64URL.encoded(Array(header.utf8)) + "." + Base64URL.encoded(Array(claims.utf8))
        let key = Base64URL.decoded(k) ?? []
        var code = HMACSHA256(key: key.span)
        code.update(signed.utf8Span.span)
        return signed + "." + Base64URL.encoded(code.finalize().span.bytesArray)
    }

    private func claims(
        sub: String = "\"lamp.d1\"", aud: String = "\"lamp\"", exp: Int64 = now + 600,
        _ more: String = ""
    ) -> String {
        "{\"sub\":\(sub),\"aud\":\(aud),\"exp\":\(exp)\(more)}"
    }

    // MARK: Signatures

    @Test("tokens that PyJWT made let their device in, by each of the algorithms")
    func vendors() throws {
        var bench = try bench()
        var door = try door()
        try add("ec", Self.p256, bench)
        try add("ed", Self.edwards, bench)
        try add("hs", Self.secret, bench)
        for token in [Self.ofP256, Self.ofEdwards, Self.ofSecret] {
            for user in ["lamp.d1", "lamp/d1"] {
                #expect(try verdict(token, &door, &bench, user: user) == "in")
            }
            // Another device's, another product's, and with one digit of the signature changed.
            #expect(try verdict(token, &door, &bench, user: "lamp.d2") == "bad-credentials")
            #expect(try verdict(token, &door, &bench, user: "fan.d1") == "bad-credentials")
            for place in [0, 20, 45, 100, 150] {
                var changed = Array(token.utf8)
                changed[place] = changed[place] == 0x41 ? 0x42 : 0x41
                let text = String(decoding: changed, as: UTF8.self)
                #expect(try verdict(text, &door, &bench) == "bad-credentials", "\(place)")
            }
            #expect(try verdict(token, &door, &bench) == "in")
        }
    }

    @Test("a key takes tokens of its own algorithm only: none of `none`, none of another's name")
    func confusion() throws {
        var bench = try bench()
        var door = try door()
        try add("ec", Self.p256, bench)
        try add("hs", Self.secret, bench)
        // The public key, as text and as bytes, for the secret of HS256.
        let point = Base64URL.decoded("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")!
        for k in [Base64URL.encoded(Array(Self.p256.utf8)), Base64URL.encoded(point), Self.k] {
            for algorithm in ["HS256", "ES256"] {
                let forged = token(
                    claims(), header: "{\"alg\":\"\(algorithm)\",\"kid\":\"ec\"}", k: k)
                #expect(try verdict(forged, &door, &bench) == "bad-credentials")
            }
        }
        for algorithm in ["none", "None", "HS384", "RS256", "ES256", "EdDSA", "hs256", ""] {
            let text = token(claims(), header: "{\"alg\":\"\(algorithm)\",\"kid\":\"hs\"}")
            #expect(try verdict(text, &door, &bench) == "bad-credentials", "\(algorithm)")
            let bare = text[...text.lastIndex(of: ".")!]
            #expect(try verdict(String(bare), &door, &bench) == "bad-credentials")
        }
        #expect(try verdict(token(claims()), &door, &bench) == "in")
    }

    @Test(
        "a header that is not understood is refused",
        arguments: [
            "{}", "[]", "", "{\"alg\":\"HS256\",\"kid\":7}", "{\"alg\":\"HS256\",\"kid\":\"a b\"}",
            "{\"alg\":\"HS256\",\"kid\":\"other\"}", "{\"alg\":[\"HS256\"],\"kid\":\"hs\"}",
            "{\"alg\":\"HS256\",\"kid\":\"hs\",\"crit\":[\"exp\"]}",
            "{\"alg\":\"none\",\"alg\":\"HS256\",\"kid\":\"hs\"}",
            "{\"alg\":\"HS256\",\"kid\":\"hs\"} x", "{\"alg\":\"HS256\",\"kid\":\"hs\",}",
        ])
    func headers(_ header: String) throws {
        var bench = try bench()
        var door = try door()
        try add("hs", Self.secret, bench)
        #expect(
            try verdict(token(claims(), header: header), &door, &bench) == "bad-credentials")
        #expect(try verdict(token(claims()), &door, &bench) == "in")
    }

    @Test("a token without `kid` is of the product's only key, and of none when it has two")
    func unnamed() throws {
        var bench = try bench()
        var door = try door()
        let text = token(claims(), header: "{\"alg\":\"HS256\"}")
        #expect(try verdict(text, &door, &bench) == "bad-credentials")
        try add("one", Self.secret, bench)
        #expect(try verdict(text, &door, &bench) == "in")
        try add("two", Self.edwards, bench)
        #expect(try verdict(text, &door, &bench) == "bad-credentials")
    }

    @Test(
        "a key that is removed, or is another one under the same name, opens nothing from then on")
    func rotation() throws {
        var bench = try bench()
        var door = try door()
        try add("ec", Self.p256, bench)
        #expect(try verdict(Self.ofP256, &door, &bench) == "in")
        try carryOut(.products(.removeTokenKey(Self.product, TokenKeyID("ec")!)), bench)
        #expect(try verdict(Self.ofP256, &door, &bench) == "bad-credentials")
        try add("ec", Self.edwards, bench)
        #expect(try verdict(Self.ofP256, &door, &bench) == "bad-credentials")
        try carryOut(.products(.removeTokenKey(Self.product, TokenKeyID("ec")!)), bench)
        try add("ec", Self.p256, bench)
        #expect(try verdict(Self.ofP256, &door, &bench) == "in")
    }

    // MARK: Claims

    @Test("a token names its device and the product's audience")
    func names() throws {
        var bench = try bench()
        var door = try door()
        try add("hs", Self.secret, bench)
        try add("au", Self.secret, audience: "project-7", bench)
        let named = "{\"alg\":\"HS256\",\"kid\":\"au\"}"
        for right in [
            claims(), claims(sub: "\"lamp/d1\""), claims(aud: "[\"x\",\"lamp\"]"),
            claims(",\"more\":{\"a\":[1,true,null,\"\\u00e9\"]}"),
        ] {
            #expect(try verdict(token(right), &door, &bench) == "in", "\(right)")
        }
        #expect(
            try verdict(token(claims(aud: "\"project-7\""), header: named), &door, &bench) == "in")
        #expect(
            try verdict(token(claims(), header: named), &door, &bench) == "bad-credentials")
        for wrong in [
            claims(sub: "\"d1\""), claims(sub: "\"lamp.d2\""), claims(sub: "\"fan.d1\""),
            claims(sub: "7"), claims(sub: "[\"lamp.d1\"]"), claims(aud: "\"Lamp\""),
            claims(aud: "[]"), claims(aud: "[[\"lamp\"]]"), claims(aud: "[\"lamp\",7]"),
            claims(aud: "{\"lamp\":1}"), claims(aud: "null"),
            "{\"aud\":\"lamp\",\"exp\":\(Self.now + 600)}",
            "{\"sub\":\"lamp.d1\",\"exp\":\(Self.now + 600)}",
            "{\"sub\":\"lamp.d1\",\"aud\":\"lamp\"}", "[]", "",
            claims(",\"sub\":\"lamp.d1\""), claims(",\"nbf\":\"1\""), claims(",\"iat\":null"),
            claims(
                ",\"deep\":" + String(repeating: "[", count: 9) + String(repeating: "]", count: 9)),
            claims(",\"x\":01"), claims(",\"x\":1."), claims(",\"x\":\"\u{1}\""),
            claims(",\"x\":\"\\ud800\""), claims(",\"x\":tru"),
        ] {
            #expect(try verdict(token(wrong), &door, &bench) == "bad-credentials", "\(wrong)")
        }
        let long = claims(",\"x\":\"" + String(repeating: "x", count: 4_000) + "\"")
        #expect(try verdict(token(long), &door, &bench) == "bad-credentials")
    }

    @Test("a token is good from nbf until exp, a minute either side, and for a day at most")
    func times() throws {
        var bench = try bench()
        var door = try door()
        try add("hs", Self.secret, bench)
        func said(_ exp: Int64, nbf: Int64? = nil, iat: Int64? = nil) throws -> String {
            let more =
                (nbf.map { ",\"nbf\":\(Self.now + $0)" } ?? "")
                + (iat.map { ",\"iat\":\(Self.now + $0)" } ?? "")
            return try verdict(token(claims(exp: Self.now + exp, more)), &door, &bench)
        }
        #expect(try said(-59) == "in" && said(-60) == "token-untimely")
        #expect(try said(86_460) == "in" && said(86_461) == "token-untimely")
        #expect(try said(600, nbf: 60) == "in" && said(600, nbf: 61) == "token-untimely")
        #expect(try said(600, iat: 60) == "in" && said(600, iat: 61) == "token-untimely")
        #expect(try said(600, iat: 600 - 86_400) == "in")
        #expect(try said(600, iat: 599 - 86_400) == "token-untimely")
        let broken = claims(exp: Self.now).replacing("\(Self.now)", with: "\(Self.now + 1).75")
        #expect(try verdict(token(broken), &door, &bench) == "in")
        for exp in ["1e300", "-1", "1e12", "\"1\"", "true"] {
            let text = "{\"sub\":\"lamp.d1\",\"aud\":\"lamp\",\"exp\":\(exp)}"
            #expect(try verdict(token(text), &door, &bench) == "bad-credentials", "\(exp)")
        }
        // A wrong signature is never told from a wrong time.
        let old = token(claims(exp: Self.now - 900), k: Base64URL.encoded([1]))
        #expect(try verdict(old, &door, &bench) == "bad-credentials")
    }

    @Test("where `jwt` is not accepted, and of a product without keys, a token proves nothing")
    func notAccepted() throws {
        var bench = try bench()
        var door = try door()
        #expect(try verdict(token(claims()), &door, &bench) == "bad-credentials")
        try add("hs", Self.secret, bench)
        #expect(try verdict(token(claims()), &door, &bench) == "in")
        let dialect = Dialect(topics: nil, proofs: ProofKinds([ProofKind.plain, .azureSAS]))
        try carryOut(.products(.setDialect(Self.product, dialect)), bench)
        #expect(try verdict(token(claims()), &door, &bench) == "bad-credentials")
    }

    @Test("a password is taken for a token when it is longer than any secret, and has two dots")
    func shape() {
        let secret = String(repeating: "a.", count: 2) + String(repeating: "b", count: 60)
        for (password, expected) in [(secret, false), (secret + "c", true), (secret + ".c", false)]
        {
            let isShaped = WebToken.isShaped(password.utf8Span.span)
            #expect(isShaped == expected, "\(password)")
        }
        for user in ["lamp.d1", "lamp/d1"] {
            let plain = Claim.read(
                userName: user.utf8Span.span, clientID: "x".utf8Span.span,
                password: Self.ofP256.utf8Span.span, isEncrypted: false)
            guard case .failure(.notAllowedOnListener) = plain else {
                Issue.record("a token without TLS: \(plain)")
                continue
            }
        }
    }

    @Test("keys as they are given: PEM, and JSON Web Keys of three kinds; no private ones")
    func given() {
        func fault(_ text: String) -> GivenTokenKey.Fault? {
            do throws(GivenTokenKey.Fault) {
                _ = try GivenTokenKey(text)
                return nil
            } catch {
                return error
            }
        }
        for text in [Self.p256, Self.edwards, Self.secret, "\n " + Self.p256] {
            #expect(fault(text) == nil, "\(text)")
        }
        let cases: [(String, GivenTokenKey.Fault)] = [
            ("", .form), ("x", .form), ("{", .form), ("{}", .kind), ("{\"kty\":\"RSA\"}", .kind),
            (Self.p256.replacing("P-256", with: "P-384"), .kind),
            (Self.edwards.replacing("Ed25519", with: "X25519"), .kind),
            (Self.edwards.replacing("}", with: ",\"d\":\"AA\"}"), .privateKey),
            (Self.p256.replacing("}", with: ",\"d\":\"AA\"}"), .privateKey),
            ("-----BEGIN EC PRIVATE KEY-----\n", .privateKey),
            ("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n", .kind),
            (Self.p256.replacing("f83", with: "f84"), .member("x, y")),
            (Self.edwards.replacing("\"EdDSA\"", with: "\"ES256\""), .member("alg")),
            (Self.edwards.replacing("11qY", with: "11q"), .member("x")),
            ("{\"kty\":\"oct\",\"k\":\"AAAA\"}", .secretLength),
            ("{\"kty\":\"oct\",\"k\":\"\(Self.k)AA\"}", .secretLength),
            ("{\"kty\":\"oct\",\"kty\":\"oct\",\"k\":\"\(Self.k)\"}", .form),
            (Self.p256 + String(repeating: " ", count: 2_048), .form),
        ]
        for (text, expected) in cases { #expect(fault(text) == expected, "\(text)") }
    }
}
