import Linux
import Reactor

// Connections that have not said who they are: one source must not keep the others out, and those that
// keep silent make room for those that come.
extension Wire {
    /// How long a newcomer may take before it makes room for another.
    private static var graceTicks: UInt64 { ShardTime.ticks(milliseconds: 2_000) }

    /// Why a client of that address may not come in now, by what others of its source do; `nil` when it
    /// may. Connections of this machine itself are not counted by the second.
    mutating func refusal(of address: IPAddress, at time: ShardTime) -> Reason? {
        guard let source = source(of: address) else { return nil }
        if !address.isLoopback, !rates.admits(source, at: time.monotonic) {
            return .addressRateExceeded
        }
        guard newcomers.count(of: source) >= limits.unadmittedPerSource else { return nil }
        return makeRoom(of: source, .addressBusy, at: time) ? nil : .addressBusy
    }

    /// Whether one more newcomer can be taken, of a source, or of what has none: a proxy that has not said whom
    /// it speaks for, an exempt network. When there are as many as there may be, another makes room for it.
    mutating func takesNewcomer(of source: SourceNetwork?, at time: ShardTime) -> Bool {
        unadmitted < limits.unadmittedPerShard || makeRoomInLargest(for: source)
            || makeRoom(of: nil, .serverBusy, at: time)
    }

    /// Whether more than half of the places of those are taken that are not let in yet.
    var isCrowded: Bool { unadmitted * 2 > limits.unadmittedPerShard }

    /// A connection has a slot, and has not said who it is.
    mutating func noteNewcomer(_ token: Token, at time: ShardTime) {
        unadmitted += 1
        newcomers.arrive(token, of: sourceOfNewcomer(token.slot), at: time.tick)
    }

    /// It is about to say so, to go, or to be moved: the last moment of its phase.
    mutating func noteNoNewcomer(_ slot: UInt32) { newcomers.leave(slot) }

    /// A proxy has said who its connection is for.
    mutating func nameNewcomer(_ slot: UInt32, phase: Connection.Phase, at time: ShardTime) {
        guard let token = connections.token(ofSlot: slot) else { return }
        connections[slot: slot].phase = phase
        newcomers.leave(slot)
        newcomers.arrive(token, of: sourceOfNewcomer(slot), at: time.tick)
    }

    /// What a newcomer is counted for. An address is the proxy's until that has spoken.
    private func sourceOfNewcomer(_ slot: UInt32) -> SourceNetwork? {
        switch connections[slot: slot].phase {
        case .sorting, .handshaking, .awaitingConnect: source(ofSlot: slot)
        case .announcing, .admitting, .open, .departing, .closing: nil
        }
    }

    /// Ends the oldest newcomer of the source that has the most, however young it is: a few sources that come
    /// again and again would keep all others out otherwise. Not where that source would have fewer left than
    /// the one that comes has then: sources that have as many change places only after the grace.
    private mutating func makeRoomInLargest(for source: SourceNetwork?) -> Bool {
        let count = source.map { newcomers.count(of: $0) } ?? 0
        guard newcomers.largestCount > count + 1, let oldest = newcomers.oldestOfLargest else {
            return false
        }
        end(oldest.token.slot, .serverBusy)
        return true
    }

    /// Ends the newcomer that has been silent longest, of one source or of all, unless all have just come.
    private mutating func makeRoom(
        of source: SourceNetwork?,
        _ reason: Reason,
        at time: ShardTime
    ) -> Bool {
        let oldest = source.map { newcomers.oldest(of: $0) } ?? newcomers.oldest
        guard let oldest, oldest.tick + Self.graceTicks <= time.tick else { return false }
        end(oldest.token.slot, reason)
        return true
    }

    /// Where the client of a connection is, for the limits of one source.
    func source(ofSlot slot: UInt32) -> SourceNetwork? {
        source(of: connections[slot: slot].peer.address)
    }

    /// What the limits of one source hold for; `nil` where they don't.
    func source(of address: IPAddress) -> SourceNetwork? {
        for network in limits.exemptNetworks where network.contains(address) { return nil }
        return SourceNetwork(address)
    }
}
