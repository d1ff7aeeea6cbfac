import Bytes
import Ledger
import Linux
import MQTT
import Reactor
import Sessions
import Synchronization
import Time
import TLS
import WebSocket

/// One socket and everything that hangs on it: a slot of its shard's table, or on its way to
/// another shard.
///
/// While nothing is under way its buffers own no memory, and what few connections have is not in the slot
/// (`Rare`). So an idle connection costs its slot and what OpenSSL keeps. As most are idle, the fields are as
/// small as they may be, and in an order that leaves no gaps (`SizeTests`).
struct Connection: ~Copyable, Sendable {
    enum Phase: UInt8, Sendable {
        /// The proxy has to say whom it speaks for.
        case announcing
        /// The ClientHello has to say whether it is one of MQTT or of the API's.
        case sorting
        /// The TLS handshake is under way.
        case handshaking
        /// The first packet must come, and be a CONNECT ([MQTT-3.1.0-1]).
        case awaitingConnect
        /// CONNECT waits: for the ledger (`waitsForLedger`), or for other nodes; nothing more is read meanwhile.
        case admitting
        case open
        /// All that it is to get has been sent: it is to disconnect, or is closed after `departureMilliseconds`.
        case departing
        /// Waits for the end of the turn to be closed; takes part in nothing.
        case closing
    }

    /// How long a peer may take to disconnect by itself. Libraries that are closed on at once report the loss, and drop
    /// the packet in front of it.
    static let departureMilliseconds: Int64 = 2_000

    /// What few connections have, or for a moment only.
    struct Rare: ~Copyable, Sendable {
        var input = ByteBuffer()
        var ciphertext = ByteBuffer()
        var inboundAliases = InboundAliases()
        var outboundAliases = OutboundAliases()
        var will: StoredWill?
        var successor: Token?
        var limiter = OnDemand<TrafficLimiter>()
        var clientName: [UInt8] = []
        var parent: ParentDevice?
        var children: [Token] = []
        var childDeliveries = ChildDeliveries()
        var childrenToldTick: UInt64?
    }

    /// Packets to be sent.
    var output = ByteBuffer()
    var tls: TLSConnection?

    /// The packet in front stays unread until another shard serves it, or the ledger has answered;
    /// nothing behind it is read either.
    var holdsPacket = false

    /// The peer has closed its TLS session: nothing more will come.
    var isPeerDone = false
    var isFlushListed = false

    /// The entitlement has ended, and the ledger has been asked to renew it.
    var isRenewing = false

    /// Somebody follows the device live.
    var isTraced = false

    /// It had been admitted when its end was decided.
    var wasOpen = false

    /// Never read. Its address makes the struct address-only, so the compiler can't copy it for a call.
    private let anchor = Atomic<Bool>(false)

    /// What the bytes go through between TLS and the packets, on a listener for WebSockets.
    var webSocket: WebSocketSession?
    var rare = OnDemand<Rare>()

    /// When the time limit of its phase began to run: when it was accepted, had shaken hands, or had sent its CONNECT.
    var phaseBegan: MonotonicInstant

    /// When something last came, in ticks: keep-alive costs one store per read. While it is being admitted, since when it
    /// waits for the ledger, or `noTick`.
    var receivedTick: UInt64

    /// When the CONNECT was admitted; 0 before that, and again when applications have been told of the device's end.
    var openedAt = Timestamp(milliseconds: 0)
    var settings = NegotiatedSettings()
    var phase: Phase

    /// Where the client is: the other end of the socket, or what a proxy says there.
    var peer: SocketAddress
    let descriptor: Descriptor

    /// What epoll watches its socket for.
    var interest: Interest = []

    /// The session that it serves, from its admission until another connection takes that over.
    var session: Token?

    /// Set when the connection is to be closed: why.
    var ending: Reason?
    private let listenerNumber: UInt16

    /// The shard it belongs to, when that is another one.
    var newHome: UInt8?

    init(
        descriptor: consuming Descriptor,
        listener: Int,
        peer: SocketAddress,
        tls: consuming TLSConnection?,
        at time: ShardTime
    ) {
        self.descriptor = descriptor
        listenerNumber = UInt16(listener)
        self.peer = peer
        phase = tls == nil ? .awaitingConnect : .handshaking
        self.tls = tls
        phaseBegan = time.monotonic
        receivedTick = time.tick
    }

    /// Whether it is not known yet who is to read it.
    @inline(__always)
    var isAtTheGate: Bool { phase.rawValue <= Phase.sorting.rawValue }

