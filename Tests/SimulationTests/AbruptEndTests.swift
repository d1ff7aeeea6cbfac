import Bytes
import Gateway
import Ledger
import Linux
import MQTT
import Processes
import Reactor
import Support
import TLS
import Testing
import Time

@Suite(.waits) struct AbruptEndTests {
    @Test(
        "A close, or garbage, in the same bytes as the CONNECT ends that connection only, on any shard"
    )
    func endBehindConnect() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(codes: 20)
            let names = (0..<12).map { "dk\($0)" }
            let devices = try await replay.world.importDevices(names, into: product)
            for (index, device) in devices.enumerated() {
                try Self.connectAndEnd(
                    as: .signed(device, secureMode: 2), replay.world, garbage: index % 2 == 0)
            }
            // Every one of them can connect still, and has consumed one code at most.
            for device in devices { #expect(try replay.knock(device) == 0) }
            #expect(try replay.figures(of: product).consumed == 12)
            #expect(await replay.world.gateway.onlineCount(of: product.key) == 0)
        }
    }

    @Test("A device that connects, asks and goes in one packet leaves its counter to nobody else")
    func takeOverAndGo() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(codes: 20, messagesPerDay: 50)
            let names = (0..<6).map { "dk\($0)" }
            let devices = try await replay.world.importDevices(names, into: product)
            var clients = try devices.map { device in
                try replay.connect(device, will: TestWill(topic: device.up("will"), payload: "x"))
            }
            var sent = Array(repeating: 0, count: devices.count)
            for round in 0..<30 {
                let index = round % devices.count
                // Settled: the store has every count, so a released counter goes at once.
                try await replay.pass(milliseconds: 6_000)
                let hasty = try TestClient(port: replay.world.plainPort)
                try hasty.send(Self.connectAskAndGo(devices[index]))
                _ = try hasty.untilClosed()
                #expect(try clients[index].endingCode() == 0x8E)
                // Taken over, it leaves its will, which is metered like any message.
                sent[index] += 1
                clients[index] = try replay.connect(
                    devices[index],
                    will: TestWill(topic: devices[index].up("will"), payload: "x")
                )
                for (other, client) in clients.enumerated() {
                    #expect(try replay.publish(devices[other], through: client) == 0)
                    sent[other] += 1
                }
                for (device, count) in zip(devices, sent) where round % 5 == 4 {
                    let usage = try await replay.world.gateway.usage(of: device.identity)
                    #expect(Int(usage.today.used) == count)
                }
            }
        }
    }

    /// CONNECT, a question for the quota, and DISCONNECT.
    private static func connectAskAndGo(_ device: TestDevice) -> [UInt8] {
        let credentials = TestCredentials.signed(device, secureMode: 3)
        var bytes = ByteBuffer()
        append(credentials, to: &bytes)
        let topic = Array(device.sys("quota/get").utf8)
        Publish.encode(topic: topic.span, payload: Span(), version: .v5, into: &bytes)
        Disconnect.encode(version: .v5, into: &bytes)
        return bytes.span.bytesArray
    }

    private static func append(_ credentials: TestCredentials, to bytes: inout ByteBuffer) {
        let clientID = Array(credentials.clientID.utf8)
        let userName = Array((credentials.userName ?? "").utf8)
        let password = Array((credentials.password ?? "").utf8)
        Connect.encode(
            clientID: clientID.span,
            isCleanStart: true,
            keepAliveSeconds: 0,
            userName: userName.span,
            password: password.span,
            version: .v5,
            into: &bytes
        )
    }

    /// Shakes hands, and sends CONNECT and the end of it in one write.
    private static func connectAndEnd(
        as credentials: TestCredentials,
        _ world: TestGateway,
        garbage: Bool
    ) throws {
        let descriptor = try SocketHandle.connect(
            to: SocketAddress(.loopbackIPv4, port: world.tlsPort))
        var session = try TLSSession(
            connecting: world.certificates.clientContext, serverName: "localhost")
        var port = TLSPort()
        var plaintext = ByteBuffer()
        var records = ByteBuffer()
        _ = try session.receive(Span(), through: &port, into: &plaintext, output: &records)
        try write(&records, descriptor.socket)
        while !session.isEstablished {
            var arrived = ByteBuffer()
            guard try read(descriptor.socket, into: &arrived) else { throw TLSEnded() }
            _ = try session.receive(
                arrived.span, through: &port, into: &plaintext, output: &records)
            if !session.isEstablished { try write(&records, descriptor.socket) }
        }
        var connect = ByteBuffer()
        append(credentials, to: &connect)
        try session.send(connect.span, through: &port, output: &records)
        if garbage {
            let record: [UInt8] = [0x17, 3, 3, 0, 20] + [UInt8](repeating: 0xAA, count: 20)
            records.append(record.span)
        } else {
            session.close(through: &port, output: &records)
        }
        try write(&records, descriptor.socket)
        var rest = ByteBuffer()
        while try read(descriptor.socket, into: &rest) {}
    }

    private struct TLSEnded: Error {}

    private static func write(_ bytes: inout ByteBuffer, _ socket: SocketHandle) throws {
        while !bytes.isEmpty {
            do {
                if case .sent(let count) = try socket.send(bytes.span) { bytes.removeFirst(count) }
            } catch Errno.notConnected {
                // Still on its way.
            }
        }
    }

    /// Waits for bytes; false at the end.
    private static func read(_ socket: SocketHandle, into bytes: inout ByteBuffer) throws -> Bool {
        var isOver = false
        let before = bytes.count
        while bytes.count == before, !isOver {
            do throws(Errno) {
                _ = try unsafe bytes.appendUnsafely(minimum: 16_384) { region throws(Errno) in
                    // Safe: the region is the buffer's own free memory.
                    switch try unsafe socket.receive(into: region) {
                    case .bytes(let count): return count
                    case .wouldBlock: return 0
                    case .closed:
                        isOver = true
                        return 0
                    }
                }
            } catch {
                isOver = true
            }
        }
        return !isOver
    }
}
