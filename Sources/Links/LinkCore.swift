internal import LedgerModel
internal import Linux

/// One side of the links between two nodes, one after the other: no clock, no thread, no socket.
///
/// Each side gives a link a random id, and every datagram has both, so that what comes is of this link or is
/// not taken. A link is up for the side that has received its own id from the peer: the peer knows it, and what
/// it is sent now brings the peer up too. When one side ends a link, for whatever reason, it takes another id. The
/// peer learns of it from a datagram with its own id beside another one than the peer's, which only a peer that
/// knows the current link can have sent. One without its id is answered, and believed in nothing else, as it may
/// be old.
struct LinkCore: Sendable {
    enum Stage: Sendable {
        /// The peer has gone, or is silent: nothing is sent until it is heard again.
        case dormant

        /// The peer is there, and is told our id.
        case greeting
        case up
    }

    let peer: NodeName
    private let settings: Links.Settings
    private(set) var stage = Stage.dormant

    /// Of the stage.
    private(set) var since: MonotonicInstant

    /// Our id, and the peer's as far as it is known, or 0.
    private var own: UInt64
    private var theirs: UInt64 = 0
    private(set) var epoch: UInt64 = 0

    /// Anything of the peer, and anything of this link.
    private(set) var heardAt: MonotonicInstant
    private var linkHeardAt: MonotonicInstant

    private var sentAt: MonotonicInstant
    private var greetAt: MonotonicInstant?
    private var greetMilliseconds: Int64 = 0
    private var outgoing: Outgoing
    private var incoming: Incoming
    private var resentBefore: UInt64 = 0

    init(
        _ peer: NodeName,
        _ settings: Links.Settings,
        at now: MonotonicInstant,
        _ ids: inout LinkIDs
    ) {
        self.peer = peer
        self.settings = settings
        since = now
        own = ids.make()
        heardAt = now
        linkHeardAt = now
        sentAt = now
        outgoing = Outgoing(settings, at: now)
        incoming = Incoming(settings)
    }

    var isUp: Bool { stage == .up }

    /// Posted, and not acknowledged.
    var bufferedBytes: Int { outgoing.bufferedBytes }

    var resentFrames: UInt64 { resentBefore + outgoing.resentFrames }

    var roundTripNanoseconds: Int64? { outgoing.roundTripNanoseconds }

    // MARK: From above

    /// Nothing happens when there is no link. The link is ended when too much waits.
    mutating func post(_ batch: [UInt8], _ turn: inout LinkTurn) {
        guard isUp else { return }
        outgoing.append(batch)
        if outgoing.bufferedBytes > settings.bufferedBytesMaximum { end(&turn) }
    }

    /// Ends the link, and begins another one if the peer is there.
    mutating func end(_ turn: inout LinkTurn) {
        let wasUp = isUp
        own = turn.ids.make()
        resentBefore += outgoing.resentFrames
        // The memory is let go now, not when there is another link.
        outgoing = Outgoing(settings, at: turn.now)
        incoming = Incoming(settings)
        enter(.greeting, turn)
        if wasUp { turn.output.events.append(.down(peer)) }
        greet(&turn)
    }

    mutating func sayGoodbye(_ turn: inout LinkTurn) {
        if theirs != 0 { send(&turn) { $0.isGoodbye = true } }
    }

    // MARK: From the peer

    mutating func receive(_ datagram: PeerDatagram, _ turn: inout LinkTurn) {
        heardAt = turn.now
        if datagram.isGoodbye { return takeGoodbye(datagram, &turn) }
        if datagram.link == 0 { return introduce(datagram.epoch, &turn) }
        guard datagram.peerLink == own else {
            // It does not know this link yet, or it is old.
            if !isUp {
                theirs = datagram.link
                if stage == .dormant { enter(.greeting, turn) }
            }
            return greet(&turn)
        }
        switch stage {
        case .up:
            if datagram.link == theirs, datagram.epoch == epoch { return take(datagram, &turn) }
            theirs = datagram.link
            end(&turn)
        case .dormant, .greeting:
            theirs = datagram.link
            epoch = datagram.epoch
            begin(&turn)
            take(datagram, &turn)
        }
    }

    private mutating func begin(_ turn: inout LinkTurn) {
        enter(.up, turn)
        outgoing = Outgoing(settings, at: turn.now)
        incoming = Incoming(settings)
        // So that the peer is up at once too.
        incoming.acknowledge(by: turn.now)
        linkHeardAt = turn.now
        turn.output.events.append(.up(peer))
    }

