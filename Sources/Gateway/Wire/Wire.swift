import Bytes
import Linux
import MQTT
import Reactor
import Synchronization
import TLS
import Time
import WebSocket

/// One shard's sockets: the connections, their buffers and timers, and what is left to be written and to be
/// closed at the end of the turn.
///
/// Packets are encoded into a connection's output; `flush` frames it, encrypts it, and writes as much as the
/// socket takes. What it has no room for stays with the connection.
struct Wire: ~Copyable {
    /// What one read takes at most, and so what one connection gets of a turn.
    static var readBytes: Int { 65_536 }

    let epoll: Epoll
    var connections: SlotMap<Connection>

    /// One timer for each connection: the time limits of the handshake and of CONNECT, then keep-alive and
    /// the end of the entitlement, whichever comes first.
    private var wheel: TimerWheel

    /// Connections that have not been admitted.
    var unadmitted = 0

    /// Those of them that have not said who they are.
    var newcomers = Newcomers()

    /// How often each source connects.
    var rates: ConnectRates
    var tlsContexts: ListenerContexts?

    // Scratch memory that every turn uses again.
    private var port = TLSPort()
    var inbound = ByteBuffer(capacity: Wire.readBytes)
    var plaintext = ByteBuffer(capacity: Wire.readBytes)
    private var records = ByteBuffer(capacity: Wire.readBytes)

    /// What TLS has to say to the connection being served besides its data (RFC 8446, 4.6): mostly the ticket,
    /// which goes out in one call with CONNACK.
    private var postHandshake = ByteBuffer()
    private var postHandshakeSlot: UInt32 = 0
    private var spareOutput = ByteBuffer(capacity: 4_096)

    // What is left to do at the end of the turn.
    private var flushList: [Token] = []
    private var closingList: [Token] = []

    /// How many of the closing list `nextToClose` has answered.
    private var closed = 0

    /// What the log and the traces hear of the connections.
    var journal: Journal

    let limits: ShardLimits
    private let counters: ShardCounters

    /// Gives the struct an address, so that no call copies it.
    private let anchor = Atomic<Bool>(false)

    init(
        epoll: consuming Epoll,
        limits: ShardLimits,
        counters: ShardCounters,
        tlsContexts: ListenerContexts?,
        journal: consuming Journal
    ) {
        self.epoll = epoll
        self.journal = journal
        self.limits = limits
        self.counters = counters
        self.tlsContexts = tlsContexts
        connections = SlotMap(limit: limits.connectionsPerShard)
        rates = ConnectRates(perSecond: limits.connectsPerSecondPerSource)
        wheel = TimerWheel(limit: limits.connectionsPerShard)
    }

    // MARK: The connections

    /// The connection in a slot, in place; traps when there is none.
    subscript(slot: UInt32) -> Connection {
        // Safe: a connection stays where it is while it is in its slot.
        @inline(__always) unsafeAddress { unsafe UnsafePointer(connections.pointer(toSlot: slot)) }
        @inline(__always) unsafeMutableAddress { unsafe connections.pointer(toSlot: slot) }
    }

    var count: Int { connections.count }
    var isFull: Bool { connections.isFull }

    /// Whether the token's connection is still there.
    @inline(__always)
    func contains(_ token: Token) -> Bool { connections.contains(token) }

    /// Names the connection in a slot to those who hold it over a turn.
    @inline(__always)
    func token(of slot: UInt32) -> Token? { connections.token(ofSlot: slot) }

    /// The first slot at or after `slot` with a connection, to visit all of them.
    func nextSlot(from slot: UInt32) -> UInt32? { connections.occupiedSlot(from: slot) }

    // MARK: Coming and going

    /// Gives a connection a slot, a timer and a place in epoll. It is closed when epoll has no room.
    mutating func adopt(_ connection: consuming Connection, at time: ShardTime) -> UInt32? {
        let number = connection.descriptor.rawValue
        guard let token = connections.insert(connection) else {
            counters.add(.connectionsRefusedEarly)
            return nil
        }
        do throws(Errno) {
            try epoll.add(number, interest: .read, userData: token.rawValue)
        } catch {
            _ = connections.remove(token)
            counters.add(.connectionsRefusedEarly)
            return nil
        }
        connections[slot: token.slot].interest = .read
        noteNewcomer(token, at: time)
        scheduleTimer(token.slot, at: time)
        return token.slot
    }

