import Admin
import ArgumentParser
import Bytes
import Cryptography
import FoundationEssentials
import Ledger
import MQTT
import NIOCore
import NIOPosix
import TLS

/// Sees from outside whether a gateway works.
struct Probe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks from outside that a gateway answers: TCP, TLS, CONNECT, PING, readiness.",
        discussion: """
            Without --user or --device, an orderly refusal is an answer. The password of a user, or \
            the secret of a device, comes from TOLLGATE_PROBE_PASSWORD. A device that is let in is \
            activated as if it had connected itself. Exit code 0 when all is well, else 1.
            """
    )

    @Option(help: "mqtts://HOST[:PORT] or mqtt://HOST[:PORT].") var url = "mqtts://localhost:8883"
    @Option(help: "Also ask http://HOST:PORT/readyz, or https.") var http: String?
    @Option(help: "PEM file of the authorities that the server's certificate must come from.")
    var ca: String?
    @Option(help: "The user name to connect with.") var user: String?
    @Option(help: "The client id to connect with.") var clientID = ""
    @Option(help: "Connect as this device, PK/DK, which signs with its secret.")
    var device: String?
    @Option(help: "Seconds until an answer is late.") var timeout = 10
    @Flag(help: "JSON for programs.") var json = false

    func validate() throws {
        if device != nil, user != nil || !clientID.isEmpty {
            throw ValidationError("--device says who connects: leave --user and --client-id out")
        }
    }

    func run() async throws {
        let start = ContinuousClock.now
        var problems: [String] = []
        var answer: MQTTProbe.Answer?
        do {
            answer = try await probe()
        } catch {
            problems.append("\(url): \((error as? Failure)?.text ?? HTTPClient.text(of: error))")
        }
        if let answer, user ?? device != nil, !answer.hasPonged {
            problems.append("\(url): refused, \(answer.reason)")
        }
        if let http, let problem = await readiness(http) { problems.append(problem) }
        try report(problems, answer, ContinuousClock.now - start)
        if !problems.isEmpty { throw ExitCode(1) }
    }

    private func report(
        _ problems: [String],
        _ answer: MQTTProbe.Answer?,
        _ duration: Duration
    ) throws(Failure) {
        let milliseconds = duration / .milliseconds(1)
        if json {
            let document: JSON = [
                "ok": .bool(problems.isEmpty),
                "connack": answer.map { .text("\($0.reason)") } ?? .null,
                "pong": .bool(answer?.hasPonged == true),
                "milliseconds": .number(milliseconds),
                "problems": .array(problems.map { .text($0) }),
            ]
            try Output.json(document.bytes)
        } else if problems.isEmpty, let answer {
            try Output.say("\(url) answers: \(answer.reason), after \(Int(milliseconds)) ms")
        }
        for problem in problems where !json { Output.complain(problem) }
    }

    private func probe() async throws -> MQTTProbe.Answer {
        guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty,
            let scheme = parts.scheme, ["mqtt", "mqtts"].contains(scheme)
        else { throw Failure(text: "must be mqtts://HOST[:PORT] or mqtt://HOST[:PORT]", code: 2) }
        let isEncrypted = scheme == "mqtts"
        let password = ProcessInfo.processInfo.environment["TOLLGATE_PROBE_PASSWORD"]
        let signature = try device.map { device throws(Failure) in
            try DeviceSignature(device: device, secret: password ?? "", isEncrypted: isEncrypted)
        }
        let probe = MQTTProbe(
            host: host, port: parts.port ?? (isEncrypted ? 8_883 : 1_883),
            isEncrypted: isEncrypted, authorityFile: ca,
            userName: signature?.userName ?? user, password: signature?.password ?? password,
            clientID: signature?.clientID ?? clientID)
        return try await within(.seconds(timeout), orElse: "no answer within \(timeout) s") {
            try await probe.run()
        }
    }

    private func readiness(_ url: String) async -> String? {
        do throws(Failure) {
            let client = try HTTPClient(url: url, authorityFile: ca)
            let answer = try await client.send(.get, "/readyz", timeout: .seconds(timeout))
            if answer.status == 200 { return nil }
            let reasons = JSON(parsing: answer.bytes)?["reasons"]?.array ?? []
            let names = reasons.compactMap { $0["name"]?.text }.joined(separator: ", ")
            return "\(url)/readyz: \(answer.status) \(names)"
        } catch {
            return error.text
        }
    }
}

/// Connects as an MQTT 5 client and sees whether the server answers: TCP, TLS, CONNECT, PING.
struct MQTTProbe {
    let host: String
    let port: Int
    let isEncrypted: Bool
    let authorityFile: String?
    let userName: String?
    let password: String?
    let clientID: String

    /// What was answered: `accepted`, or the reason of an orderly refusal.
    struct Answer: Sendable {
        let reason: ReasonCode
        let hasPonged: Bool
    }

