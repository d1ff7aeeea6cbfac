import Bytes
import Ledger
import Linux
import MQTT
import TLS
import Testing
import Time

@testable import Gateway

/// The door's verdicts, from the books and the bytes of a CONNECT alone.
@Suite struct DoorTests {
    private let product = ProductKey("lamp")!
    private let secret = Secret("secret-of-d1")!
    private let keys = SecretKeys()

    private func device(_ name: String) -> DeviceIdentity {
        DeviceIdentity(product: product, device: DeviceKey(name)!)
    }

    private func door(displacements: Int = 1) throws -> Door {
        Door(
            secrets: try keys.sealer(),
            displacements: DisplacementGuard(
                limit: displacements, penaltyMilliseconds: 60_000),
            timestampWindowMilliseconds: 0
        )
    }

    /// Books with a product and its device `d1`.
    private func bench() throws -> OrganBench {
        let bench = try OrganBench()
        let account = AccountID("a")!
        let package = PackageID("p")!
        let allowance = Allowance(
            validityDays: 365, messagesPerDay: nil, otaPerMonth: 1, storageDays: 7)!
        let actions: [Action] = [
            .accounts(.create(NewAccount(id: account, name: "a", kind: .enterprise))),
            .packages(.create(package, name: "p", allowance)),
            .products(
                .create(
                    NewProduct(
                        key: product, name: "lamp", account: account, package: package,
                        secret: try keys.seal(Secret("product-secret-lamp")!, for: product),
                        registration: .imported, dayOffset: .utc))
            ),
            .imports(
                .atOnce(
                    product,
                    [
                        DeviceImport(
                            device: DeviceKey("d1")!,
                            secret: try keys.seal(secret, for: device("d1")))
                    ])
            ),
        ]
        for action in actions {
            let command = Command(at: OrganBench.noon, actor: "test", action: action)
            let outcome = try bench.context.commons.ledger.carryOut(command)
            let effect = outcome.effect
            try #require(effect != nil, "\(outcome)")
        }
        return bench
    }

    /// What the door says of a device that comes with that password.
    private func verdict(
        _ door: inout Door,
        _ bench: inout OrganBench,
        _ name: String,
        password: String,
        as credential: Claim.Credential = .secret
    ) throws -> String {
        var packet = ByteBuffer()
        Connect.encode(
            clientID: Array(name.utf8).span,
            keepAliveSeconds: 60,
            userName: Array("\(name)&lamp".utf8).span,
            password: Array(password.utf8).span,
            version: .v5,
            into: &packet
        )
        guard
            case .packet(_, let headerLength, let length) = try Framing.next(
                in: packet.span, maximumPacketSize: 1_000)
        else { return "no packet" }
        let connect = try Connect(decoding: packet.span.extracting(headerLength..<length))
        let verdict = try door.verdict(
            on: device(name), credential, connect, in: &bench.context.books, at: bench.context.now)
        switch verdict {
        case .refuse(let reason): return reason.name
        case .register: return "register"
        case .decided(let decision, _, _, _, let confirmed, _, _):
            return switch decision {
            case .consume: confirmed == nil ? "consume" : "consume, confirms its secret"
            case .admit, .readmit, .refuse: "\(decision)"
            }
        }
    }

    @Test("Wire: a device that does not exist and one with a wrong secret are refused alike")
    func badCredentials() throws {
        var bench = try bench()
        var door = try door()
        let wrong = try verdict(&door, &bench, "d1", password: "not-the-secret")
        let unknown = try verdict(&door, &bench, "d2", password: secret.text)
        #expect(wrong == "bad-credentials" && unknown == "bad-credentials")
    }

    @Test("Wire: whether a product accepts TLS-PSK is told to who has the device's key alone")
    func keyNotAccepted() throws {
        var bench = try bench()
        var door = try door()
        let right = PreSharedKey.digest(ofSecret: secret.text.utf8Span.span)
        let wrong = PreSharedKey.digest(ofSecret: "another".utf8Span.span)
        var told: [String] = []
        for (name, digest) in [("d1", right), ("d1", wrong), ("d2", right), ("d2", wrong)] {
            told.append(
                try verdict(&door, &bench, name, password: "", as: .preSharedKey(digest)))
        }
        #expect(
            told == ["psk-not-accepted", "bad-credentials", "bad-credentials", "bad-credentials"])
    }

    @Test(
        "B1: a device that proves itself for the first time consumes a code, and confirms its secret"
    )
    func firstConnect() throws {
        var bench = try bench()
        var door = try door()
        let verdict = try verdict(&door, &bench, "d1", password: secret.text)
        #expect(verdict == "consume, confirms its secret")
    }

    @Test(
        "Wire: who displaces itself too often is told so, and only when it has proved to be the device"
    )
    func displacement() throws {
        var bench = try bench()
        var door = try door(displacements: 1)
        for _ in 0..<2 { door.noteDisplacement(device("d1"), at: bench.context.now) }
        let proved = try verdict(&door, &bench, "d1", password: secret.text)
        let unproved = try verdict(&door, &bench, "d1", password: "not-the-secret")
        #expect(proved == "connection-rate-exceeded" && unproved == "bad-credentials")
    }
}
