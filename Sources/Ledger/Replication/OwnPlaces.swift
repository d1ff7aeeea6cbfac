/// Where this process's envelopes came in the log, of its latest entries.
///
/// A log that was set back gives positions again that were applied. While it ends before what was applied that shows by
/// its length; when it has grown beyond, only by this: an acknowledgement names a position where something else was.
struct OwnPlaces {
    /// Acknowledgements that come later than so many entries are not looked at.
    private static let capacity = 8_192

    /// How far the books had come when the process began: none of its envelopes is before.
    private let begin: UInt64

    /// By position, round and round.
    private var places: [Place]

    private struct Place {
        var position: UInt64

        /// `nil` of another process's.
        var number: UInt64?
    }

    init(behind begin: UInt64) {
        self.begin = begin
        places = Array(repeating: Place(position: 0, number: nil), count: Self.capacity)
    }

    /// An entry was applied, or passed over.
    mutating func add(_ position: UInt64, number: UInt64?) {
        places[Int(position % UInt64(Self.capacity))] = Place(position: position, number: number)
    }

    /// Whether the envelope can't be where the log says, as something else was there.
    func contradict(_ position: UInt64, of number: UInt64) -> Bool {
        if position <= begin { return true }
        let place = places[Int(position % UInt64(Self.capacity))]
        return place.position == position && place.number != number
    }
}
