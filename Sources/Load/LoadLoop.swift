internal import Bytes
internal import Linux
internal import MQTT
internal import Reactor
internal import TLS
internal import Telemetry

/// One thread's clients, and the epoll that they are served by.
///
/// A client's slot in the table is its place for the whole run. Nothing is allocated for a message once the
/// buffers have their size.
struct LoadLoop: ~Copyable {
    let plan: LoadPlan

    /// Which of the run's threads this is.
    let thread: Int
    let meters: Meters
    let context: TLSContext?
    let certificates: ClientCertificates?

    /// Earlier sessions, by their certificates' places, where clients have their own.
    var resumptions: [Int: TLSResumption] = [:]
    var clients: SlotMap<Client>
    var failures: [LoadFailure: Int] = [:]
    let epoll: Epoll
    var events = EventBuffer(capacity: 512)
    var clock = ReactorClock(.system)
    var alarm: DueAlarm

    /// A timer for each client: its connection is late, its PINGREQ is due, or it may come back. In milliseconds of
    /// the monotonic clock.
    var timers: TimerWheel
    var fired: [UInt32] = []

    var introduction: Introduction
    var port = TLSPort()
    var inbound = ByteBuffer(capacity: LoadLoop.readBytes)
    var clear = ByteBuffer()
    var unwrapped = ByteBuffer()
    var outbound = ByteBuffer()
    var framed = ByteBuffer()
    var enciphered = ByteBuffer()
    var payload: [UInt8]

    /// When each message under way was due: a ring for each client.
    var dueTimes: [Int64]
    let ringMask: Int

    var phase = Phase.opening
    /// Slots without a connection, of a scenario that uses them again and again.
    var vacant: [UInt32] = []
    /// Connections that were begun, of those that the scenario asks for.
    var begun = 0
    /// Those of them that are there, or failed.
    var settled = 0
    /// Paced messages, or reconnections, that have been handed out.
    var handedOut = 0
    var reconnectsHandedOut = 0
    /// Clients that `storm` waits for; PINGRESPs that the end waits for.
    var awaited = 0
    /// Messages without an answer yet.
    var underWay = 0
    var pacer: Pacer?
    var reconnectPacer: Pacer?
    /// Nanoseconds of the monotonic clock.
    var end: Int64 = .max

    /// Whether the run is to end before its time.
    var isInterrupted = false

    /// How many of the course's marks it has come past.
    var marksReached = 0

    enum Phase { case opening, running, draining }

    /// How long a loop waits at most, in nanoseconds: then it sees whether it is to end.
    private static let longestWait: Int64 = 500_000_000

    private static let readBytes = 65_536
    private static let alarmToken = Token.reserved(0)

    /// - Parameter share: how many clients are this thread's at one time.
    static func make(
        _ plan: LoadPlan,
        thread: Int,
        share: Int,
        meters: Meters,
        context: TLSContext?,
        certificates: ClientCertificates?
    ) throws(Errno) -> LoadLoop {
        let epoll = try Epoll()
        let alarm = try DueAlarm()
        try alarm.attach(to: epoll, userData: alarmToken.rawValue)
        return LoadLoop(plan, thread, share, meters, context, certificates, epoll, alarm)
    }

    private init(
        _ plan: LoadPlan,
        _ thread: Int,
        _ share: Int,
        _ meters: Meters,
        _ context: TLSContext?,
        _ certificates: ClientCertificates?,
        _ epoll: consuming Epoll,
        _ alarm: consuming DueAlarm
    ) {
        self.plan = plan
        self.thread = thread
        self.meters = meters
        self.context = context
        self.certificates = certificates
        self.epoll = epoll
        self.alarm = alarm
        clients = SlotMap(limit: max(share, 1))
        timers = TimerWheel(
            limit: max(share, 1), now: UInt64(MonotonicInstant.now().nanoseconds / 1_000_000))
        introduction = Introduction(plan)
        payload = (0..<plan.payloadBytes).map { UInt8(truncatingIfNeeded: 97 + $0 % 26) }
        // Twice the window: identifiers leave out 0 where they begin anew.
        var ring = 1
        while ring < 2 * plan.window { ring *= 2 }
        ringMask = ring - 1
        dueTimes = Array(
            repeating: 0, count: plan.scenario.publishes ? ring * max(share, 1) : 0)
        for slot in 0..<share {
            _ = clients.insert(Client(number: plan.first + thread + slot * plan.threads))
        }
    }

    /// Nanoseconds of the monotonic clock, at the beginning of the turn.
    var now: Int64 { clock.monotonic.nanoseconds }

