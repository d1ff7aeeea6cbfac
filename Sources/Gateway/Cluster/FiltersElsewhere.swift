/// What sessions of one shard of another node have subscribed to.
///
/// When the node can't be reached, the filters of its stored sessions stay: what they match is kept for it.
struct FiltersElsewhere {
    struct Place {
        /// Some session that outlives its connection has it.
        var isStored: Bool

        /// Where it is on the disk, if it is there.
        var number: UInt32?

        /// The node has said so since it can be reached.
        var isTold = true
    }

    private(set) var places: [[UInt8]: Place] = [:]
    private var lastNumber: UInt32 = 0

    subscript(filter: [UInt8]) -> Place? { places[filter] }

    /// The node has said that its sessions have the filter.
    ///
    /// - Returns: where it is to be written, if it has to be.
    mutating func insert(_ filter: [UInt8], isStored: Bool, isKept: Bool) -> UInt32? {
        var place = places[filter] ?? Place(isStored: isStored)
        place.isTold = true
        place.isStored = place.isStored || isStored
        defer { places[filter] = place }
        guard isKept, isStored, place.number == nil else { return nil }
        lastNumber += 1
        place.number = lastNumber
        return lastNumber
    }

    /// A third node says that the node, which can't be reached, has the filter for stored sessions.
    ///
    /// - Returns: `nil` when that is known; else where it is to be written, if it has to be.
    mutating func learn(_ filter: [UInt8], isKept: Bool) -> Place? {
        guard places[filter] == nil else { return nil }
        var place = Place(isStored: true, isTold: false)
        if isKept {
            lastNumber += 1
            place.number = lastNumber
        }
        places[filter] = place
        return place
    }

    /// Those of stored sessions.
    var stored: [[UInt8]] { places.filter(\.value.isStored).map(\.key) }

    /// An earlier process has written it.
    mutating func takeUp(_ filter: [UInt8], number: UInt32) {
        places[filter] = Place(isStored: true, number: number, isTold: false)
        lastNumber = max(lastNumber, number)
    }

    mutating func remove(_ filter: [UInt8]) -> Place? { places.removeValue(forKey: filter) }

    /// The node can't be reached any more: those that are not kept, which are removed.
    mutating func lose() -> [[UInt8]] {
        let gone = places.filter { !$0.value.isStored }.map(\.key)
        for filter in gone { places[filter] = nil }
        for filter in places.keys { places[filter]?.isTold = false }
        return gone
    }

    /// The node has said all: those that it has not any more.
    var untold: [[UInt8]] { places.filter { !$0.value.isTold }.map(\.key) }
}