    /// A datagram of this link.
    private mutating func take(_ datagram: PeerDatagram, _ turn: inout LinkTurn) {
        linkHeardAt = turn.now
        // The peer is not up yet, and waits for a word.
        if datagram.expected == 0 { incoming.acknowledge(by: turn.now) }
        outgoing.acknowledge(datagram.expected, isMissing: datagram.isMissing, at: turn.now)
        guard datagram.number > 0 else { return }
        var batches: [[UInt8]] = []
        let isRight = incoming.take(
            datagram.number, datagram.fragments, at: turn.now, into: &batches)
        for batch in batches { turn.output.events.append(.batch(peer, batch)) }
        if !isRight { end(&turn) }
    }

    /// A node that says to all that it is there.
    private mutating func introduce(_ epoch: UInt64, _ turn: inout LinkTurn) {
        switch stage {
        case .up:
            // A new process of that name does not know this link, and will say so.
            if epoch != self.epoch { send(&turn) }
        case .greeting: break
        case .dormant:
            enter(.greeting, turn)
            greet(&turn)
        }
    }

    private mutating func takeGoodbye(_ datagram: PeerDatagram, _ turn: inout LinkTurn) {
        guard datagram.link == theirs, !isUp || datagram.peerLink == own else { return }
        if isUp { turn.output.events.append(.down(peer)) }
        own = turn.ids.make()
        theirs = 0
        resentBefore += outgoing.resentFrames
        outgoing = Outgoing(settings, at: turn.now)
        incoming = Incoming(settings)
        enter(.dormant, turn)
    }

    // MARK: Time

    /// Does what is due, and sends what may be sent.
    mutating func tick(_ turn: inout LinkTurn) {
        let now = turn.now
        switch stage {
        case .dormant: return
        case .greeting:
            if silence(since: heardAt) <= now { return enter(.dormant, turn) }
            if let greetAt, greetAt <= now { greet(&turn) }
        case .up:
            let stalledAt = outgoing.stalledAt ?? silence(since: linkHeardAt)
            if min(stalledAt, silence(since: linkHeardAt)) <= now { return end(&turn) }
            outgoing.resend(at: now)
            flush(&turn)
        }
    }

    /// When `tick` has something to do, if nothing is posted or received before.
    var due: MonotonicInstant? {
        switch stage {
        case .dormant: return nil
        case .greeting:
            let silence = silence(since: heardAt)
            return min(greetAt ?? silence, silence)
        case .up:
            let times = [
                outgoing.stalledAt, outgoing.due, incoming.acknowledgeAt, heartbeatAt,
            ]
            return times.reduce(silence(since: linkHeardAt)) { min($0, $1 ?? $0) }
        }
    }

    private func silence(since time: MonotonicInstant) -> MonotonicInstant {
        time.adding(milliseconds: settings.silenceMilliseconds)
    }

    private var heartbeatAt: MonotonicInstant {
        sentAt.adding(milliseconds: settings.heartbeatMilliseconds)
    }

    private mutating func enter(_ stage: Stage, _ turn: LinkTurn) {
        self.stage = stage
        since = turn.now
        greetAt = nil
        greetMilliseconds = settings.resendMilliseconds
    }

    // MARK: Sending

    /// Frames, with an acknowledgement each; or an acknowledgement that can't wait; or a sign of life.
    private mutating func flush(_ turn: inout LinkTurn) {
        while let frame = outgoing.takeFrame(at: turn.now) {
            send(&turn, frame: frame.body) { $0.number = frame.number }
        }
        let acknowledges = incoming.acknowledgeAt.map { $0 <= turn.now } ?? false
        if acknowledges || heartbeatAt <= turn.now { send(&turn) }
    }

    /// Tells both ids, as far as they are known; again and again, until the link is up.
    private mutating func greet(_ turn: inout LinkTurn) {
        send(&turn)
        guard !isUp else { return }
        greetAt = turn.now.adding(milliseconds: greetMilliseconds)
        greetMilliseconds = min(2 * greetMilliseconds, settings.heartbeatMilliseconds)
    }

    private mutating func send(
        _ turn: inout LinkTurn,
        frame: [UInt8] = [],
        _ change: (inout PeerDatagram) -> Void = { _ in }
    ) {
        var datagram = turn.blank
        datagram.link = own
        datagram.peerLink = theirs
        if isUp {
            datagram.expected = incoming.expected
            datagram.isMissing = incoming.isMissing
            incoming.noteAcknowledged()
        }
        change(&datagram)
        sentAt = turn.now
        let bytes = datagram.bytes(frame: frame)
        turn.output.datagrams.append(LinkOutput.Outbound(bytes: bytes, node: peer))
    }
}

/// What a link is given to work with.
struct LinkTurn: Sendable {
    let now: MonotonicInstant

    /// Says who sends.
    let blank: PeerDatagram
    var ids: LinkIDs
    var output = LinkOutput()
}

/// Ids of links: each is another one, and none is 0. SplitMix64 (Steele, Lea, Flood 2014), from a random seed.
struct LinkIDs: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func make() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return mixed == 0 ? make() : mixed
    }
}