    /// Waits until something happens, or until `due`, and sees to it.
    mutating func turn(until due: Int64) throws(Errno) {
        var due = min(due, now + Self.longestWait)
        if let next = timers.nextEvent { due = min(due, Int64(next) * 1_000_000) }
        let isDue = due <= now
        if !isDue { try alarm.set(by: MonotonicInstant(nanoseconds: due), clock) }
        try epoll.wait(into: &events, timeoutMilliseconds: isDue ? 0 : -1)
        clock.refresh()
        for index in 0..<events.count { handle(events[index]) }
        fireTimers()
        if Interruption.isRequested, !isInterrupted {
            isInterrupted = true
            end = min(end, now)
        }
    }

    private mutating func handle(_ event: ReadyEvent) {
        let token = Token(rawValue: event.userData)
        if token.isReserved { return alarm.wentOff() }
        let slot = token.slot
        guard clients[slot: slot].generation == token.generation else { return }
        if !clients[slot: slot].isConnected {
            if event.isOver { finishConnecting(slot) }
            guard clients[slot: slot].generation == token.generation else { return }
            clients[slot: slot].isConnected = true
        }
        if event.isReadable { receive(slot) }
        guard clients[slot: slot].generation == token.generation, event.isWritable else { return }
        writable(slot)
    }

    private mutating func fireTimers() {
        timers.advance(to: UInt64(now / 1_000_000), into: &fired)
        guard !fired.isEmpty else { return }
        var due: [UInt32] = []
        swap(&due, &fired)
        for slot in due { timerFired(slot) }
        due.removeAll(keepingCapacity: true)
        swap(&due, &fired)
    }

    private mutating func timerFired(_ slot: UInt32) {
        switch clients[slot: slot].stage {
        case .vacant: break
        case .connecting, .securing, .upgrading, .greeting:
            let stage = clients[slot: slot].stage
            fail(slot, .timedOut(clients[slot: slot].isConnected ? stage : .connecting))
        case .up:
            Pingreq.encode(into: &outbound)
            flush(slot)
            if clients[slot: slot].stage == .up { scheduleKeepAlive(slot) }
        case .resting: if phase == .running { begin(slot, due: clients[slot: slot].due) }
        }
    }

    mutating func schedule(_ slot: UInt32, seconds: Double) {
        timers.schedule(slot, at: UInt64(now / 1_000_000) + UInt64(seconds * 1_000))
    }

    mutating func scheduleKeepAlive(_ slot: UInt32) {
        let seconds = clients[slot: slot].keepAliveSeconds
        guard seconds > 0 else { return }
        schedule(slot, seconds: Double(seconds) * 0.75)
    }

    mutating func count(_ failure: LoadFailure, times: Int = 1) {
        guard times > 0 else { return }
        failures[failure, default: 0] += times
        meters.counts.add(UInt64(times), to: .failed)
    }

    // MARK: bytes

    /// One read for each event; what is left makes another.
    private mutating func receive(_ slot: UInt32) {
        inbound.removeAll()
        let handle = clients[slot: slot].handle
        var result = ReceiveResult.wouldBlock
        do throws(Errno) {
            // Safe: the region is the buffer's, and lent for the call.
            _ = try unsafe inbound.appendUnsafely(minimum: Self.readBytes) {
                region throws(Errno) in
                result = try unsafe handle.receive(into: region)
                if case .bytes(let count) = result { return count }
                return 0
            }
        } catch {
            return fail(slot, .closed(clients[slot: slot].stage))
        }
        switch result {
        case .wouldBlock: return
        case .closed: return fail(slot, .closed(clients[slot: slot].stage))
        case .bytes: break
        }
        var bytes = ByteBuffer()
        swap(&bytes, &inbound)
        if context == nil { take(slot, bytes.span) } else { decipher(slot, bytes.span) }
        swap(&bytes, &inbound)
    }

    private mutating func decipher(_ slot: UInt32, _ bytes: Span<UInt8>) {
        clear.removeAll()
        do throws(TLSError) {
            let state = try clients[slot: slot].session?.receive(
                bytes, through: &port, into: &clear, output: &enciphered)
            // The handshake's last message goes with what comes behind it.
            if clients[slot: slot].stage == .securing, state == .open { secured(slot) }
            sendEnciphered(slot)
        } catch {
            enciphered.removeAll()
            return fail(slot, .tls("\(error)"))
        }
        guard clients[slot: slot].hasDescriptor, !clear.isEmpty else { return }
        var bytes = ByteBuffer()
        swap(&bytes, &clear)
        take(slot, bytes.span)
        swap(&bytes, &clear)
    }

