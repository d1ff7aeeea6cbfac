import Bytes
import Glibc
public import Linux
import Reactor

/// Very many clients on one thread: each sends its bytes as soon as its socket is open, and goes
/// when it has been answered, or when the gateway has closed it.
public struct ConnectCrowd: ~Copyable {
    private struct Member: ~Copyable {
        let descriptor: Descriptor
        let number: Int
        var unsent: Int
        var isSending = true

        init(_ descriptor: consuming Descriptor, number: Int, bytes: Int) {
            self.descriptor = descriptor
            self.number = number
            unsent = bytes
        }
    }

    /// What a member does when all its bytes have been sent.
    public enum Manner: Sendable {
        /// Waits for the first packet, keeps it as the answer, and goes.
        case waitsForAnswer
        /// Sends no more, and waits until the gateway closes the connection.
        case waitsForEnd
    }

    private let address: SocketAddress
    private let manner: Manner
    private let epoll: Epoll
    private var events = EventBuffer(capacity: 1_024)
    private var table: SlotMap<Member>
    private var messages: [[UInt8]] = []
    private var next = 0

    /// The first bytes that each was sent, in the order of the messages; empty when it was closed
    /// without any.
    private var answers: [[UInt8]] = []

    /// Sends each of `messages` to `port` on a connection of its own, at most `width` of them at once;
    /// answers what came first on each. Throws `timedOut` when not all are done after `seconds`.
    public static func send(
        _ messages: [[UInt8]],
        to port: UInt16,
        width: Int,
        manner: Manner,
        seconds: Double
    ) throws(Errno) -> [[UInt8]] {
        var crowd = try ConnectCrowd(port: port, width: width, manner: manner)
        try crowd.run(messages, seconds: seconds)
        return crowd.answers
    }

    private init(port: UInt16, width: Int, manner: Manner) throws(Errno) {
        address = SocketAddress(.loopbackIPv4, port: port)
        self.manner = manner
        epoll = try Epoll()
        table = SlotMap(limit: width)
    }

    private mutating func run(_ messages: [[UInt8]], seconds: Double) throws(Errno) {
        self.messages = messages
        next = 0
        answers = Array(repeating: [], count: messages.count)
        let deadline = MonotonicInstant.now().adding(milliseconds: Int64(seconds * 1_000))
        while next < messages.count || !table.isEmpty {
            while next < messages.count, !table.isFull { try open() }
            try epoll.wait(into: &events, timeoutMilliseconds: 100)
            for index in 0..<events.count { try serve(events[index]) }
            if MonotonicInstant.now() > deadline { throw Errno(rawValue: ETIMEDOUT) }
        }
    }

    private mutating func open() throws(Errno) {
        let descriptor = try SocketHandle.connect(to: address)
        let number = descriptor.rawValue
        let member = Member(descriptor, number: next, bytes: messages[next].count)
        next += 1
        guard let token = table.insert(member) else { return }
        try epoll.add(number, interest: [.read, .write], userData: token.rawValue)
    }

    private mutating func serve(_ event: ReadyEvent) throws(Errno) {
        let token = Token(rawValue: event.userData)
        guard table.contains(token) else { return }
        if event.isWritable, table[slot: token.slot].isSending { try send(token) }
        if event.isReadable, table.contains(token) { receive(token) }
    }

    private mutating func send(_ token: Token) throws(Errno) {
        let slot = token.slot
        let socket = table[slot: slot].descriptor.socket
        let message = messages[table[slot: slot].number]
        let rest = message.span.extracting(last: table[slot: slot].unsent)
        do throws(Errno) {
            if case .sent(let count) = try socket.send(rest) { table[slot: slot].unsent -= count }
        } catch {
            return leave(token)
        }
        guard table[slot: slot].unsent == 0 else { return }
        table[slot: slot].isSending = false
        try epoll.modify(socket.rawValue, interest: .read, userData: token.rawValue)
        if manner == .waitsForEnd { try? socket.shutdownWriting() }
    }

    private mutating func receive(_ token: Token) {
        let number = table[slot: token.slot].number
        var arrived = ByteBuffer()
        var isClosed = false
        let socket = table[slot: token.slot].descriptor.socket
        do throws(Errno) {
            _ = try unsafe arrived.appendUnsafely(minimum: 4_096) { region throws(Errno) in
                // Safe: the region is the buffer's own free memory.
                switch try unsafe socket.receive(into: region) {
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
        if answers[number].isEmpty { answers[number] = arrived.span.bytesArray }
        if isClosed || (manner == .waitsForAnswer && !arrived.isEmpty) { leave(token) }
    }

    /// Goes with a reset, so that the port is free at once.
    private mutating func leave(_ token: Token) {
        guard let member = table.remove(token) else { return }
        try? member.descriptor.socket.resetOnClose()
    }
}