    /// Whether its CONNECT has come, and was decided about, or waits for that.
    var hasConnected: Bool { phase.rawValue >= Phase.admitting.rawValue }

    /// In `receivedTick`: it does not wait for the ledger.
    static let noTick = UInt64.max

    /// Whether what it is admitted after is the ledger's to answer: its own command, or one that its client's older
    /// connection waits for. Since `receivedTick`.
    var waitsForLedger: Bool { phase == .admitting && receivedTick != Self.noTick }

    /// Its socket, which is closed by who takes it.
    consuming func takeDescriptor() -> Descriptor { descriptor }

    /// The one it was accepted by.
    var listener: Int { Int(listenerNumber) }

    /// Whether bytes from the peer are taken now.
    var isReading: Bool { phase != .admitting && phase != .closing && !holdsPacket }

    /// What the next packet may be; `nil` while nothing is taken.
    @inline(__always)
    var expectedPacket: ExpectedPacket? {
        guard isReading else { return nil }
        return ExpectedPacket(
            isConnect: phase != .open,
            version: settings.version,
            maximumBytes: settings.packetBytes
        )
    }

    /// Whether a flush has nothing to do: nothing waits for the socket, and what it is watched for is
    /// right.
    var isFlushed: Bool {
        waitingBytes == 0 && isReading && interest == .read
    }

    /// Bytes that wait for the socket.
    var waitingBytes: Int { output.count + (rare.isMade ? rare.value.ciphertext.count : 0) }
}

// What few connections have: read, it is empty; a change brings it into being.
extension Connection {
    /// The start of a packet whose end has not arrived.
    var input: ByteBuffer {
        @inline(__always) _read {
            if rare.isMade {
                yield rare.value.input
            } else {
                let empty = ByteBuffer()
                yield empty
            }
        }
        _modify {
            rare.make(Rare())
            yield &rare.value.input
        }
    }

    /// Gives the memory of an empty input back.
    @inline(__always)
    mutating func freeEmptyInput() {
        guard rare.isMade, rare.value.input.isEmpty else { return }
        rare.value.input.removeAll(keepingCapacity: false)
    }

    /// Ciphertext that the full socket left behind.
    var ciphertext: ByteBuffer {
        _read {
            if rare.isMade {
                yield rare.value.ciphertext
            } else {
                let empty = ByteBuffer()
                yield empty
            }
        }
        _modify {
            rare.make(Rare())
            yield &rare.value.ciphertext
        }
    }

    /// What the client's topic aliases stand for.
    var inboundAliases: InboundAliases {
        _read {
            if rare.isMade { yield rare.value.inboundAliases } else { yield InboundAliases() }
        }
        _modify {
            rare.make(Rare())
            yield &rare.value.inboundAliases
        }
    }

    /// The topics that have an alias towards the client.
    var outboundAliases: OutboundAliases {
        _read {
            if rare.isMade { yield rare.value.outboundAliases } else { yield OutboundAliases() }
        }
        _modify {
            rare.make(Rare())
            yield &rare.value.outboundAliases
        }
    }

    /// Published when the client goes without a DISCONNECT ([MQTT-3.1.2-8]).
    var will: StoredWill? {
        get { rare.isMade ? rare.value.will : nil }
        set {
            guard rare.isMade || newValue != nil else { return }
            rare.make(Rare())
            rare.value.will = newValue
        }
    }

    /// What `${clientId}` stands for in its product's patterns; empty: for nothing. Kept of products only that have such a
    /// pattern.
    var clientName: [UInt8] {
        get { rare.isMade ? rare.value.clientName : [] }
        set {
            guard rare.isMade || !newValue.isEmpty else { return }
            rare.make(Rare())
            rare.value.clientName = newValue
        }
    }

    /// The device that has attached this one, and speaks for it; `nil` of a client with a socket of its own.
    var parent: ParentDevice? {
        get { rare.isMade ? rare.value.parent : nil }
        set {
            guard rare.isMade || newValue != nil else { return }
            rare.make(Rare())
            rare.value.parent = newValue
        }
    }

    /// When it was told last which these are; `nil`: it has not asked.
    var childrenToldTick: UInt64? {
        get { rare.isMade ? rare.value.childrenToldTick : nil }
        set {
            rare.make(Rare())
            rare.value.childrenToldTick = newValue
        }
    }

    /// The links of the devices that it has attached, or is attaching.
    var children: [Token] {
        _read {
            if rare.isMade {
                yield rare.value.children
            } else {
                let none: [Token] = []
                yield none
            }
        }
        _modify {
            rare.make(Rare())
            yield &rare.value.children
        }
    }

