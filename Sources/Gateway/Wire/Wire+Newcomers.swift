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

    /// Whether one more newcomer can be taken; the one that has been silent longest makes room for it.
    mutating func takesNewcomer(at time: ShardTime) -> Bool {
        unadmitted < limits.unadmittedPerShard || makeRoom(of: nil, .serverBusy, at: time)
    }

    /// A connection has a slot, and has not said who it is.
    mutating func noteNewcomer(_ token: Token, at time: ShardTime) {
        unadmitted += 1
        var newcomers = Newcomers()
        swap(&newcomers, &self.newcomers)
        newcomers.arrive(token, at: time.tick)
        newcomers.tidy(newcomers: unadmitted) { isNewcomer($0) }
        swap(&newcomers, &self.newcomers)
        countNewcomer(token.slot, 1)
    }

    /// It is about to say so, to go, or to be moved: the last moment of its phase.
    mutating func noteNoNewcomer(_ slot: UInt32) { countNewcomer(slot, -1) }

    /// A proxy has said who its connection is for.
    mutating func nameNewcomer(_ slot: UInt32, phase: Connection.Phase) {
        connections[slot: slot].phase = phase
        countNewcomer(slot, 1)
    }

    private mutating func countNewcomer(_ slot: UInt32, _ difference: Int) {
        switch connections[slot: slot].phase {
        case .handshaking, .awaitingConnect:
            guard let source = source(of: connections[slot: slot].peer.address) else { return }
            newcomers.count(difference, of: source)
        case .announcing, .admitting, .open, .closing: break
        }
    }

    /// Ends the newcomer that has been silent longest, of one source or of all, unless all have just come.
    private mutating func makeRoom(
        of source: SourceNetwork?,
        _ reason: Reason,
        at time: ShardTime
    ) -> Bool {
        guard time.tick >= Self.graceTicks else { return false }
        let found = newcomers.oldest(before: time.tick - Self.graceTicks + 1) { token in
            isNewcomer(token)
                && (source == nil
                    || source == self.source(of: connections[slot: token.slot].peer.address))
        }
        guard let found else { return false }
        end(found.slot, reason)
        return true
    }

    private func isNewcomer(_ token: Token) -> Bool {
        guard connections.contains(token) else { return false }
        return switch connections[slot: token.slot].phase {
        case .announcing, .handshaking, .awaitingConnect: true
        case .admitting, .open, .closing: false
        }
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
