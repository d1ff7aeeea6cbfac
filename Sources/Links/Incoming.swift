internal import Linux

/// What one side of a link receives: frames in any order, out of which batches come in order and once.
struct Incoming: Sendable {
    private let settings: Links.Settings

    /// The number of the first frame that has not come.
    private(set) var expected: UInt64 = 1

    /// Frames behind it.
    private var held: [UInt64: [Fragment]] = [:]
    private var heldBytes = 0

    /// The beginning of a batch whose end has not come.
    private var beginning: [UInt8]?

    /// When an acknowledgement has to be sent; `nil` when all was acknowledged.
    private(set) var acknowledgeAt: MonotonicInstant?
    private var newFrames = 0
    private var newBytes = 0

    init(_ settings: Links.Settings) { self.settings = settings }

    var isMissing: Bool { !held.isEmpty }

    /// An acknowledgement was sent.
    mutating func noteAcknowledged() {
        acknowledgeAt = nil
        newFrames = 0
        newBytes = 0
    }

    mutating func acknowledge(by time: MonotonicInstant) {
        acknowledgeAt = min(acknowledgeAt ?? time, time)
    }

    /// Takes a frame, and adds the batches that are whole now to `batches`.
    ///
    /// False when the peer does not keep to the protocol: a batch has more than `Links.batchMaximumBytes`.
    mutating func take(
        _ number: UInt64,
        _ fragments: [Fragment],
        at now: MonotonicInstant,
        into batches: inout [[UInt8]]
    ) -> Bool {
        guard number == expected else {
            hold(number, fragments)
            // The sender has missed an acknowledgement, or has to learn of the gap.
            acknowledge(by: now)
            return true
        }
        let wasMissing = isMissing
        var next: [Fragment]? = fragments
        while let fragments = next {
            for fragment in fragments {
                guard join(fragment, into: &batches) else { return false }
            }
            expected += 1
            newFrames += 1
            next = held.removeValue(forKey: expected)
            if let next { heldBytes -= Self.bytes(of: next) }
        }
        let isMuch =
            newFrames >= Links.Settings.framesMaximum / 8 || newBytes >= settings.windowBytes / 4
        let isUrgent = isMuch || wasMissing
        acknowledge(by: isUrgent ? now : now.adding(milliseconds: settings.acknowledgeMilliseconds))
        return true
    }

    /// What is too far ahead, or for which there is no room, is passed over: it comes again.
    private mutating func hold(_ number: UInt64, _ fragments: [Fragment]) {
        guard number > expected, number - expected <= Links.Settings.framesMaximum,
            heldBytes < 2 * settings.windowBytes, held[number] == nil
        else { return }
        held[number] = fragments
        heldBytes += Self.bytes(of: fragments)
    }

    private static func bytes(of fragments: [Fragment]) -> Int {
        fragments.reduce(0) { $0 + $1.bytes.count }
    }

    private mutating func join(_ fragment: Fragment, into batches: inout [[UInt8]]) -> Bool {
        newBytes += fragment.bytes.count
        guard fragment.goesOn || beginning != nil else {
            batches.append(fragment.bytes)
            return true
        }
        var whole = beginning.take() ?? []
        guard whole.count + fragment.bytes.count <= Links.batchMaximumBytes else { return false }
        whole.append(contentsOf: fragment.bytes)
        if fragment.goesOn { beginning = whole } else { batches.append(whole) }
        return true
    }
}
