import Gateway
import Ledger
import MQTT
import Storage
import Support
import Synchronization
import TLS
import TestFiles
import Testing

extension TestGateway {
    /// The certificates that the device may show.
    fileprivate func pins(of device: DeviceIdentity) throws -> [CertificateFingerprint] {
        try gateway.ledger.read { (books, transaction) throws(StoreError) in
            try books.pins(of: device, in: transaction)
        }
    }

    /// Registers the authority for the product's account, with that pinning.
    fileprivate func register(
        _ authority: TestAuthority, of product: TestProduct, _ pinning: CertificatePinning
    ) async throws -> AuthorityID {
        let id = try await register(authority, of: product.account)
        try await submit(.authorities(.setPinning(id, pinning)))
        return id
    }
}

extension WholeGateway {
    /// Devices that are pinned to certificates.
    @Suite("Pinned certificates")
    struct CertificatePinTests {
        private static let notPinned =
            "the device's certificate is none of those that it is pinned to"

        @Test(
            "E8: the certificate that a device was let in with first is the only one, in a resumed session too, until it is forgotten",
            arguments: TLSVersion.allCases)
        func firstUse(_ version: TLSVersion) async throws {
            let authority = try TestAuthority(name: "CA")
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct()
                let device = try await gateway.importUnregistered("d1", into: lamp)
                let id = try await gateway.register(authority, of: lamp, .none)
                let (own, other) = (
                    try authority.client("lamp.d1", version: version),
                    try authority.client("lamp.d1", version: version)
                )
                // Of a time when nothing was pinned the other one has a session.
                let (early, welcome) = try gateway.connect(showing: other)
                #expect(welcome.code == 0)
                try early.ping()
                let old = try #require(early.resumption)
                try await gateway.submit(.authorities(.setPinning(id, .firstUse)))
                let (first, answer) = try gateway.connect(showing: own)
                #expect(answer.code == 0)
                try first.ping()
                let ticket = try #require(first.resumption)
                let pinned = try gateway.pins(of: device)
                #expect(pinned.count == 1)
                for ticket in [old, nil] {
                    let refused = try gateway.connect(showing: other, resuming: ticket).answer
                    #expect(refused.code == 0x87 && refused.reasonString == Self.notPinned)
                }
                #expect(await gateway.metric("tollgate_tls_handshakes_resumed_total") == 1)
                let outcomes = await gateway.gateway.outcomes(of: device)
                #expect(outcomes.lastRefusal?.reason == .certificateNotPinned)
                // A stranger is no reason to send the device away.
                try first.ping()
                #expect(try gateway.connect(showing: own, resuming: ticket).answer.code == 0)
                try await gateway.submit(.devices(.setPins(device, [])))
                #expect(try gateway.connect(showing: other).answer.code == 0)
                #expect(try gateway.pins(of: device) != pinned)
                for ticket in [ticket, nil] {
                    #expect(try gateway.connect(showing: own, resuming: ticket).answer.code == 0x87)
                }
            }
        }

