import Ledger
import MQTT
import Support
import Synchronization
import TLS
import Reactor
import TestFiles
import Testing
import Time

@testable import Gateway

extension WholeGateway {
    /// Devices whose certificates their authority has revoked.
    @Suite("Revoked certificates")
    struct RevokedCertificateTests {
        private static let revoked = "the authority of the device's certificate has revoked it"

        @Test(
            "E6: a certificate that becomes revoked ends its connection and opens none, by a resumed session neither; others go on",
            arguments: TLSVersion.allCases)
        func revocation(_ version: TLSVersion) async throws {
            let authority = try TestAuthority(name: "CA")
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct()
                for name in ["d1", "d2"] {
                    _ = try await gateway.importUnregistered(name, into: lamp)
                }
                let id = try await gateway.register(authority, of: lamp.account)
                let lost = try authority.client("lamp.d1", serial: 0x81, version: version)
                let other = try authority.client("lamp.d2", serial: 0x82, version: version)
                let (first, answer) = try gateway.connect(showing: lost)
                #expect(answer.code == 0)
                try first.ping()
                let ticket = try #require(first.resumption)
                let (bystander, taken) = try gateway.connect(showing: other)
                #expect(taken.code == 0)
                let shown = await gateway.gateway.connection(of: lamp.identity("d2"))
                let end = try #require(shown?.certificateExpiresAt).milliseconds
                let days = Double(end - TimeSource.system.wall.milliseconds) / 86_400_000
                #expect((2.9...3).contains(days))
                try await gateway.submit(
                    .authorities(.revoke(id, authority.revocations([0x81], number: 1))))
                #expect(
                    try first.untilClosed()
                        == [.disconnect(code: 0x87, reasonString: Self.revoked)])
                for ticket in [ticket, nil] {
                    let refused = try gateway.connect(showing: lost, resuming: ticket).answer
                    #expect(refused.code == 0x87 && refused.reasonString == Self.revoked)
                }
                // The session was resumed, and that was not what it was refused for.
                #expect(await gateway.metric("tollgate_tls_handshakes_resumed_total") == 1)
                let outcomes = await gateway.gateway.outcomes(of: lamp.identity("d1"))
                #expect(outcomes.lastRefusal?.reason == .certificateRevoked)
                try bystander.ping()
                // The device gets another certificate.
                let renewed = try authority.client("lamp.d1", serial: 0x83, version: version)
                #expect(try gateway.connect(showing: renewed).answer.code == 0)
                // The next list is without it: it was on hold. And then all of them.
                try await gateway.submit(
                    .authorities(.revoke(id, authority.revocations([0x83], number: 2))))
                #expect(try gateway.connect(showing: lost, resuming: ticket).answer.code == 0)
                #expect(try gateway.connect(showing: renewed).answer.code == 0x87)
                try bystander.ping()
            }
        }

        @Test("E6: a list whose next update is over goes on counting, and lets the others in")
        func stale() async throws {
            let authority = try TestAuthority(name: "CA")
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct()
                for name in ["d1", "d2"] {
                    _ = try await gateway.importUnregistered(name, into: lamp)
                }
                let id = try await gateway.register(authority, of: lamp.account)
                let list = try authority.revocations([1], number: 1, endingIn: 1)
                try await gateway.submit(.authorities(.revoke(id, list)))
                try await Task.sleep(for: .milliseconds(2_100))
                let (lost, other) = (
                    try authority.client("lamp.d1", serial: 1),
                    try authority.client("lamp.d2", serial: 2)
                )
                #expect(try gateway.connect(showing: lost).answer.reasonString == Self.revoked)
                #expect(try gateway.connect(showing: other).answer.code == 0)
            }
        }

        @Test("E6: of two authorities with one name, each list is about its own certificates")
        func namesakes() async throws {
            let (ours, theirs) = (try TestAuthority(name: "CA"), try TestAuthority(name: "CA"))
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct()
                let fan = try await gateway.createProduct("fan")
                for product in [lamp, fan] {
                    _ = try await gateway.importUnregistered("d1", into: product)
                }
                let id = try await gateway.register(ours, of: lamp.account)
                _ = try await gateway.register(theirs, of: fan.account)
                try await gateway.submit(
                    .authorities(.revoke(id, ours.revocations([9], number: 1))))
                let (lost, other) = (
                    try ours.client("lamp.d1", serial: 9), try theirs.client("fan.d1", serial: 9)
                )
                #expect(try gateway.connect(showing: lost).answer.code == 0x87)
                #expect(try gateway.connect(showing: other).answer.code == 0)
            }
        }

        @Test(
            "E6: the list of an authority holds for its renewed certificate, which has it alone when the old one is removed"
        )
        func renewed() async throws {
            let old = try TestAuthority(name: "CA")
            let new = try TestAuthority(renewing: old, name: "CA")
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct()
                for name in ["d1", "d2", "d3"] {
                    _ = try await gateway.importUnregistered(name, into: lamp)
                }
                let first = try await gateway.register(old, of: lamp.account)
                let second = try await gateway.register(new, of: lamp.account)
                let lost = try new.client("lamp.d1", serial: 9)
                let (client, answer) = try gateway.connect(showing: lost)
                #expect(answer.code == 0)
                try client.ping()
                // Both vouch for it, and it doesn't matter to which the list is given.
                try await gateway.submit(
                    .authorities(.revoke(first, old.revocations([9], number: 1))))
                #expect(
                    try client.untilClosed()
                        == [.disconnect(code: 0x87, reasonString: Self.revoked)])
                try await gateway.submit(.authorities(.remove(first)))
                #expect(try gateway.connect(showing: lost).answer.reasonString == Self.revoked)
                let (other, taken) = try gateway.connect(
                    showing: try new.client("lamp.d2", serial: 10))
                #expect(taken.code == 0)
                try other.ping()
                try await gateway.submit(
                    .authorities(.revoke(second, new.revocations([10], number: 2))))
                #expect(
                    try other.untilClosed()
                        == [.disconnect(code: 0x87, reasonString: Self.revoked)])
                #expect(try gateway.connect(showing: lost).answer.code == 0)
            }
        }

        @Test(
            "E6: among more connections than are looked at in one turn, those of revoked certificates end"
        )
        func many() async throws {
            let authority = try TestAuthority(name: "CA")
            try await TestGateway.run(shards: 1) { gateway in
                let lamp = try await gateway.createProduct()
                for name in ["d1", "d2", "d3"] {
                    _ = try await gateway.importUnregistered(name, into: lamp)
                }
                let id = try await gateway.register(authority, of: lamp.account)
                var clients: [TestClient] = []
                var lost: [TestClient] = []
                for (number, name) in ["d1", "d2"].enumerated() {
                    let (client, answer) = try gateway.connect(
                        showing: authority.client("lamp.\(name)", serial: UInt8(number + 1)))
                    #expect(answer.code == 0)
                    lost.append(client)
                    for index in 0..<2 * CertificateSweep.stepMaximum {
                        let other = try TestClient(port: gateway.openPort)
                        #expect(
                            try other.connect(as: .anonymous("\(name)-\(index)")).code == 0)
                        clients.append(other)
                    }
                }
                let (last, answer) = try gateway.connect(
                    showing: authority.client("lamp.d3", serial: 3))
                #expect(answer.code == 0)
                try await gateway.submit(
                    .authorities(.revoke(id, authority.revocations([1, 2], number: 1))))
                for client in lost {
                    #expect(
                        try client.untilClosed()
                            == [.disconnect(code: 0x87, reasonString: Self.revoked)])
                }
                try last.ping()
                try await gateway.submit(.authorities(.setOn(id, false)))
                #expect(try last.untilClosed().count == 1)
                for client in clients { try client.ping() }
            }
        }

        @Test(
            "E6: while 200 connect, certificates that are revoked let none in once the books have said so"
        )
        func race() async throws {
            let authority = try TestAuthority(name: "CA")
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct(codes: 100)
                let count = 10
                var contexts: [TLSContext] = []
                for number in 0..<count {
                    _ = try await gateway.importUnregistered("d\(number)", into: lamp)
                    contexts.append(
                        try authority.client("lamp.d\(number)", serial: UInt8(number + 1)))
                }
                let id = try await gateway.register(authority, of: lamp.account)
                let serials = (0..<count).map { UInt8($0 + 1) }
                let list = try authority.revocations(serials, number: 1)
                let course = Course()
                try await withThrowingTaskGroup(of: (Int, Int).self) { group in
                    for context in contexts {
                        group.addTask {
                            try Self.connectOften(context, to: gateway.tlsPort, course)
                        }
                    }
                    try await until { course.letIn.load(ordering: .relaxed) > 0 }
                    try await gateway.submit(.authorities(.revoke(id, list)))
                    course.isRevoked.store(true, ordering: .sequentiallyConsistent)
                    var (before, after) = (0, 0)
                    for try await (letIn, late) in group {
                        before += letIn
                        after += late
                    }
                    #expect(before > 0 && after == 0)
                }
                for number in 0..<count {
                    let device = lamp.identity("d\(number)")
                    #expect(await gateway.gateway.connection(of: device) == nil)
                }
            }
        }

        /// What the connecting ones and the revoking one know of each other.
        private final class Course: Sendable {
            let letIn = Atomic(0)
            let isRevoked = Atomic(false)
        }

        /// Connects twenty times, with the session from before, and then waits for the end of all connections. Answers
        /// how often it was let in, and how often by an attempt that began when the certificate was revoked.
        private static func connectOften(
            _ context: TLSContext, to port: UInt16, _ course: Course
        ) throws -> (letIn: Int, late: Int) {
            var clients: [TestClient] = []
            var ticket: TLSResumption?
            var (letIn, late) = (0, 0)
            for _ in 0..<20 {
                let wasRevoked = course.isRevoked.load(ordering: .sequentiallyConsistent)
                let client = try TestClient(port: port, context: context, resuming: ticket)
                // It may be told to go before it was answered.
                let answer = try? client.connect(as: .anonymous("any"))
                #expect(answer == nil || answer?.code == 0 || answer?.code == 0x87)
                if answer?.code == 0 {
                    letIn += 1
                    course.letIn.add(1, ordering: .relaxed)
                    if wasRevoked { late += 1 }
                }
                ticket = client.resumption ?? ticket
                clients.append(client)
            }
            for client in clients { _ = try client.untilClosed() }
            return (letIn, late)
        }
    }
}
