internal import Bytes
internal import Linux
internal import TLS

/// One client of a loop. It keeps its slot, and has one connection after the other.
struct Client: ~Copyable {
    private var descriptor: Descriptor?
    private(set) var handle = SocketHandle(rawValue: -1)

    /// Counts connections: events of an earlier one are dropped. Odd, as a connection's token is.
    private(set) var generation: UInt32 = 1
    var stage = Stage.vacant

    /// Whether the kernel has said how TCP's attempt went, or anything else of it.
    var isConnected = false
    var session: TLSSession?
    var resumption: TLSResumption?

    /// Frames of the server that are not whole.
    var frames = ByteBuffer()

    /// A packet that is not whole.
    var input = ByteBuffer()

    /// What the socket did not take.
    var rest = ByteBuffer()
    var isWatchingWrites = false

    /// Its identity.
    var number: Int

    /// When its connection was due, in nanoseconds of the monotonic clock.
    var due: Int64 = 0

    /// What the server allows: messages under way, and seconds of silence.
    var window = 0
    var keepAliveSeconds: UInt16 = 0

    /// Messages of this client so far, those of earlier connections among them.
    var sent = 0
    var inflight = 0
    var packetID: UInt16 = 0
    var topic: [UInt8] = []

    /// Whether the PINGREQ behind its last message is to be answered yet.
    var awaitsPong = false

    init(number: Int) { self.number = number }

    var hasDescriptor: Bool { handle.rawValue >= 0 }

    mutating func adopt(_ descriptor: consuming Descriptor) {
        handle = descriptor.socket
        self.descriptor = consume descriptor
    }

    /// Closes the connection, and forgets all about it.
    mutating func close() {
        descriptor = nil
        handle = SocketHandle(rawValue: -1)
        generation &+= 2
        session = nil
        frames.removeAll()
        input.removeAll()
        rest.removeAll()
        isWatchingWrites = false
        isConnected = false
        inflight = 0
        awaitsPong = false
        stage = .vacant
    }
}