    /// Takes a connection out, to be given to another shard.
    mutating func release(_ slot: UInt32) -> Connection? {
        guard let token = connections.token(ofSlot: slot) else { return nil }
        takeBackOutput(slot)
        do throws(Errno) {
            try epoll.remove(connections[slot: slot].descriptor.rawValue)
        } catch {
            preconditionFailure("epoll_ctl: \(error)")
        }
        noteNoNewcomer(slot)
        guard var connection = remove(token) else { return nil }
        unadmitted -= 1
        connection.newHome = nil
        connection.holdsPacket = false
        connection.isFlushListed = false
        return connection
    }

    /// Takes a connection out for good, with its timer.
    @discardableResult
    mutating func remove(_ token: Token) -> Connection? {
        guard connections.contains(token) else { return nil }
        wheel.cancel(token.slot)
        connections[slot: token.slot].tls?.forget(in: &port)
        return connections.remove(token)
    }

    /// Ends a connection at the end of this turn; the first reason counts. A client of MQTT 5 is told by a
    /// DISCONNECT, where the end is the server's.
    mutating func end(_ slot: UInt32, _ reason: Reason) {
        guard connections[slot: slot].ending == nil, let token = connections.token(ofSlot: slot)
        else { return }
        // A child's connection is lost when its parent's ends.
        let isParents = reason == .connectionLost && connections[slot: slot].parent != nil
        let reason = isParents ? Reason.parentGone : reason
        noteEnd(slot, reason)
        let phase = connections[slot: slot].phase
        if phase == .open, connections[slot: slot].settings.version == .v5, reason.isServers {
            let text = problemText(slot, reason.text)
            Disconnect.encode(
                reason: reason.reasonCode,
                version: .v5,
                into: &connections[slot: slot].output
            ) { properties in
                if let text { properties.reasonString(text.utf8Span.span) }
            }
        }
        noteNoNewcomer(slot)
        connections[slot: slot].wasOpen = phase == .open
        connections[slot: slot].phase = .closing
        connections[slot: slot].ending = reason
        closingList.append(token)
    }

    /// The connection that was ended first of those that are still there: a connection that was taken over
    /// leaves its counter to its successor before that one goes too.
    mutating func nextToClose() -> Token? {
        if closingList.isEmpty { return nil }
        while closed < closingList.count {
            let token = closingList[closed]
            closed += 1
            if connections.contains(token) { return token }
        }
        closingList.removeAll(keepingCapacity: true)
        closed = 0
        return nil
    }

    /// Sends what the socket still takes, and the ends of WebSocket and TLS.
    mutating func finish(_ slot: UInt32) {
        let reason = connections[slot: slot].ending ?? .connectionLost
        if connections[slot: slot].webSocket != nil {
            connections[slot: slot].endOutput(reason.closeCode)
        }
        flush(slot)
        guard connections[slot: slot].tls != nil, connections[slot: slot].ciphertext.isEmpty
        else { return }
        records.removeAll()
        connections[slot: slot].tls?.close(through: &port, output: &records)
        let socket = connections[slot: slot].descriptor.socket
        do throws(Errno) {
            _ = try socket.send(records.span)
        } catch {
            // The peer has gone first.
        }
    }

    /// A Reason String, when the client takes one.
    func problemText(_ slot: UInt32, _ text: String?) -> String? {
        guard let text, connections[slot: slot].settings.takesReasonString(text) else {
            return nil
        }
        return text
    }

    // MARK: Buffers

    /// Moves the start of a packet that was kept in front of what is about to arrive, so that both are
    /// served in one piece of warm memory. A long one stays where it is: it is not worth moving.
    mutating func carry(_ slot: UInt32, into buffer: inout ByteBuffer) -> Int {
        let count = connections[slot: slot].input.count
        guard count > 0, count <= Self.carriedBytes else { return 0 }
        buffer.append(connections[slot: slot].rare.value.input.span)
        connections[slot: slot].input.removeAll()
        return count
    }

