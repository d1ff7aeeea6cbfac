import Ledger
import MQTT
import Reactor
import Storage
import Support
import TLS
import TestFiles
import Testing

@testable import Gateway

extension WholeGateway {
    /// Devices whose certificates are signed by authorities that accounts have registered.
    @Suite("Accounts' authorities")
    struct AccountAuthorityTests {
        private static let notActive =
            "the authority of the device's certificate is switched off, removed or expired"
        private static let ofAnother =
            "the authority of the device's certificate is not of its product's account"

        @Test(
            "E5: an account's authority vouches for devices of its products, and of no other account's",
            arguments: TLSVersion.allCases)
        func crossing(_ version: TLSVersion) async throws {
            let (ours, theirs) = (try TestAuthority(name: "CA"), try TestAuthority(name: "CA"))
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct("lamp")
                let fan = try await gateway.createProduct("fan")
                for product in [lamp, fan] {
                    _ = try await gateway.importUnregistered("d1", into: product)
                }
                // As long as there is no authority, nobody is asked for a certificate.
                let early = try ours.client("lamp.d1", version: version)
                #expect(try gateway.connect(showing: early).answer.code == 0x86)
                _ = try await gateway.register(ours, of: lamp.account)
                _ = try await gateway.register(theirs, of: fan.account)
                for (authority, name, code, text) in [
                    (ours, "lamp.d1", 0, nil), (theirs, "fan.d1", 0, nil),
                    (ours, "fan.d1", 0x87, Self.ofAnother),
                    (theirs, "lamp.d1", 0x87, Self.ofAnother),
                    // A product that is not there looks the same; an unknown device of ours does not.
                    (theirs, "sofa.d1", 0x87, Self.ofAnother),
                    (ours, "lamp.d2", 0x86, "unknown product, device or secret"),
                    (ours, "nobody", 0x86, "unknown product, device or secret"),
                ] as [(TestAuthority, String, UInt8, String?)] {
                    let (client, answer) = try gateway.connect(
                        showing: try authority.client(name, version: version))
                    #expect(answer.code == code, "\(name)")
                    #expect(answer.reasonString == text, "\(name)")
                    #expect(client.tlsVersion == version)
                    guard code == 0 else { continue }
                    let topic = name == "lamp.d1" ? "d/lamp/d1/up/x" : "d/fan/d1/up/x"
                    #expect(try client.publish(topic, "x", qos: .atLeastOnce)?.code == 0)
                }
                // A certificate that nobody has registered is as good as none.
                let device = try await gateway.importDevice("dk1", into: lamp)
                let stranger = try TestAuthority(name: "CA").client("lamp.d1", version: version)
                let client = try TestClient(port: gateway.tlsPort, context: stranger)
                #expect(try client.connect(as: .signed(device, secureMode: 2)).code == 0)
                #expect(try gateway.connect(showing: stranger).answer.code == 0x86)
            }
        }

