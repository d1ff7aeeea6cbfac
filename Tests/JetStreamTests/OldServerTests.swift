import Glibc
import Linux
import Processes
import Support
import Synchronization
import Testing

@testable import JetStream

/// Greets as a NATS server of some version does, and answers PING; nothing else.
private final class Greeter: Sendable {
    let port: UInt16
    private let isOver = Atomic<Bool>(false)

    init(version: String) throws {
        let listener = try SocketHandle.listen(
            at: SocketAddress(.loopbackIPv4, port: 0), reusePort: false, backlog: 16)
        let port = try listener.socket.localAddress().port
        self.port = port
        let greeting = """
            INFO {"server_id":"OLD","server_name":"old","version":"\(version)","proto":1,"headers":true,\
            "max_payload":1048576,"jetstream":true,"host":"127.0.0.1","port":\(port)}\r\n
            """
        let number = listener.release()
        _ = try Thread(name: "greeter") { [weak self] in
            Self.serve(Descriptor(adopting: number), Array(greeting.utf8)) {
                self?.isOver.load(ordering: .relaxed) ?? true
            }
        }
    }

    func stop() { isOver.store(true, ordering: .relaxed) }

    private static func serve(
        _ listener: consuming Descriptor, _ greeting: [UInt8], _ isOver: () -> Bool
    ) {
        var clients: [Int32] = []
        defer { for client in clients { close(client) } }
        while !isOver() {
            var waiting = ([listener.rawValue] + clients).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            // Safe: the entries are ours.
            guard unsafe poll(&waiting, nfds_t(waiting.count), 50) > 0 else { continue }
            for entry in waiting where entry.revents != 0 {
                if entry.fd == listener.rawValue {
                    guard let client = accept(listener.socket) else { continue }
                    clients.append(client)
                    _ = try? SocketHandle(rawValue: client).send(greeting.span)
                } else if !answer(entry.fd) {
                    close(entry.fd)
                    clients.removeAll { $0 == entry.fd }
                }
            }
        }
    }

    private static func accept(_ listener: SocketHandle) -> Int32? {
        do throws(Errno) {
            guard let accepted = try listener.accept() else { return nil }
            return accepted.takeDescriptor().release()
        } catch {
            return nil
        }
    }

    /// False when it has gone.
    private static func answer(_ client: Int32) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        // Safe: the bytes are ours, and lent for the call.
        let count = unsafe read(client, &bytes, bytes.count)
        guard count > 0 else { return false }
        if String(decoding: bytes.prefix(count), as: UTF8.self).contains("PING\r\n") {
            _ = try? SocketHandle(rawValue: client).send(Array("PONG\r\n".utf8).span)
        }
        return true
    }
}

@Suite("NATS servers that are too old", .waits)
struct OldServerTests {
    private func settings(_ greeter: Greeter) -> JetStreamSettings {
        var settings = JetStreamSettings(
            servers: ["nats://127.0.0.1:\(greeter.port)"], stream: "LEDGER",
            subject: "tollgate.LEDGER")
        settings.openMilliseconds = 2_000
        return settings
    }

    @Test("a server of another time is refused with its version, before anything is asked of it")
    func log() throws {
        let greeter = try Greeter(version: "2.9.10")
        defer { greeter.stop() }
        let expected = JetStreamError.tooOld(
            server: "127.0.0.1:\(greeter.port)", version: "2.9.10", minimum: "2.11.0")
        #expect(throws: expected) { try JetStreamLog(settings(greeter)) }
        #expect(throws: expected) { try JetStreamUplink(settings(greeter)) }
    }

    @Test("one of the least version is asked")
    func least() throws {
        let greeter = try Greeter(version: "2.11.0")
        defer { greeter.stop() }
        let opened = Result { () throws(JetStreamError) in
            try JetStreamLog(settings(greeter)).close()
        }
        guard case .failure(.unreachable) = opened else {
            Issue.record("\(opened)")
            return
        }
    }
}