    private static var carriedBytes: Int { 4_096 }

    /// By whom certificates that clients show are verified from now on, besides the listeners' own authorities.
    mutating func trust(_ authorities: ClientAuthorities) { port.clientAuthorities = authorities }

    /// Appends what was kept of the connection's input, and says how much.
    func copyInput(_ slot: UInt32, to buffer: inout ByteBuffer) -> Int {
        guard connections[slot: slot].rare.isMade else { return 0 }
        buffer.append(connections[slot: slot].rare.value.input.span)
        return connections[slot: slot].rare.value.input.count
    }

    /// Appends what the records say, and sends what TLS answers to them: at once, or while the connection stays open
    /// with what it is answered next. `sendPostHandshake` is to be called when what it said has been served.
    mutating func decrypt(
        _ slot: UInt32, _ ciphertext: Span<UInt8>, into plaintext: inout ByteBuffer
    ) throws(TLSError) -> TLSSessionState {
        records.removeAll()
        var isSent = true
        defer { if isSent, !records.isEmpty { sendRecords(slot) } }
        let state =
            try connections[slot: slot].tls?.receive(
                ciphertext, through: &port, into: &plaintext, output: &records) ?? .closed
        if state == .open, !records.isEmpty {
            swap(&records, &postHandshake)
            postHandshakeSlot = slot
            isSent = false
        }
        return state
    }

    /// The same while it shakes hands, with the keys that devices may have.
    mutating func decrypt(
        _ slot: UInt32, _ ciphertext: Span<UInt8>, into plaintext: inout ByteBuffer,
        finding keys: PreSharedKeySearch
    ) throws(TLSError) -> TLSSessionState {
        try withoutActuallyEscaping(keys) { (keys) throws(TLSError) -> TLSSessionState in
            port.preSharedKeys = keys
            defer { port.preSharedKeys = nil }
            return try decrypt(slot, ciphertext, into: &plaintext)
        }
    }

    /// Sends what no answer has taken along.
    @inline(__always)
    mutating func sendPostHandshake(_ slot: UInt32) {
        guard !postHandshake.isEmpty else { return }
        takePostHandshake(slot)
        if !records.isEmpty { sendRecords(slot) }
    }

    /// Its connection has gone.
    mutating func dropPostHandshake() { postHandshake.removeAll() }

    /// Empties `records`, but for what is to be said to the connection first.
    @inline(__always)
    private mutating func takePostHandshake(_ slot: UInt32) {
        records.removeAll()
        guard !postHandshake.isEmpty, postHandshakeSlot == slot else { return }
        swap(&records, &postHandshake)
    }

    /// A connection being served writes into warm memory; it has its own only when the socket is
    /// full.
    mutating func lendOutput(_ slot: UInt32) {
        if connections[slot: slot].output.capacity == 0 {
            swap(&connections[slot: slot].output, &spareOutput)
        }
    }

    /// An empty buffer is nobody's: it is lent again, or freed when one is kept already or it has
    /// grown large.
    mutating func takeBackOutput(_ slot: UInt32) {
        guard connections[slot: slot].output.isEmpty else { return }
        let isKept =
            spareOutput.capacity == 0 && connections[slot: slot].output.capacity <= Self.readBytes
        if isKept {
            swap(&connections[slot: slot].output, &spareOutput)
        } else {
            connections[slot: slot].output.removeAll(keepingCapacity: false)
        }
    }

    // MARK: Out

    /// Whether the turn has connections to be flushed.
    var hasFlushes: Bool { !flushList.isEmpty }

    /// Has the connection flushed at the end of the turn.
    mutating func flushLater(_ slot: UInt32) {
        guard !connections[slot: slot].isFlushListed,
            let token = connections.token(ofSlot: slot)
        else { return }
        connections[slot: slot].isFlushListed = true
        flushList.append(token)
    }

