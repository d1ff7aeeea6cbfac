import Gateway
import Ledger
import MQTT
import Support
import TLS
import TestFiles
import Testing

extension WholeGateway {
    /// Devices that are named as their authority says, and such as were not imported.
    @Suite("Certificates' names")
    struct CertificateNameTests {
        private static let unnamed =
            "the device's certificate names no device by the pattern of its authority"
        private static let unknown = "unknown product, device or secret"

        private func rules(
            _ pattern: String?, product: ProductKey? = nil, registersDevices: Bool = false
        ) throws -> AuthorityRules {
            try #require(
                AuthorityRules(
                    pattern: try pattern.map { text throws in try CertificatePattern(text) },
                    product: product, registersDevices: registersDevices))
        }

        @Test(
            "E7: a device is the one that its certificate names by the authority's pattern, in a resumed session too",
            arguments: TLSVersion.allCases)
        func patterns(_ version: TLSVersion) async throws {
            let authority = try TestAuthority(name: "CA")
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct()
                for name in ["d1", "d2"] {
                    _ = try await gateway.importUnregistered(name, into: lamp)
                }
                let id = try await gateway.register(authority, of: lamp.account)
                for (pattern, product, name, alternatives) in [
                    ("cn:${dk}", lamp.key, "d1", nil),
                    ("cn:dev-${pk}_${dk}", nil, "dev-lamp_d1", nil),
                    (
                        "san-dns:${dk}.${pk}.example.com", nil, "anything",
                        "DNS:d2.lamp.example.org,DNS:d1.lamp.example.com,DNS:d2.lamp.example.com"
                    ),
                    ("san-uri:urn:dev:${pk}:${dk}", nil, "lamp.d2", "URI:urn:dev:lamp:d1"),
                ] as [(String, ProductKey?, String, String?)] {
                    let set = try rules(pattern, product: product)
                    try await gateway.submit(.authorities(.setRules(id, set)))
                    let device = try authority.client(
                        name, alternatives: alternatives, version: version)
                    let (first, answer) = try gateway.connect(showing: device)
                    #expect(answer.code == 0, "\(pattern): \(answer.reasonString ?? "")")
                    let topic = "d/lamp/d1/up/x"
                    #expect(try first.publish(topic, "x", qos: .atLeastOnce)?.code == 0)
                    let ticket = try #require(first.resumption)
                    #expect(try gateway.connect(showing: device, resuming: ticket).answer.code == 0)
                    // What was right by the pattern that holds without rules is not any more.
                    for other in ["lamp.d2", "dev-lamp_"] where !pattern.contains("cn:${dk}") {
                        let refused = try gateway.connect(
                            showing: try authority.client(other, version: version)
                        ).answer
                        #expect(
                            refused.code == 0x87 && refused.reasonString == Self.unnamed,
                            "\(pattern) \(other)")
                    }
                }
                #expect(await gateway.metric("tollgate_tls_handshakes_resumed_total") == 4)
                try await gateway.submit(.authorities(.setRules(id, .standard)))
                let plain = try authority.client("lamp.d2", version: version)
                #expect(try gateway.connect(showing: plain).answer.code == 0)
            }
        }

        @Test(
            "E7: where the pattern leaves the product out, CONNECT names it, with the same device")
        func productOfConnect() async throws {
            let authority = try TestAuthority(name: "CA")
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct()
                _ = try await gateway.importUnregistered("d1", into: lamp)
                let id = try await gateway.register(authority, of: lamp.account)
                try await gateway.submit(.authorities(.setRules(id, try rules("cn:${dk}"))))
                let device = try authority.client("d1")
                for (userName, clientID, code) in [
                    ("d1&lamp", "any", 0), ("lamp.d1", "any", 0), ("lamp/d1", "any", 0),
                    (nil, "lamp.d1", 0), ("admin", "lamp.d1|a=b|", 0),
                    ("d2&lamp", "any", 0x87), (nil, "any", 0x87), (nil, "lamp.d2", 0x87),
                    ("d1&sofa", "any", 0x87),
                ] as [(String?, String, UInt8)] {
                    let login = TestCredentials(
                        clientID: clientID, userName: userName, password: nil)
                    let answer = try gateway.connect(showing: device, as: login).answer
                    #expect(answer.code == code, "\(userName ?? "-") \(clientID)")
                }
            }
        }

        @Test(
            "E7: a device that is not known is registered, and has its code, when its authority says so and its product is not closed",
            arguments: TLSVersion.allCases)
        func justInTime(_ version: TLSVersion) async throws {
            let authority = try TestAuthority(name: "CA")
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct(codes: 2)
                let id = try await gateway.register(authority, of: lamp.account)
                let new = try authority.client("lamp.new", version: version)
                let refused = try gateway.connect(showing: new).answer
                #expect(refused.code == 0x86 && refused.reasonString == Self.unknown)
                let bringing = try rules("cn:${pk}.${dk}", registersDevices: true)
                try await gateway.submit(.authorities(.setRules(id, bringing)))
                // The pattern and the standard one agree here: the same handshake, resumed, is judged anew.
                let (first, answer) = try gateway.connect(showing: new)
                #expect(answer.code == 0)
                let ticket = try #require(first.resumption)
                #expect(try first.publish("d/lamp/new/up/x", "x", qos: .atLeastOnce)?.code == 0)
                #expect(try gateway.figures(of: lamp)?.consumed == 1)
                #expect(try gateway.connect(showing: new, resuming: ticket).answer.code == 0)
                #expect(try gateway.figures(of: lamp)?.consumed == 1)
                // It is known by now, whatever its authority says.
                try await gateway.submit(.authorities(.setRules(id, .standard)))
                #expect(try gateway.connect(showing: new).answer.code == 0)
                let later = try authority.client("lamp.later", version: version)
                #expect(try gateway.connect(showing: later).answer.code == 0x86)
                try await gateway.submit(.authorities(.setRules(id, bringing)))
                #expect(try gateway.connect(showing: later).answer.code == 0)
                // No code is left: it is not registered either.
                let last = try authority.client("lamp.last", version: version)
                #expect(try gateway.connect(showing: last).answer.code == 0x97)
                try await gateway.buy(5, for: lamp)
                try await gateway.submit(
                    .products(.update(lamp.key, ProductUpdate(registration: .closed))))
                #expect(try gateway.connect(showing: last).answer.code == 0x86)
                #expect(try gateway.connect(showing: later).answer.code == 0)
                // A device that is disabled stays out.
                try await gateway.submit(.devices(.setDisabled(lamp.identity("new"), true)))
                #expect(try gateway.connect(showing: new).answer.code == 0x87)
            }
        }

        @Test(
            "E7, A12: past the caps none is registered, and it is told; of 40 that come at once so many are let in as there is room for"
        )
        func caps() async throws {
            let authority = try TestAuthority(name: "CA")
            let room = 5
            try await TestGateway.run(configure: { $0.limits.devicesOfProduct = room }) {
                gateway in
                let lamp = try await gateway.createProduct(codes: 100)
                let id = try await gateway.register(authority, of: lamp.account)
                let bringing = try rules("cn:${dk}", product: lamp.key, registersDevices: true)
                try await gateway.submit(.authorities(.setRules(id, bringing)))
                // Each of ten devices comes four times at once.
                let contexts = try (0..<10).map { try authority.client("d\($0)") }
                let port = gateway.tlsPort
                let answers = try await withThrowingTaskGroup(of: (Int, UInt8).self) { group in
                    for number in 0..<40 {
                        let context = contexts[number % 10]
                        group.addTask {
                            let client = try TestClient(port: port, context: context)
                            let answer = try client.connect(as: .anonymous("any"))
                            if answer.code == 0x97 {
                                #expect(answer.reasonString == Reason.limitReached.text)
                            }
                            return (number % 10, answer.code)
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                let letIn = Set(answers.filter { $0.1 == 0 }.map(\.0))
                let refused = Set(answers.filter { $0.1 == 0x97 }.map(\.0))
                #expect(letIn.count == room && refused.count == 10 - room)
                #expect(letIn.isDisjoint(with: refused))
                #expect(try gateway.figures(of: lamp)?.consumed == UInt64(room))
            }
        }
    }
}