        @Test(
            "E5: one that is switched off or removed ends its devices' connections, and lets none in, by a resumed session neither",
            arguments: TLSVersion.allCases)
        func revocation(_ version: TLSVersion) async throws {
            let authority = try TestAuthority(name: "CA")
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct()
                _ = try await gateway.importUnregistered("d1", into: lamp)
                let other = try await gateway.importDevice("d2", into: lamp)
                let id = try await gateway.register(authority, of: lamp.account)
                let device = try authority.client("lamp.d1", version: version)
                let (first, answer) = try gateway.connect(showing: device)
                #expect(answer.code == 0)
                try first.ping()
                let ticket = try #require(first.resumption)
                let bystander = try TestClient.connected(
                    port: gateway.tlsPort, certificates: gateway.certificates,
                    as: .signed(other, secureMode: 2))
                try await gateway.submit(.authorities(.setOn(id, false)))
                let end = try first.untilClosed()
                #expect(end == [.disconnect(code: 0x87, reasonString: Self.notActive)])
                for ticket in [ticket, nil] {
                    let refused = try gateway.connect(showing: device, resuming: ticket).answer
                    #expect(refused.code == 0x87 && refused.reasonString == Self.notActive)
                }
                // The session was resumed, and that was not what it was refused for.
                #expect(await gateway.metric("tollgate_tls_handshakes_resumed_total") == 1)
                try bystander.ping()
                try await gateway.submit(.authorities(.setOn(id, true)))
                let (again, taken) = try gateway.connect(showing: device, resuming: ticket)
                #expect(taken.code == 0)
                #expect(await gateway.metric("tollgate_tls_handshakes_resumed_total") == 2)
                try await gateway.submit(.authorities(.remove(id)))
                let gone = try again.untilClosed()
                #expect(gone == [.disconnect(code: 0x87, reasonString: Self.notActive)])
                // It was the last one: nobody is asked for a certificate any more.
                for ticket in [ticket, nil] {
                    #expect(
                        try gateway.connect(showing: device, resuming: ticket).answer.code == 0x86)
                }
                try bystander.ping()
            }
        }

        @Test("E5: of two authorities of one name, each vouches for its own")
        func rotation() async throws {
            let (former, later) = (try TestAuthority(name: "CA"), try TestAuthority(name: "CA"))
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct()
                _ = try await gateway.importUnregistered("d1", into: lamp)
                let id = try await gateway.register(former, of: lamp.account)
                _ = try await gateway.register(later, of: lamp.account)
                for authority in [former, later] {
                    let device = try authority.client("lamp.d1")
                    #expect(try gateway.connect(showing: device).answer.code == 0)
                }
                try await gateway.submit(.authorities(.setOn(id, false)))
                #expect(
                    try gateway.connect(showing: try former.client("lamp.d1")).answer.code == 0x87)
                #expect(try gateway.connect(showing: try later.client("lamp.d1")).answer.code == 0)
            }
        }

        @Test(
            "E5: an authority that is switched off ends what it has vouched for before, also when it is on again, and nothing that came since"
        )
        func offAndOn() async throws {
            let authority = try TestAuthority(name: "CA")
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct()
                for name in ["d1", "d2", "d3"] {
                    _ = try await gateway.importUnregistered(name, into: lamp)
                }
                let id = try await gateway.register(authority, of: lamp.account)
                func sequence() throws -> UInt64 {
                    try gateway.gateway.ledger.read { books, transaction throws(StoreError) in
                        try books.lastSequence(in: transaction)
                    }
                }
                func sweep(_ sequence: UInt64) {
                    for mailbox in gateway.gateway.commons.mailboxes {
                        mailbox.post(.authorityEnded(id, sequence))
                    }
                }
                let (first, welcome) = try gateway.connect(showing: try authority.client("lamp.d1"))
                #expect(welcome.code == 0)
                // Its handshake is over when the authority is switched off, and its CONNECT comes when it is on again.
                let waiting = try TestClient(
                    port: gateway.tlsPort, context: try authority.client("lamp.d2"))
                try await gateway.submit(.authorities(.setOn(id, false)))
                let off = try sequence()
                #expect(try first.untilClosed().count == 1)
                try await Task.sleep(for: .milliseconds(100))
                try await gateway.submit(.authorities(.setOn(id, true)))
                #expect(try waiting.connect(as: .anonymous("any")).code == 0)
                let (last, answer) = try gateway.connect(showing: try authority.client("lamp.d3"))
                #expect(answer.code == 0)
                // A look at the connections that is still about the time when it was off.
                sweep(off)
                try await Task.sleep(for: .milliseconds(100))
                for client in [waiting, last] { try client.ping() }
                sweep(try sequence() + 1)
                for client in [waiting, last] {
                    #expect(
                        try client.untilClosed()
                            == [.disconnect(code: 0x87, reasonString: Self.notActive)])
                }
            }
        }

        @Test(
            "E5: an account's authority vouches for its sub-accounts' devices, and not the other way"
        )
        func family() async throws {
            let (parents, childs) = (try TestAuthority(name: "P"), try TestAuthority(name: "C"))
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct()
                let child = try #require(AccountID("child"))
                try await gateway.submit(
                    .accounts(
                        .create(
                            NewAccount(
                                id: child, name: "Child", kind: .enterprise, parent: lamp.account)))
                )
                let key = try #require(ProductKey("fan"))
                try await gateway.submit(
                    .products(
                        .create(
                            NewProduct(
                                key: key, name: "Fan", account: child, package: lamp.package,
                                secret: try gateway.gateway.secretKeys.seal(lamp.secret, for: key),
                                registration: .imported))))
                try await gateway.submit(
                    .codes(.purchase(child, package: lamp.package, quantity: 5, product: key)))
                _ = try await gateway.importUnregistered("d1", into: lamp)
                let device = DeviceImport(device: lamp.identity("d1").device, secret: nil)
                try await gateway.submit(.imports(.atOnce(key, [device])))
                _ = try await gateway.register(parents, of: lamp.account)
                _ = try await gateway.register(childs, of: child)
                for (authority, name, code) in [
                    (parents, "fan.d1", 0), (childs, "fan.d1", 0), (parents, "lamp.d1", 0),
                    (childs, "lamp.d1", 0x87),
                ] as [(TestAuthority, String, UInt8)] {
                    let answer = try gateway.connect(showing: try authority.client(name)).answer
                    #expect(answer.code == code, "\(name)")
                }
            }
        }

        @Test(
            "while many connect, an authority that is switched holds at once: who was let in before goes"
        )
        func race() async throws {
            let authority = try TestAuthority(name: "CA")
            let count = 12
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct(codes: 100)
                var contexts: [TLSContext] = []
                for number in 0..<count {
                    _ = try await gateway.importUnregistered("d\(number)", into: lamp)
                    contexts.append(try authority.client("lamp.d\(number)"))
                }
                let id = try await gateway.register(authority, of: lamp.account)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for context in contexts {
                        group.addTask {
                            try Self.connectOften(context, to: gateway.tlsPort)
                        }
                    }
                    group.addTask {
                        for turn in 0..<9 {
                            try await gateway.submit(.authorities(.setOn(id, turn % 2 == 1)))
                            try await Task.sleep(for: .milliseconds(20))
                        }
                    }
                    try await group.waitForAll()
                }
                for number in 0..<count {
                    let device = lamp.identity("d\(number)")
                    #expect(await gateway.gateway.connection(of: device) == nil)
                    #expect(try gateway.connect(showing: contexts[number]).answer.code == 0x87)
                }
            }
        }

        /// Connects, with the session from before, and waits for the end of all connections: the authority's last
        /// turn switches it off.
        private static func connectOften(_ context: TLSContext, to port: UInt16) throws {
            var clients: [TestClient] = []
            var ticket: TLSResumption?
            for _ in 0..<6 {
                let client = try TestClient(port: port, context: context, resuming: ticket)
                // It may be told to go before it was answered.
                let answer = try? client.connect(as: .anonymous("any"))
                #expect(answer == nil || answer?.code == 0 || answer?.code == 0x87)
                ticket = client.resumption ?? ticket
                clients.append(client)
            }
            for client in clients { _ = try client.untilClosed() }
        }
    }
}