    /// What came, in the clear.
    private mutating func take(_ slot: UInt32, _ bytes: Span<UInt8>) {
        guard plan.transport.webSocket != nil else { return takePackets(slot, bytes) }
        clients[slot: slot].frames.append(bytes)
        if clients[slot: slot].stage == .upgrading, !takeUpgrade(slot) { return }
        unwrapped.removeAll()
        takeFrames(slot)
        guard clients[slot: slot].hasDescriptor, !unwrapped.isEmpty else { return }
        var content = ByteBuffer()
        swap(&content, &unwrapped)
        takePackets(slot, content.span)
        swap(&content, &unwrapped)
    }

    /// Sends what is in `outbound`, and empties it.
    mutating func flush(_ slot: UInt32) {
        guard clients[slot: slot].hasDescriptor, !outbound.isEmpty else {
            return outbound.removeAll()
        }
        if plan.transport.webSocket != nil, clients[slot: slot].stage != .upgrading {
            frame(.binary)
        }
        sendClear(slot)
    }

    /// Puts a frame around what is in `outbound`.
    mutating func frame(_ kind: ClientFrame.Kind) {
        var content = ByteBuffer()
        swap(&content, &outbound)
        swap(&framed, &outbound)
        ClientFrame.append(kind, content.span, to: &outbound)
        content.removeAll()
        swap(&content, &framed)
    }

    /// Sends what is in `outbound` as it is, enciphered where there is TLS, and empties it.
    mutating func sendClear(_ slot: UInt32) {
        guard context != nil else {
            swap(&enciphered, &outbound)
            return sendEnciphered(slot)
        }
        var content = ByteBuffer()
        swap(&content, &outbound)
        do throws(TLSError) {
            try clients[slot: slot].session?.send(
                content.span, through: &port, output: &enciphered)
        } catch {
            enciphered.removeAll()
            fail(slot, .tls("\(error)"))
        }
        content.removeAll()
        swap(&content, &outbound)
        sendEnciphered(slot)
    }

    /// Sends what is in `enciphered`, and empties it: what the socket does not take waits behind what it did not take
    /// before.
    mutating func sendEnciphered(_ slot: UInt32) {
        guard !enciphered.isEmpty else { return }
        var bytes = ByteBuffer()
        swap(&bytes, &enciphered)
        send(slot, &bytes)
        bytes.removeAll()
        swap(&bytes, &enciphered)
    }

    private mutating func send(_ slot: UInt32, _ bytes: inout ByteBuffer) {
        let handle = clients[slot: slot].handle
        guard clients[slot: slot].rest.isEmpty else {
            return clients[slot: slot].rest.append(bytes.span)
        }
        do throws(Errno) {
            while !bytes.isEmpty {
                switch try handle.send(bytes.span) {
                case .sent(let count): bytes.removeFirst(count)
                case .wouldBlock:
                    clients[slot: slot].rest.append(bytes.span)
                    return clients[slot: slot].isConnected ? watch(slot, writes: true) : ()
                }
            }
        } catch {
            let isKnown = clients[slot: slot].isConnected
            fail(slot, isKnown ? .closed(clients[slot: slot].stage) : .unreachable(error))
        }
    }

    private mutating func writable(_ slot: UInt32) {
        let handle = clients[slot: slot].handle
        var rest = ByteBuffer()
        swap(&rest, &clients[slot: slot].rest)
        do throws(Errno) {
            while !rest.isEmpty {
                guard case .sent(let count) = try handle.send(rest.span) else { break }
                rest.removeFirst(count)
            }
        } catch {
            return fail(slot, .closed(clients[slot: slot].stage))
        }
        swap(&rest, &clients[slot: slot].rest)
        guard clients[slot: slot].rest.isEmpty else { return }
        if phase == .running, plan.scenario.publishes { pump(slot) }
        guard clients[slot: slot].hasDescriptor, clients[slot: slot].rest.isEmpty else { return }
        watch(slot, writes: sendsUnasked)
    }

    /// Whether a client's next message waits for nothing but room in the socket.
    var sendsUnasked: Bool {
        phase == .running && plan.scenario.publishes && plan.qos == .atMostOnce && plan.rate == nil
    }

    mutating func watch(_ slot: UInt32, writes: Bool) {
        guard clients[slot: slot].isWatchingWrites != writes else { return }
        clients[slot: slot].isWatchingWrites = writes
        let token = Token(slot: slot, generation: clients[slot: slot].generation)
        do throws(Errno) {
            try epoll.modify(
                clients[slot: slot].handle.rawValue, interest: writes ? [.read, .write] : [.read],
                userData: token.rawValue)
        } catch {
            fail(slot, .unreachable(error))
        }
    }
}