    func run() async throws -> Answer {
        var context: TLSContext?
        if isEncrypted {
            context = try TLSContext(
                connecting: TLSClientConfiguration(authorityFile: authorityFile))
        }
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(5))
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<NIOCore.ByteBuffer, NIOCore.ByteBuffer>(
                        wrappingChannelSynchronously: channel
                    )
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var wire = try Wire(context, serverName: host)
            var isConnecting = false
            var reason: ReasonCode?
            func flush() async throws {
                if wire.isOpen, !isConnecting {
                    try wire.send(connect().span)
                    isConnecting = true
                }
                let bytes = wire.takeOutput()
                if !bytes.isEmpty { try await outbound.write(NIOCore.ByteBuffer(bytes: bytes)) }
            }
            try await flush()
            for try await buffer in inbound {
                try wire.receive(Array(buffer.readableBytesView))
                while let packet = try Self.nextPacket(&wire) {
                    switch packet {
                    case .connack(.success):
                        reason = .success
                        try wire.send(Self.ping().span)
                    case .connack(let refusal):
                        return Answer(reason: refusal, hasPonged: false)
                    case .pong:
                        return Answer(reason: reason ?? .success, hasPonged: true)
                    case .other: break
                    }
                }
                try await flush()
            }
            throw Failure(text: "the server closed the connection without an answer")
        }
    }

    private enum Packet { case connack(ReasonCode), pong, other }

    private static func nextPacket(_ wire: inout Wire) throws -> Packet? {
        let next = try Framing.next(in: wire.received, maximumPacketSize: 65_536)
        guard case .packet(let header, let headerLength, let totalLength) = next else { return nil }
        var packet = Packet.other
        switch header.type {
        case .connack:
            let body = wire.received.extracting(headerLength..<totalLength)
            packet = .connack(try Connack(decoding: body, version: .v5).reason)
        case .pingresp: packet = .pong
        default: break
        }
        wire.dropReceived(totalLength)
        return packet
    }

    private func connect() -> Bytes.ByteBuffer {
        var buffer = Bytes.ByteBuffer()
        let (clientID, userName) = (Array(clientID.utf8), userName.map { Array($0.utf8) })
        let password = password.map { Array($0.utf8) }
        Connect.encode(
            clientID: clientID.span, keepAliveSeconds: 30, userName: userName?.span,
            password: password?.span, version: .v5, into: &buffer)
        return buffer
    }

    private static func ping() -> Bytes.ByteBuffer {
        var buffer = Bytes.ByteBuffer()
        Pingreq.encode(into: &buffer)
        return buffer
    }
}

/// What a device connects with when it signs (Wire.md, "Who connects"): as good on a plain listener
/// as on TLS, because the secret itself does not go over the wire.
struct DeviceSignature {
    let userName: String
    let clientID: String
    let password: String

    /// - Parameters:
    ///   - device: `{PK}/{DK}`.
    ///   - secret: the DeviceSecret.
    ///   - isEncrypted: whether it connects over TLS, which the client id says (`securemode`).
    init(device: String, secret: String, isEncrypted: Bool) throws(Failure) {
        guard let slash = device.firstIndex(of: "/"),
            let product = ProductKey(String(device[..<slash])),
            let key = DeviceKey(String(device[device.index(after: slash)...]))
        else { throw Failure(text: "\(device): must be PK/DK", code: 2) }
        userName = "\(key)&\(product)"
        clientID = "\(product).\(key)|securemode=\(isEncrypted ? 2 : 3),signmethod=hmacsha256|"
        var code = HMACSHA256(key: Array(secret.utf8).span)
        let message = "clientId\(product).\(key)deviceName\(key)productKey\(product)"
        code.update(Array(message.utf8).span)
        password = "\(code.finalize())"
    }
}

/// A client's side of a connection without the socket: MQTT bytes on one side, what goes over the
/// network on the other, with or without TLS between them.
struct Wire: ~Copyable {
    private var session: TLSSession?
    private var port = TLSPort()
    private var plaintext = Bytes.ByteBuffer()
    private var output = Bytes.ByteBuffer()

    /// Plain, when there is no context.
    init(_ context: TLSContext?, serverName: String) throws(TLSError) {
        if let context {
            session = try TLSSession(connecting: context, serverName: serverName)
            try receive([])
        } else {
            session = nil
        }
    }

    /// Whether MQTT can be spoken.
    var isOpen: Bool {
        switch session {
        case .some(let session): session.isEstablished
        case .none: true
        }
    }

    mutating func receive(_ bytes: [UInt8]) throws(TLSError) {
        let state = try session?.receive(
            bytes.span, through: &port, into: &plaintext, output: &output)
        if state == nil { plaintext.append(bytes.span) }
    }

    mutating func send(_ bytes: Span<UInt8>) throws(TLSError) {
        let sent: Void? = try session?.send(bytes, through: &port, output: &output)
        if sent == nil { output.append(bytes) }
    }

    mutating func takeOutput() -> [UInt8] {
        defer { output.removeAll() }
        return output.span.bytesArray
    }

    /// What came from the server, in the clear.
    var received: Span<UInt8> {
        @_lifetime(borrow self)
        get { plaintext.span }
    }

    mutating func dropReceived(_ count: Int) { plaintext.removeFirst(count) }
}