        @Test(
            "E7, E8: a renewed certificate of an authority names and pins devices as the former one does, also without it"
        )
        func renewed() async throws {
            let former = try TestAuthority(name: "CA")
            let later = try TestAuthority(renewing: former, name: "CA")
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct()
                let device = try await gateway.importUnregistered("d1", into: lamp)
                let first = try await gateway.register(former, of: lamp, .firstUse)
                let rules = try #require(
                    AuthorityRules(
                        pattern: try CertificatePattern("cn:dev-${dk}"), product: lamp.key,
                        registersDevices: false))
                try await gateway.submit(.authorities(.setRules(first, rules)))
                let (own, other) = (try former.client("dev-d1"), try later.client("dev-d1"))
                #expect(try gateway.connect(showing: own).answer.code == 0)
                #expect(try gateway.pins(of: device).count == 1)
                let new = try later.registration(of: lamp.account)
                try await gateway.submit(.authorities(.register(new)))
                // Now it is the renewed one that vouches for both certificates; in the end it is there alone.
                for change in [AuthorityAction.setOn(first, false), .remove(first)] {
                    try await gateway.submit(.authorities(change))
                    let refused = try gateway.connect(showing: other).answer
                    #expect(refused.code == 0x87 && refused.reasonString == Self.notPinned)
                    #expect(try gateway.connect(showing: own).answer.code == 0)
                }
                try await gateway.submit(.authorities(.setPinning(new.id, .none)))
                #expect(try gateway.connect(showing: other).answer.code == 0)
            }
        }

        @Test(
            "E8: of a device that comes with two certificates for the first time at once, one is pinned; it has cost one code"
        )
        func race() async throws {
            let authority = try TestAuthority(name: "CA")
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct(codes: 20)
                _ = try await gateway.register(authority, of: lamp, .firstUse)
                for number in 0..<6 {
                    let name = "d\(number)"
                    let device = try await gateway.importUnregistered(name, into: lamp)
                    let contexts = [
                        try authority.client("lamp.\(name)"),
                        try authority.client("lamp.\(name)"),
                    ]
                    let codes = try await Self.connectAtOnce(
                        contexts, to: [gateway.tlsPort, gateway.tlsPort])
                    #expect(codes.sorted() == [0, 0x87], "\(codes)")
                    #expect(try gateway.pins(of: device).count == 1)
                }
                #expect(try gateway.figures(of: lamp)?.consumed == 6)
            }
        }

        @Test(
            "E8: the same at two nodes of a cluster",
            .timeLimit(.minutes(3)))
        func nodes() async throws {
            let authority = try TestAuthority(name: "CA")
            try await TestNodes.run(2) { nodes in
                let lamp = try await nodes[0].createProduct(codes: 20)
                _ = try await nodes[0].register(authority, of: lamp, .firstUse)
                for number in 0..<4 {
                    let name = "d\(number)"
                    let device = try await nodes[0].importUnregistered(name, into: lamp)
                    try await until { try nodes[1].record(of: device) != nil }
                    let contexts = [
                        try authority.client("lamp.\(name)"),
                        try authority.client("lamp.\(name)"),
                    ]
                    let codes = try await Self.connectAtOnce(
                        contexts, to: [nodes[0].tlsPort, nodes[1].tlsPort])
                    #expect(codes.sorted() == [0, 0x87], "\(codes)")
                    try await until {
                        try nodes[0].pins(of: device).count == 1
                            && nodes[1].pins(of: device) == nodes[0].pins(of: device)
                    }
                }
                #expect(try nodes[0].figures(of: lamp)?.consumed == 4)
            }
        }

        /// What each is answered.
        private static func connectAtOnce(
            _ contexts: [TLSContext], to ports: [UInt16]
        ) async throws -> [UInt8] {
            try await withThrowingTaskGroup(of: UInt8.self) { group in
                for (context, port) in zip(contexts, ports) {
                    group.addTask {
                        let client = try TestClient(port: port, context: context)
                        return try client.connect(as: .anonymous("any")).code
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }

        @Test(
            "E8: a listed certificate follows another without a gap while many connect, and what is taken away ends its connections"
        )
        func rotation() async throws {
            let authority = try TestAuthority(name: "CA")
            let count = 8
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct(codes: 100)
                let id = try await gateway.register(authority, of: lamp, .firstUse)
                var devices: [DeviceIdentity] = []
                var contexts: [(former: TLSContext, later: TLSContext)] = []
                var pins: [(former: CertificateFingerprint, later: CertificateFingerprint)] = []
                for number in 0..<count {
                    let name = "d\(number)"
                    let device = try await gateway.importUnregistered(name, into: lamp)
                    let pair = (
                        try authority.client("lamp.\(name)"),
                        try authority.client("lamp.\(name)")
                    )
                    #expect(try gateway.connect(showing: pair.0).answer.code == 0)
                    let former = try #require(try gateway.pins(of: device).first)
                    try await gateway.submit(.devices(.setPins(device, [])))
                    #expect(try gateway.connect(showing: pair.1).answer.code == 0)
                    let later = try #require(try gateway.pins(of: device).first)
                    devices.append(device)
                    contexts.append(pair)
                    pins.append((former, later))
                    try await gateway.submit(.devices(.setPins(device, [former])))
                }
                try await gateway.submit(.authorities(.setPinning(id, .listed)))
                let course = Course()
                let port = gateway.tlsPort
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for pair in contexts {
                        group.addTask {
                            // Let in by the former one until it is taken away, and by the later one from then on.
                            let held = try TestClient(port: port, context: pair.former)
                            #expect(try held.connect(as: .anonymous("any")).code == 0)
                            course.letIn.add(1, ordering: .acquiringAndReleasing)
                            #expect(
                                try held.untilClosed()
                                    == [.disconnect(code: 0x87, reasonString: Self.notPinned)])
                            let next = try TestClient(port: port, context: pair.later)
                            #expect(try next.connect(as: .anonymous("any")).code == 0)
                            while !course.isOver.load(ordering: .acquiring) {
                                try next.ping()
                                try await Task.sleep(for: .milliseconds(5))
                            }
                        }
                    }
                    try await until { course.letIn.load(ordering: .acquiring) == count }
                    for (device, pair) in zip(devices, pins) {
                        try await gateway.submit(
                            .devices(.setPins(device, [pair.former, pair.later])))
                    }
                    for (device, pair) in zip(devices, pins) {
                        try await gateway.submit(.devices(.setPins(device, [pair.later])))
                    }
                    for (device, pair) in zip(devices, contexts) {
                        let refused = try gateway.connect(showing: pair.former).answer
                        #expect(refused.code == 0x87 && refused.reasonString == Self.notPinned)
                        try await until { await gateway.gateway.connection(of: device) != nil }
                    }
                    course.isOver.store(true, ordering: .releasing)
                    try await group.waitForAll()
                }
            }
        }

        private final class Course: Sendable {
            let letIn = Atomic(0)
            let isOver = Atomic(false)
        }
    }
}
