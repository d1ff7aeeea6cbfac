import Bytes
import MQTT
import NIOCore
import NIOPosix
import TLS

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
                let bytes = wire.takeOutput()
                if !bytes.isEmpty { try await outbound.write(NIOCore.ByteBuffer(bytes: bytes)) }
            }
            if wire.isOpen {
                try wire.send(connect().span)
                isConnecting = true
            }
            try await flush()
            for try await buffer in inbound {
                try wire.receive(Array(buffer.readableBytesView))
                if wire.isOpen, !isConnecting {
                    try wire.send(connect().span)
                    isConnecting = true
                }
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
            clientID: clientID.span,
            keepAliveSeconds: 30,
            userName: userName?.span,
            password: password?.span,
            version: .v5,
            into: &buffer
        )
        return buffer
    }

    private static func ping() -> Bytes.ByteBuffer {
        var buffer = Bytes.ByteBuffer()
        Pingreq.encode(into: &buffer)
        return buffer
    }
}