    mutating func flushAll() {
        while let token = flushList.popLast() {
            guard connections.contains(token) else { continue }
            connections[slot: token.slot].isFlushListed = false
            flush(token.slot)
            if connections[slot: token.slot].output.isEmpty {
                connections[slot: token.slot].output.removeAll(keepingCapacity: false)
            }
        }
    }

    /// Sends as much of what waits as the socket takes.
    mutating func flush(_ slot: UInt32) {
        let isTraced = connections[slot: slot].isTraced
        if isTraced { traceOutgoing(slot) }
        if connections[slot: slot].webSocket != nil { connections[slot: slot].wrapOutput() }
        if connections[slot: slot].tls == nil {
            sendPlain(slot)
        } else {
            flushEncrypted(slot)
        }
        if connections[slot: slot].webSocket != nil { connections[slot: slot].noteOutputSent() }
        if isTraced {
            journal.traces.setShownBytes(slot, connections[slot: slot].output.count)
        }
        updateInterest(slot)
    }

    private mutating func flushEncrypted(_ slot: UInt32) {
        takePostHandshake(slot)
        if !connections[slot: slot].ciphertext.isEmpty {
            sendRecords(slot)
            records.removeAll()
        }
        guard connections[slot: slot].ciphertext.isEmpty,
            !connections[slot: slot].output.isEmpty
        else {
            if !records.isEmpty { sendRecords(slot) }
            return
        }
        var output = ByteBuffer()
        swap(&output, &connections[slot: slot].output)
        do throws(TLSError) {
            try connections[slot: slot].tls?.send(
                output.span,
                through: &port,
                output: &records
            )
        } catch {
            end(slot, .connectionLost)
        }
        output.removeAll()
        swap(&output, &connections[slot: slot].output)
        sendRecords(slot)
    }

    private mutating func sendPlain(_ slot: UInt32) {
        guard !connections[slot: slot].output.isEmpty else { return }
        let socket = connections[slot: slot].descriptor.socket
        do throws(Errno) {
            let sent = try socket.sent(of: connections[slot: slot].output.span)
            counters.add(.bytesSent, sent)
            connections[slot: slot].output.removeFirst(sent)
        } catch {
            connections[slot: slot].output.removeAll()
            end(slot, .connectionLost)
        }
    }

    /// Sends what an earlier turn left, then `records`, and keeps what the socket does not take.
    private mutating func sendRecords(_ slot: UInt32) {
        var fresh = ByteBuffer()
        swap(&fresh, &records)
        defer { swap(&fresh, &records) }
        let socket = connections[slot: slot].descriptor.socket
        do throws(Errno) {
            if connections[slot: slot].ciphertext.isEmpty {
                let sent = try socket.sent(of: fresh.span)
                counters.add(.bytesSent, sent)
                if sent < fresh.count {
                    let rest = fresh.span.extracting(sent..<fresh.count)
                    connections[slot: slot].ciphertext.append(rest)
                }
            } else {
                connections[slot: slot].ciphertext.append(fresh.span)
                let sent = try socket.sent(of: connections[slot: slot].rare.value.ciphertext.span)
                counters.add(.bytesSent, sent)
                connections[slot: slot].ciphertext.removeFirst(sent)
                if connections[slot: slot].ciphertext.isEmpty {
                    connections[slot: slot].ciphertext.removeAll(keepingCapacity: false)
                }
            }
        } catch {
            connections[slot: slot].ciphertext.removeAll(keepingCapacity: false)
            end(slot, .connectionLost)
        }
    }

    /// Watches for what the connection can use: room when bytes wait, and bytes unless it is waiting
    /// for the ledger or is so far behind with reading that its own answers pile up.
    mutating func updateInterest(_ slot: UInt32) {
        guard connections[slot: slot].phase != .closing else { return }
        var wanted: Interest = []
        let waiting = connections[slot: slot].waitingBytes
        if waiting > 0 { wanted.insert(.write) }
        if connections[slot: slot].isReading, waiting < limits.queueBytes {
            wanted.insert(.read)
        }
        guard wanted != connections[slot: slot].interest,
            let token = connections.token(ofSlot: slot)
        else { return }
        connections[slot: slot].interest = wanted
        let number = connections[slot: slot].descriptor.rawValue
        do throws(Errno) {
            try epoll.modify(number, interest: wanted, userData: token.rawValue)
        } catch {
            preconditionFailure("epoll_ctl: \(error)")
        }
    }

