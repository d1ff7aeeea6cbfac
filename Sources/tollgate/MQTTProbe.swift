import Bytes
import Cryptography
import Gateway
import Ledger
import MQTT
import NIOCore
import NIOPosix
import TLS

/// Connects as an MQTT 5 client and sees whether the server answers: TCP, TLS, CONNECT, PING.
struct MQTTProbe {
    let host: String
    let port: Int
    let isEncrypted: Bool

    /// `nil`: MQTT without a WebSocket.
    let webSocketPath: String?

    /// `nil` takes any certificate.
    let authorityFile: String?
    let userName: String?
    let password: String?
    let clientID: String

    /// How often a client that is let in is pinged.
    let pingCount: Int

    /// What was answered: `accepted`, or the reason of an orderly refusal.
    struct Answer: Sendable {
        let reason: ReasonCode

        /// The same in the gateway's words, as far as the answer tells; `nil` too of other servers.
        let refusal: Reason?
        let hasPonged: Bool

        /// From the start to the answer of CONNECT.
        let milliseconds: Double

        /// Until the server's certificate ends; `nil` without TLS.
        let certificateDays: Int64?

        /// In milliseconds: of PINGs, or of the connection up to its refusal.
        var roundTrips: [Double]
    }

    func run() async throws -> Answer {
        var context: TLSContext?
        if isEncrypted {
            context = try TLSContext(
                connecting: TLSClientConfiguration(
                    authorityFile: authorityFile,
                    applicationProtocols: webSocketPath == nil ? [] : ["http/1.1"]))
        }
        let start = ContinuousClock.now
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
            let webSocket = webSocketPath.map { WebSocketClient(host: host, port: port, path: $0) }
            var wire = try Wire(context, serverName: host, in: webSocket)
            var exchange = Exchange(start: start, pingCount: pingCount)
            var isConnecting = false
            func flush() async throws {
                if try wire.isReady(), !isConnecting {
                    try wire.send(connect().span)
                    isConnecting = true
                }
                let bytes = try wire.takeOutput()
                if !bytes.isEmpty { try await outbound.write(NIOCore.ByteBuffer(bytes: bytes)) }
            }
            try await flush()
            for try await buffer in inbound {
                try wire.receive(Array(buffer.readableBytesView))
                while let packet = try Self.nextPacket(&wire) {
                    switch exchange.take(packet) {
                    case .ping: try wire.send(Self.ping().span)
                    case .answer(let reason, let refusal):
                        return exchange.answer(reason, refusal, wire.certificateEndSeconds)
                    case .wait: break
                    }
                }
                // What came before the Close was read.
                if wire.isClosed { break }
                try await flush()
            }
            throw Failure(text: "the server closed the connection without an answer")
        }
    }

    /// How far a probe is, and what it has measured.
    private struct Exchange {
        enum Step { case ping, answer(ReasonCode, Reason?), wait }

        let start: ContinuousClock.Instant
        let pingCount: Int
        private var answered: ContinuousClock.Instant?
        private var pinged = ContinuousClock.now
        private var roundTrips: [Double] = []

        init(start: ContinuousClock.Instant, pingCount: Int) {
            self.start = start
            self.pingCount = pingCount
        }

        mutating func take(_ packet: Packet) -> Step {
            switch packet {
            case .connack(let reason, let refusal):
                answered = .now
                guard reason == .success else { return .answer(reason, refusal) }
                pinged = .now
                return .ping
            case .pong:
                roundTrips.append((.now - pinged) / .milliseconds(1))
                guard roundTrips.count < pingCount else { return .answer(.success, nil) }
                pinged = .now
                return .ping
            case .other: return .wait
            }
        }

        func answer(
            _ reason: ReasonCode, _ refusal: Reason?, _ certificateEndSeconds: Int64?
        ) -> Answer {
            let milliseconds = ((answered ?? .now) - start) / .milliseconds(1)
            return Answer(
                reason: reason, refusal: refusal, hasPonged: reason == .success,
                milliseconds: milliseconds,
                certificateDays: certificateEndSeconds.map { ConfigVerbs.Check.days(until: $0) },
                roundTrips: roundTrips.isEmpty ? [milliseconds] : roundTrips)
        }
    }

    private enum Packet { case connack(ReasonCode, Reason?), pong, other }

    private static func nextPacket(_ wire: inout Wire) throws -> Packet? {
        let next = try Framing.next(in: wire.received, maximumPacketSize: 65_536)
        guard case .packet(let header, let headerLength, let totalLength) = next else { return nil }
        var packet = Packet.other
        switch header.type {
        case .connack:
            let body = wire.received.extracting(headerLength..<totalLength)
            let connack = try Connack(decoding: body, version: .v5)
            var text: String?
            if let reasonString = connack.properties.reasonString { text = reasonString.text }
            let refusal = Reason.allCases.first {
                $0.text == text && $0.reasonCode == connack.reason
            }
            packet = .connack(connack.reason, refusal)
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

extension ReasonCode {
    /// As the standard has it, in small letters: `bad user name or password`.
    var words: String {
        "\(self)".reduce(into: "") { words, character in
            words += character.isUppercase ? " " + character.lowercased() : String(character)
        }
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
/// network on the other, with or without TLS and a WebSocket between them.
struct Wire: ~Copyable {
    private var session: TLSSession?
    private var port = TLSPort()
    private var webSocket: WebSocketClient?

    /// What TLS has deciphered.
    private var clear = Bytes.ByteBuffer()
    private var mqtt = Bytes.ByteBuffer()
    private var output = Bytes.ByteBuffer()

    /// Plain, when there is no context.
    init(
        _ context: TLSContext?,
        serverName: String,
        in webSocket: WebSocketClient? = nil
    ) throws {
        self.webSocket = webSocket
        if let context {
            session = try TLSSession(connecting: context, serverName: serverName)
            try receive([])
        } else {
            session = nil
        }
    }

    private var isEncryptionOpen: Bool {
        switch session {
        case .some(let session): session.isEstablished
        case .none: true
        }
    }

    /// Whether MQTT can be spoken. Where it can't for want of a WebSocket, asks for that.
    mutating func isReady() throws -> Bool {
        guard isEncryptionOpen else { return false }
        guard let isOpen = webSocket?.isOpen else { return true }
        if !isOpen { try flushWebSocket() }
        return isOpen
    }

    var isClosed: Bool { webSocket?.isClosed == true }

    private mutating func flushWebSocket() throws(TLSError) {
        guard isEncryptionOpen, let bytes = webSocket?.takeOutput(), !bytes.isEmpty else { return }
        try encipher(bytes.span)
    }

    mutating func receive(_ bytes: [UInt8]) throws {
        let state = try session?.receive(bytes.span, through: &port, into: &clear, output: &output)
        if state == nil { clear.append(bytes.span) }
        let content = clear.span.bytesArray
        clear.removeAll()
        guard webSocket != nil else { return mqtt.append(content.span) }
        try webSocket?.receive(content)
        let payload = webSocket?.takePayload() ?? []
        mqtt.append(payload.span)
    }

    mutating func send(_ bytes: Span<UInt8>) throws(TLSError) {
        guard webSocket != nil else { return try encipher(bytes) }
        webSocket?.send(bytes.bytesArray)
    }

    private mutating func encipher(_ bytes: Span<UInt8>) throws(TLSError) {
        let sent: Void? = try session?.send(bytes, through: &port, output: &output)
        if sent == nil { output.append(bytes) }
    }

    mutating func takeOutput() throws(TLSError) -> [UInt8] {
        try flushWebSocket()
        defer { output.removeAll() }
        return output.span.bytesArray
    }

    /// When the server's certificate ends; `nil` without TLS.
    var certificateEndSeconds: Int64? {
        switch session {
        case .some(let session): session.peerCertificateEndSeconds
        case .none: nil
        }
    }

    /// What came from the server, in the clear.
    var received: Span<UInt8> {
        @_lifetime(borrow self)
        get { mqtt.span }
    }

    mutating func dropReceived(_ count: Int) { mqtt.removeFirst(count) }
}
