import Bytes
import Glibc
import Linux
import MQTT
import RecordModel
import Support
import TLS

/// A client that shakes hands and connects honestly, and then has its records damaged on the wire. A model says what
/// has to become of them.
final class HostileTLSClient {
    enum Failure: Error {
        case timedOut(String)
        case closed(String)
        case unexpected(String)
    }

    /// What is sealed at most, and how long any wait may last on a machine that has much else to do.
    private static let publishCount = 6
    private static let patience: Int64 = 60_000

    private let descriptor: Descriptor
    private var tls: TLSSession
    private var port = TLSPort()
    private var input = ByteBuffer()
    private var model: RecordModel

    /// The number of its next record, and of its next message.
    private var number: Int
    private var packetID: UInt16 = 0
    private var isClosed = false

    /// The gateway has said close_notify.
    private var isToldClosed = false

    /// The alert that the gateway has ended the connection with.
    private var alert: UInt8?

    /// Connects, and waits for the CONNACK.
    init(
        port number: UInt16,
        context: TLSContext,
        resuming resumption: TLSResumption?,
        as credentials: TestCredentials
    ) throws {
        descriptor = try SocketHandle.connect(to: SocketAddress(.loopbackIPv4, port: number))
        try descriptor.socket.disableDelay()
        tls = try TLSSession(connecting: context, serverName: "localhost", resuming: resumption)
        // Until the version is known.
        model = RecordModel(.v1_3)
        self.number = 0
        try wait(for: POLLOUT, "the TCP connection")
        var records = ByteBuffer()
        _ = try tls.receive(Span(), through: &port, into: &input, output: &records)
        try write(records.span.bytesArray)
        while !tls.isEstablished {
            guard !isClosed else { throw Failure.closed("the handshake") }
            try read("the handshake")
        }
        try write(try seal(credentials.connectPacket(version: .v5)))
        while input.count < 4 || input.count < 2 + Int(input[1]) {
            guard !isClosed else { throw Failure.closed("the CONNACK") }
            try read("the CONNACK")
        }
        guard input[0] == 0x20, input[3] == 0 else { throw Failure.unexpected("no CONNACK") }
        input.removeAll()
        let isVersion13 = tls.version == .v1_3
        // The CONNECT was record 0 of its key, or in TLS 1.2 record 1, behind Finished.
        self.number = isVersion13 ? 1 : 2
        model = RecordModel(
            isVersion13 ? .v1_3 : .v1_2, explicitNonce: isVersion13 ? 0 : 8, number: self.number)
    }

    var resumption: TLSResumption? { tls.resumption }
    var isResumed: Bool { tls.isResumed }

    /// Records with a message or two each, and one that asks for an answer.
    func makeRecords(_ random: inout RecordRandom) throws -> [[UInt8]] {
        var records: [[UInt8]] = []
        for _ in 0..<1 + random.next(below: Self.publishCount) {
            var packet = ByteBuffer()
            for _ in 0...random.next(below: 2) {
                packetID += 1
                Publish.encode(
                    topic: "hostile/topic".utf8Span.span,
                    payload: random.bytes(random.next(below: 60)).span, qos: .atLeastOnce,
                    packetID: packetID, version: .v5, into: &packet)
            }
            records.append(try noted(packet.span.bytesArray))
        }
        records.append(try ping())
        return records
    }

    private func ping() throws -> [UInt8] { try noted([0xC0, 0]) }

    private func noted(_ content: [UInt8]) throws -> [UInt8] {
        let record = try seal(content)
        model.note(record, RecordModel.Sealed(type: 23, content: content, number: number))
        number += 1
        return record
    }

    private func seal(_ content: [UInt8]) throws -> [UInt8] {
        var record = ByteBuffer()
        try tls.send(content.span, through: &port, output: &record)
        return record.span.bytesArray
    }

    /// Sends the bytes, and what then makes clear what has become of them.
    func send(_ bytes: [UInt8], _ random: inout RecordRandom) throws {
        try sendToBoth(bytes)
        while model.isWaiting { try sendToBoth(random.bytes(6_000)) }
        if model.end == .open { try sendToBoth(try ping()) }
    }

    private func sendToBoth(_ bytes: [UInt8]) throws {
        model.receive(bytes)
        try write(bytes)
    }