    // MARK: Timers

    /// The tick by which timers are to be looked at.
    var nextTimerEvent: UInt64? { wheel.nextEvent }
    var timerCount: Int { wheel.count }

    /// Whether timers may be due; most turns begin in the tick of the one before.
    func mayHaveDueTimers(at time: ShardTime) -> Bool { time.tick > wheel.now }

    /// The connections whose timers are due, by their slots.
    mutating func takeDueTimers(at time: ShardTime, into slots: inout [UInt32]) {
        wheel.advance(to: time.tick, into: &slots)
    }

    /// Sets the connection's timer to so many milliseconds from now.
    mutating func scheduleTimer(_ slot: UInt32, in milliseconds: Int64, at time: ShardTime) {
        wheel.schedule(slot, at: time.tick + ShardTime.ticks(milliseconds: milliseconds))
    }

    /// Sets the connection's timer to the next thing that may be due.
    mutating func scheduleTimer(_ slot: UInt32, at time: ShardTime) {
        wheel.schedule(slot, at: nextDeadline(slot, at: time))
    }

    /// Sets the connection's timer anew, a tick away at least.
    mutating func scheduleLater(_ slot: UInt32, at time: ShardTime) {
        wheel.schedule(slot, at: max(nextDeadline(slot, at: time), time.tick + 1))
    }

    /// When the next thing may be due, in ticks.
    func nextDeadline(_ slot: UInt32, at time: ShardTime) -> UInt64 {
        switch connections[slot: slot].phase {
        case .sorting, .handshaking:
            return time.tick(of: connections[slot: slot].phaseBegan)
                + ShardTime.ticks(milliseconds: limits.handshakeTimeoutMilliseconds)
        case .admitting where connections[slot: slot].waitsForLedger:
            return connections[slot: slot].receivedTick
                + ShardTime.ticks(milliseconds: limits.ledgerTimeoutMilliseconds)
        case .announcing, .awaitingConnect, .admitting, .closing:
            return time.tick(of: connections[slot: slot].phaseBegan)
                + ShardTime.ticks(milliseconds: limits.connectTimeoutMilliseconds)
        case .departing:
            return time.tick(of: connections[slot: slot].phaseBegan)
                + ShardTime.ticks(milliseconds: Connection.departureMilliseconds)
        case .open:
            var deadline = UInt64.max
            if let silence = silenceTicks(slot) {
                deadline = connections[slot: slot].receivedTick + silence
            }
            if connections[slot: slot].settings.productSlot != nil,
                !connections[slot: slot].isRenewing
            {
                let expiresAt = connections[slot: slot].settings.expiresAt
                let left = expiresAt.milliseconds(since: time.books)
                // Nothing is renewed while the clock is doubted (rule B16): asked again in a while.
                let least: Int64 = time.books == time.wall ? 1 : 5_000
                let ticks = ShardTime.ticks(milliseconds: min(max(left, least), 3_600_000))
                deadline = min(deadline, time.tick + ticks)
            }
            return deadline == .max
                ? time.tick + ShardTime.ticks(milliseconds: 86_400_000) : deadline
        }
    }

    /// One and a half times the keep-alive ([MQTT-3.1.2-22]), in ticks; `nil` without one,
    /// or while it is the gateway that does not read.
    func silenceTicks(_ slot: UInt32) -> UInt64? {
        let seconds = connections[slot: slot].settings.keepAliveSeconds
        guard seconds > 0, !connections[slot: slot].holdsPacket else { return nil }
        return ShardTime.ticks(milliseconds: Int64(seconds) * 1_500)
    }
}

extension SocketHandle {
    /// How many of the bytes the socket took; none when it is full.
    fileprivate func sent(of bytes: Span<UInt8>) throws(Errno) -> Int {
        switch try send(bytes) {
        case .sent(let count): count
        case .wouldBlock: 0
        }
    }
}
