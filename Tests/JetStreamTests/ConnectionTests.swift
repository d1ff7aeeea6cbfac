import Linux
import NATSServers
import Processes
import Support
import Testing

@testable import JetStream

@Suite("Connections of libnats", .waits)
struct ConnectionTests {
    private static let rounds = 4_000

    @Test("subscriptions end while messages for them are read, and none is freed too early")
    func endings() throws {
        let servers = try NATSServers(1)
        let settings = servers.settings()
        let done = Monitor(0)
        let threads = try (0..<4).map { _ in
            let link = try Link(settings)
            return try Thread(name: "endings") {
                for number in 0..<Self.rounds {
                    guard
                        let subscription = try? link.connection.subscribe(to: "busy.\(number % 4)")
                    else { continue }
                    for _ in 0..<8 {
                        try? link.connection.publish([1, 2, 3], on: "busy.\(number % 4)")
                    }
                    // What comes behind the first is on its way when the subscription goes.
                    if (try? subscription.next(milliseconds: 1_000).bytes) != nil {
                        done.change { $0 += 1 }
                    }
                }
                link.close()
            }
        }
        for thread in threads { thread.join() }
        #expect(done.look { $0 } == 4 * Self.rounds)
    }

    @Test("a request is answered, or hears that no one listens, or has no answer in time")
    func requests() throws {
        let servers = try NATSServers(1)
        let link = try Link(servers.settings())
        defer { link.close() }
        let connection = link.connection
        #expect(
            kind { _ = try connection.request([], on: "x", milliseconds: 1_000).bytes }
                == .noResponders)
        let silent = try connection.subscribe(to: "silent")
        #expect(
            kind { _ = try connection.request([1], on: "silent", milliseconds: 120).bytes }
                == .timeout)
        let asked = try silent.next(milliseconds: 1_000)
        let (bytes, reply) = (asked.bytes, asked.reply)
        #expect(bytes == [1] && !reply.isEmpty)
        let answer = try connection.request(
            [], on: "$JS.API.INFO", milliseconds: Int64(Patience.seconds * 1_000)
        ).bytes
        #expect(String(decoding: answer, as: UTF8.self).contains("account_info_response"))
    }

    private func kind(_ body: () throws -> Void) -> NATSFailure.Kind? {
        do {
            try body()
            return nil
        } catch {
            return (error as? NATSFailure)?.kind
        }
    }
}
