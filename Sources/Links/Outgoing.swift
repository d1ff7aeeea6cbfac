internal import Linux

/// What one side of a link sends: batches in line, cut and packed into numbered frames, which are kept until the
/// peer has acknowledged them, and sent again when it does not.
struct Outgoing: Sendable {
    /// One that is to be sent now.
    struct Due {
        let number: UInt64
        let body: [UInt8]
    }

    private struct Frame: Sendable {
        let body: [UInt8]
        var sentAt: MonotonicInstant
        var isResent = false
    }

    private let settings: Links.Settings

    private var batches = Line<[UInt8]>()

    /// Of the first of them, how much is in frames already.
    private var cutBytes = 0
    private var waitingBytes = 0

    /// Sent and not acknowledged; `first` is the number of the first of them.
    private var frames = Line<Frame>()
    private var framesBytes = 0
    private var first: UInt64 = 1

    /// The next to be sent, less than `end` while some are sent again.
    private var next: UInt64 = 1
    private var inFlightBytes = 0

    /// Smaller than the settings' after a loss, until acknowledgements come again.
    private var windowBytes: Int

    private var resendAt: MonotonicInstant?
    private var doublings = 0

    /// When something was acknowledged last, or sent while nothing was under way.
    private var progressAt: MonotonicInstant

    /// What was sent again because the peer said that it is missing; once for each frame.
    private var repeated: UInt64 = 0
    private var repeatsFirst = false

    private(set) var resentFrames: UInt64 = 0

    /// Of the last frame that was acknowledged and sent once; the wait of the acknowledgement is in it.
    private(set) var roundTripNanoseconds: Int64?

    init(_ settings: Links.Settings, at now: MonotonicInstant) {
        self.settings = settings
        windowBytes = settings.windowBytes
        progressAt = now
    }

    /// Posted, and not acknowledged.
    var bufferedBytes: Int { waitingBytes + framesBytes }

    private var end: UInt64 { first + UInt64(frames.count) }

    mutating func append(_ batch: [UInt8]) {
        batches.append(batch)
        waitingBytes += batch.count + Fragment.maximumOverhead
    }

    // MARK: Sending

    /// The next frame that may be sent; `nil` when there is none, or the window is full.
    mutating func takeFrame(at now: MonotonicInstant) -> Due? {
        if repeatsFirst, !frames.isEmpty {
            repeatsFirst = false
            repeated = first
            return send(first, at: now)
        }
        guard inFlightBytes < windowBytes, next - first < Links.Settings.framesMaximum else {
            return nil
        }
        if next == end {
            guard !batches.isEmpty else { return nil }
            if frames.isEmpty { progressAt = now }
            let body = makeFrame()
            frames.append(Frame(body: body, sentAt: now))
            framesBytes += body.count
            next += 1
            inFlightBytes += body.count
            if resendAt == nil { resendAt = now.adding(nanoseconds: patience) }
            return Due(number: next - 1, body: body)
        }
        next += 1
        inFlightBytes += frames[Int(next - 1 - first)].body.count
        return send(next - 1, at: now)
    }

    /// Once more.
    private mutating func send(_ number: UInt64, at now: MonotonicInstant) -> Due {
        let index = Int(number - first)
        frames[index].sentAt = now
        frames[index].isResent = true
        resentFrames += 1
        if resendAt == nil { resendAt = now.adding(nanoseconds: patience) }
        return Due(number: number, body: frames[index].body)
    }

    /// As many batches as there is room for; one that does not fit into any frame is cut.
    private mutating func makeFrame() -> [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(min(waitingBytes, settings.frameBytes + Fragment.maximumOverhead))
        while let batch = batches.first {
            let rest = batch.count - cutBytes
            let room = settings.frameBytes - body.count
            if !body.isEmpty, rest > room, rest <= settings.frameBytes || room < 512 { break }
            let count = min(rest, max(room, 0))
            if rest > 0, count == 0 { break }
            let part = batch[cutBytes..<cutBytes + count]
            Fragment.append(part, goesOn: count < rest, to: &body)
            cutBytes += count
            waitingBytes -= count
            guard count == rest else { break }
            batches.removeFirst()
            cutBytes = 0
            waitingBytes -= Fragment.maximumOverhead
            if body.count >= settings.frameBytes { break }
        }
        return body
    }

    // MARK: Acknowledgements

    /// The peer has received all before the frame `expected`, and `isMissing`: some behind it.
    mutating func acknowledge(_ expected: UInt64, isMissing: Bool, at now: MonotonicInstant) {
        guard expected >= first, expected <= end else { return }
        if expected == first {
            if isMissing, repeated != first, next > first { repeatsFirst = true }
            return
        }
        while first < expected {
            let frame = frames[0]
            if first < next { inFlightBytes -= frame.body.count }
            if !frame.isResent { roundTripNanoseconds = now.nanoseconds(since: frame.sentAt) }
            framesBytes -= frame.body.count
            frames.removeFirst()
            first += 1
        }
        next = max(next, first)
        windowBytes = min(settings.windowBytes, windowBytes * 2)
        doublings = 0
        progressAt = now
        repeatsFirst = isMissing && next > first
        resendAt = next > first ? now.adding(nanoseconds: patience) : nil
    }

    // MARK: Time

    /// When `resend(at:)` has something to do.
    var due: MonotonicInstant? { resendAt }

    /// What was not acknowledged in time is sent again, as many frames at once as acknowledgements show to be well.
    mutating func resend(at now: MonotonicInstant) {
        guard let due = resendAt, due <= now else { return }
        resendAt = nil
        repeatsFirst = false
        next = first
        inFlightBytes = 0
        windowBytes = min(settings.windowBytes, 2 * settings.frameBytes)
        doublings = min(doublings + 1, 16)
    }

    /// When the peer counts as gone unless it acknowledges something.
    var stalledAt: MonotonicInstant? {
        frames.isEmpty ? nil : progressAt.adding(milliseconds: settings.silenceMilliseconds)
    }

    /// How long an acknowledgement is waited for, in nanoseconds.
    private var patience: Int64 {
        let least = max(
            settings.resendMilliseconds * 1_000_000, 3 * (roundTripNanoseconds ?? 0))
        let most = max(settings.resendMaximumMilliseconds, settings.resendMilliseconds) * 1_000_000
        return min(most, least << Int64(doublings))
    }
}
