import Bytes
import Encoding
public import Linux

/// One end of the socket between the gateway and its courier: messages in both directions, each with its length of
/// four bytes before it. Nothing waits; the caller watches the socket.
public struct CourierChannel: ~Copyable {
    private let socket: SocketHandle
    private var incoming = ByteBuffer()
    private var outgoing = ByteBuffer()

    /// Of one message, in bytes.
    public static var messageMaximum: Int { 1 << 20 }

    /// - Parameter socket: stays open as long as this is used.
    public init(on socket: SocketHandle) { self.socket = socket }

    /// Whether there is something that the socket did not take yet.
    public var isFlushed: Bool { outgoing.isEmpty }

    /// Queues a message; `flush` sends it.
    public mutating func post(_ message: some CourierMessage) {
        var bytes = ByteBuffer()
        message.encode(into: &bytes)
        outgoing.append(UInt32(bytes.count))
        outgoing.append(bytes.span)
    }

    /// Sends what the socket takes. Throws when the other end is gone.
    public mutating func flush() throws(Errno) {
        while !outgoing.isEmpty {
            guard case .sent(let count) = try socket.send(outgoing.span) else { return }
            outgoing.removeFirst(count)
        }
    }

    /// Reads what is there; `nil` when the other end is gone, or has sent what is no such message.
    public mutating func receive<Message: CourierMessage>(
        _ type: Message.Type
    ) throws(Errno) -> [Message]? {
        var messages: [Message] = []
        while true {
            let socket = socket
            var result = ReceiveResult.wouldBlock
            // Safe: as many bytes count as the socket has written there.
            _ = try unsafe incoming.appendUnsafely(minimum: 65_536) { target throws(Errno) in
                result = try unsafe socket.receive(into: target)
                if case .bytes(let count) = result { return count }
                return 0
            }
            switch result {
            case .bytes: break
            case .wouldBlock: return messages
            case .closed: return nil
            }
            guard takeMessages(into: &messages) else { return nil }
        }
    }

    /// False when what has come is no message.
    private mutating func takeMessages<Message: CourierMessage>(
        into messages: inout [Message]
    ) -> Bool {
        while incoming.count >= 4 {
            var length = ByteReader(incoming.span)
            guard let count = length.readUInt32().map({ Int($0) }), count <= Self.messageMaximum
            else { return false }
            guard incoming.count >= 4 + count else { return true }
            var reader = ByteReader(incoming.span.extracting(4..<(4 + count)))
            guard let message = try? Message(from: &reader), reader.isAtEnd else { return false }
            messages.append(message)
            incoming.removeFirst(4 + count)
        }
        return true
    }
}