    /// Waits for the end that the model says, or for all the answers; tells which alert it was, if it was one.
    func finish() throws -> UInt8? {
        let asked = packets(in: model.plaintext)
        switch model.end {
        case .open:
            while answers.pings < asked.pings {
                guard !isClosed else {
                    throw Failure.closed("the last PINGRESP, \(describe(asked))")
                }
                try read("the last PINGRESP")
            }
            let answers = answers
            guard answers == asked else {
                throw Failure.unexpected("\(answers) answers to \(describe(asked))")
            }
            // DISCONNECT.
            try write(try seal([0xE0, 0]))
            while !isClosed { try read("the end") }
            guard alert == nil, isToldClosed else {
                throw Failure.unexpected("alert \(alert ?? 0) at the end, not close_notify")
            }
        case .violation:
            while !isClosed { try read("the end, \(describe(asked))") }
            guard let alert, model.alerts.contains(alert) else {
                throw Failure.unexpected(
                    "alert \(alert.map { "\($0)" } ?? "none"), \(describe(asked))")
            }
            let answers = answers
            guard answers.messages.count <= asked.messages.count,
                asked.messages.starts(with: answers.messages), answers.pings <= asked.pings
            else { throw Failure.unexpected("\(answers) answers to \(describe(asked))") }
        case .closed, .peerAlert: throw Failure.unexpected("the model: \(model.end)")
        }
        return alert
    }

    private func describe(_ packets: Packets) -> String {
        "\(packets), model: \(model.end), \(model.alerts)"
    }

    /// Messages by their identifiers, or PUBACKs by theirs; PINGREQs or PINGRESPs by their number.
    private struct Packets: Equatable {
        var messages: [UInt16] = []
        var pings = 0
    }

    private var answers: Packets {
        let bytes = input.span.bytesArray
        return packets(in: bytes)
    }

    /// Of whole packets of less than 128 bytes.
    private func packets(in bytes: [UInt8]) -> Packets {
        var packets = Packets()
        var offset = 0
        while offset + 2 <= bytes.count, offset + 2 + Int(bytes[offset + 1]) <= bytes.count {
            let body = bytes[offset + 2..<offset + 2 + Int(bytes[offset + 1])]
            switch bytes[offset] >> 4 {
            case 3:
                let identifier = body.dropFirst(2 + "hostile/topic".utf8.count).prefix(2)
                packets.messages.append(identifier.reduce(0) { $0 << 8 | UInt16($1) })
            case 4: packets.messages.append(body.prefix(2).reduce(0) { $0 << 8 | UInt16($1) })
            case 12, 13: packets.pings += 1
            default: break
            }
            offset = body.endIndex
        }
        return packets
    }
}

// The socket.
extension HostileTLSClient {
    private func wait(for event: Int32, _ what: String) throws {
        let deadline = MonotonicInstant.now().adding(milliseconds: Self.patience)
        while true {
            var waiting = pollfd(fd: descriptor.rawValue, events: Int16(event), revents: 0)
            let left = max(deadline.milliseconds(since: .now()), 0)
            // Safe: one entry, ours.
            let count = unsafe poll(&waiting, 1, Int32(clamping: left))
            if count > 0 { return }
            if count == 0 { throw Failure.timedOut(what) }
        }
    }

    /// What is sent to a gateway that has ended the connection is lost.
    private func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            do throws(Errno) {
                switch try descriptor.socket.send(rest.span) {
                case .sent(let count): rest = rest.dropFirst(count)
                case .wouldBlock: break
                }
            } catch {
                return
            }
            if !rest.isEmpty { try wait(for: POLLOUT, "room in the socket") }
        }
    }

    /// Reads once, and notes the end.
    private func read(_ what: String) throws {
        try wait(for: POLLIN, what)
        var arrived = ByteBuffer()
        do throws(Errno) {
            _ = try unsafe arrived.appendUnsafely(minimum: 65_536) { region throws(Errno) in
                // Safe: the region is the buffer's own free memory.
                switch try unsafe descriptor.socket.receive(into: region) {
                case .bytes(let count): return count
                case .wouldBlock: return 0
                case .closed:
                    isClosed = true
                    return 0
                }
            }
        } catch {
            isClosed = true
        }
        guard !arrived.isEmpty, alert == nil else { return }
        var records = ByteBuffer()
        do throws(TLSError) {
            let state = try tls.receive(
                arrived.span, through: &port, into: &input, output: &records)
            if state == .closed { isToldClosed = true }
        } catch {
            switch error.reason {
            case .peerAlert(let told): alert = told.rawValue
            case .ended: break
            case .unreadableFile, .malformedFile, .wrongPassword, .keyMismatch, .refusedSetting,
                .noUsableCipherSuite,
                .refusedCertificate, .unprovenKeys, .protocolViolation, .library:
                throw error
            }
        }
        try write(records.span.bytesArray)
    }
}
