import Synchronization

/// Which connections are open, how many one address may have, and who gives way when all places are taken.
///
/// A new connection always gets a place as long as one waits, for a request or for its client to take an answer: the
/// one that has waited longest gives way. So connections that say nothing, or read nothing, can't keep others out.
/// When all are busy, there is a reserve for programs that watch the gateway.
final class ConnectionPlaces: Sendable {
    struct Place: Sendable {
        fileprivate let id: UInt64

        /// For what watches the gateway.
        let isReserve: Bool
    }

    /// What is answered in the reserve.
    static let watchedPaths: Set = ["/healthz", "/readyz", "/metrics"]

    private let maximum: Int
    private let addressMaximum: Int

    /// Places beside the others, and how many of them one address may have.
    static let reserve = 32
    static let reserveOfAddress = 8

    fileprivate struct Connection {
        let origin: UInt64
        let isReserve: Bool

        /// Greater than that of every other one which waited before; `nil` while it is busy.
        var waitingSince: UInt64?
        let giveWay: @Sendable () -> Void
    }

    fileprivate struct State {
        var connections: [UInt64: Connection] = [:]
        var reserved = 0

        /// Outside the reserve.
        var ofOrigin: [UInt64: Int] = [:]
        var nextNumber: UInt64 = 0

        mutating func number() -> UInt64 {
            nextNumber += 1
            return nextNumber
        }
    }

    private let state = Mutex(State())

    /// - Parameters:
    ///   - maximum: open at once, besides the reserve.
    ///   - addressMaximum: of these, of one address (of IPv6, one /64 network).
    init(maximum: Int, addressMaximum: Int) {
        self.maximum = maximum
        self.addressMaximum = addressMaximum
    }

    /// A place for a new connection, which waits for a request; `nil` when there is none.
    /// - Parameter giveWay: is called once when another connection gets the place.
    func enter(from origin: UInt64, giveWay: @escaping @Sendable () -> Void) -> Place? {
        let (place, gone) = state.withLock { state -> (Place?, Connection?) in
            var gone: Connection?
            var isReserve = false
            if state.ofOrigin[origin, default: 0] >= addressMaximum {
                gone = state.removeOldest { $0.origin == origin && !$0.isReserve }
                isReserve = gone == nil
            } else if state.connections.count - state.reserved >= maximum {
                gone = state.removeOldest { !$0.isReserve }
                isReserve = gone == nil
            }
            guard isReserve else { return (state.insert(from: origin, false, giveWay), gone) }
            let own = state.connections.values.count { $0.isReserve && $0.origin == origin }
            if own >= Self.reserveOfAddress {
                gone = state.removeOldest { $0.isReserve && $0.origin == origin }
                if gone == nil { return (nil, nil) }
            } else if state.reserved >= Self.reserve {
                gone = state.removeOldest { $0.isReserve }
                if gone == nil { return (nil, nil) }
            }
            return (state.insert(from: origin, isReserve, giveWay), gone)
        }
        gone?.giveWay()
        return place
    }

    /// The connection waits for a request, or for its client to take an answer; or it is busy.
    func isWaiting(_ place: Place, _ isWaiting: Bool) {
        state.withLock { state in
            let number = isWaiting ? state.number() : nil
            state.connections[place.id]?.waitingSince = number
        }
    }

    func leave(_ place: Place) { state.withLock { _ = $0.remove(place.id) } }

    var count: Int { state.withLock { $0.connections.count } }
}

extension ConnectionPlaces.State {
    fileprivate mutating func insert(
        from origin: UInt64,
        _ isReserve: Bool,
        _ giveWay: @escaping @Sendable () -> Void
    ) -> ConnectionPlaces.Place {
        let id = number()
        connections[id] = .init(
            origin: origin, isReserve: isReserve, waitingSince: id, giveWay: giveWay)
        if isReserve { reserved += 1 } else { ofOrigin[origin, default: 0] += 1 }
        return ConnectionPlaces.Place(id: id, isReserve: isReserve)
    }

    fileprivate mutating func remove(_ id: UInt64) -> ConnectionPlaces.Connection? {
        guard let connection = connections.removeValue(forKey: id) else { return nil }
        if connection.isReserve {
            reserved -= 1
        } else if let count = ofOrigin[connection.origin] {
            ofOrigin[connection.origin] = count > 1 ? count - 1 : nil
        }
        return connection
    }

    /// Looks at all of them: this happens only when all places are taken.
    fileprivate mutating func removeOldest(
        where isMeant: (ConnectionPlaces.Connection) -> Bool
    ) -> ConnectionPlaces.Connection? {
        let oldest = connections.filter { $0.value.waitingSince != nil && isMeant($0.value) }
            .min { ($0.value.waitingSince ?? 0) < ($1.value.waitingSince ?? 0) }
        return oldest.flatMap { remove($0.key) }
    }
}