    /// Messages for these that the client has not acknowledged.
    var childDeliveries: ChildDeliveries {
        _read {
            if rare.isMade {
                yield rare.value.childDeliveries
            } else {
                let none = ChildDeliveries()
                yield none
            }
        }
        _modify {
            rare.make(Rare())
            yield &rare.value.childDeliveries
        }
    }

    /// The client's newer connection, which waits until the packet that is held has been served.
    var successor: Token? {
        get { rare.isMade ? rare.value.successor : nil }
        set {
            guard rare.isMade || newValue != nil else { return }
            rare.make(Rare())
            rare.value.successor = newValue
        }
    }
}

// What a device's connection is held to.
extension Connection {
    /// Whether its device has limits, or had.
    @inline(__always)
    var isLimited: Bool { rare.isMade && rare.value.limiter.isMade }

    /// Whether its next PUBLISH waits for its device's rate.
    var isDelayed: Bool { isLimited && limiter.heldUntil != nil }

    /// Traps unless it is limited.
    var limiter: TrafficLimiter {
        _read { yield rare.value.limiter.value }
        _modify { yield &rare.value.limiter.value }
    }

    /// Holds it to limits from now on, with full buckets.
    mutating func limit(to limits: TrafficLimits?, own: TrafficLimits?) {
        let limiter = TrafficLimiter(limits, own: own)
        rare.make(Rare())
        rare.value.limiter.make(limiter)
        rare.value.limiter.value = limiter
    }
}

/// What a connection takes next.
struct ExpectedPacket {
    /// Nothing but a CONNECT; what follows is not known yet.
    let isConnect: Bool
    let version: ProtocolVersion

    /// How long the packet may be.
    let maximumBytes: Int
}

// Facts of the TLS session.
extension Connection {
    /// Whether the handshake took up an earlier session.
    var isResumed: Bool {
        switch tls {
        case .some(let session): session.isResumed
        case .none: false
        }
    }

    /// Whether its records are our own, and OpenSSL is needed no longer.
    var isHandedOver: Bool {
        switch tls {
        case .some(let session): session.isHandedOver
        case .none: false
        }
    }

    /// Who the client is by its certificate, if it has shown one and that was verified.
    var certificateIdentity: PeerIdentity? {
        switch tls {
        case .some(let session): session.peerIdentity
        case .none: nil
        }
    }

    /// When that certificate ends.
    var certificateExpiresAt: Timestamp? {
        certificateIdentity.map { Timestamp(milliseconds: $0.notAfterSeconds * 1_000) }
    }

    /// Whose pre-shared key the client has proved that it knows, if it has.
    var preSharedKey: PreSharedKeyProof? {
        switch tls {
        case .some(let session): session.preSharedKey
        case .none: nil
        }
    }

    /// The identity of a pre-shared key that the client has named in a handshake that is not complete.
    var namedIdentity: [UInt8]? {
        switch tls {
        case .some(let session): session.namedIdentity
        case .none: nil
        }
    }

    /// What the handshake agreed on, for people; `nil` on a plain connection.
    var encryption: DeviceConnection.Encryption? {
        switch tls {
        case .some(let session):
            guard let version = session.version, let cipher = session.cipherName else { return nil }
            return DeviceConnection.Encryption(
                version: version.rawValue,
                cipher: cipher,
                isResumed: session.isResumed
            )
        case .none: return nil
        }
    }
}

// The WebSocket's verbs, with the connection's own output.
extension Connection {
    /// `nil` without a WebSocket.
    var webSocketState: WebSocketState? {
        switch webSocket {
        case .some(let session): session.state
        case .none: nil
        }
    }

    /// Leaves in place of the bytes from `offset` on what their frames carry; answers of the protocol
    /// go to the output.
    mutating func unwrap(
        _ bytes: inout ByteBuffer,
        from offset: Int,
        policy: HandshakePolicy,
        frameLimit: Int
    ) {
        _ = webSocket?.receive(
            &bytes,
            from: offset,
            policy: policy,
            frameLimit: frameLimit,
            output: &output
        )
    }

    /// Makes a frame of the packets in the output that are in none.
    mutating func wrapOutput() { webSocket?.wrap(&output) }

    /// What is left in the output now is framed already.
    mutating func noteOutputSent() { webSocket?.noteSent(waiting: output.count) }

    /// Writes the Close frame.
    mutating func endOutput(_ code: CloseCode) { webSocket?.close(code, output: &output) }
}
