internal import Replication
internal import Time

/// What came for a follower.
enum Delivery {
    case entry(LogEntry, EntryPlace)

    /// A sign of life.
    case heartbeat

    /// A request for entries is over, and so many of them did not come: because its time was over, or because
    /// they would have been more bytes than were asked for.
    case ended(undelivered: Int, isTimedOut: Bool)

    /// The reader is gone, or its server has gone away.
    case lost

    init(_ message: borrowing NATSMessage) {
        let reply = message.reply
        if !reply.isEmpty {
            self = Self.entry(at: reply, message.bytes) ?? .lost
            return
        }
        let undelivered = message.header("Nats-Pending-Messages").flatMap { Int($0) }
        self =
            switch (message.header("Status"), undelivered) {
            case ("100", _): .heartbeat
            case ("408", let count?): .ended(undelivered: count, isTimedOut: true)
            case ("409", let count?): .ended(undelivered: count, isTimedOut: false)
            case (_, _): .lost
            }
    }

    /// The subject that an entry is to be confirmed on says where it is in the stream, and when it was taken:
    /// `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<nanoseconds>.<pending>`, of
    /// newer servers with a domain and an account's hash before the stream.
    private static func entry(at reply: String, _ bytes: [UInt8]) -> Delivery? {
        let words = reply.split(separator: ".", omittingEmptySubsequences: false)
        guard words.starts(with: ["$JS", "ACK"]), words.count == 9 || words.count >= 11 else {
            return nil
        }
        let first = words.count == 9 ? 4 : 6
        guard let position = UInt64(words[first + 1]), let number = UInt64(words[first + 2]),
            let nanoseconds = Int64(words[first + 3]), let left = UInt64(words[first + 4])
        else { return nil }
        let at = Timestamp(milliseconds: nanoseconds / 1_000_000)
        let entry = LogEntry(position: position, at: at, bytes: bytes)
        return .entry(entry, EntryPlace(number: number, left: left))
    }
}

/// Where an entry is among those of a reader.
struct EntryPlace {
    /// 1, 2, 3, ... without a gap: one that is missing was lost on its way.
    let number: UInt64

    /// How many entries the reader still has, as far as it knows.
    let left: UInt64
}

/// A reader that the servers keep for a follower, and what it has been asked for and has not given yet.
///
/// Entries come when they are asked for, and are asked for when there is room: so a slow ledger slows the servers down
/// and not the gateway's memory.
final class Pull {
    /// What one request is for. With half of it left the next one is made, so at most 1.5 times this waits.
    static let maximumCount = 512
    static let maximumBytes = 4 << 20

    /// Of one request.
    static let expiryMilliseconds: Int64 = 5_000
    static let heartbeatMilliseconds: Int64 = 750

    let subscription: NATSSubscription

    /// How many entries it had when it was made.
    let countAtStart: UInt64
    private let connection: NATSConnection
    private let requestSubject: String
    private let inbox: String
    private var outstanding = 0

    /// Makes the reader, and asks for the first entries.
    init(_ api: StreamAPI, behind position: UInt64) throws(StreamAPI.Failure) {
        let consumer = try api.makeConsumer(behind: position)
        connection = api.link.connection
        countAtStart = consumer.count
        requestSubject = "$JS.API.CONSUMER.MSG.NEXT.\(api.settings.stream).\(consumer.name)"
        inbox = "_INBOX.\(RandomName.make())"
        do throws(NATSFailure) {
            subscription = try connection.subscribe(to: inbox)
            try ask()
        } catch {
            throw .noAnswer(error.text)
        }
    }

    /// What a look finds.
    enum Look {
        case delivery(Delivery)
        case nothing

        /// The reader is of no use any more, and why.
        case lost(String)
    }

    /// Waits for what comes next, unless it is only to take what is there.
    func look(waits: Bool) -> Look {
        do throws(NATSFailure) {
            let limit = waits ? 3 * Self.heartbeatMilliseconds : 0
            if let delivery = try next(milliseconds: limit) { return .delivery(delivery) }
            // Not even a heartbeat: the server with the reader is gone.
            return waits ? .lost("the servers send nothing") : .nothing
        } catch {
            return .lost(error.text)
        }
    }

    /// Waits for what comes next; `nil` when nothing has come in time.
    private func next(milliseconds: Int64) throws(NATSFailure) -> Delivery? {
        do throws(NATSFailure) {
            let delivery = Delivery(try subscription.next(milliseconds: milliseconds))
            switch delivery {
            case .entry: outstanding -= 1
            case .ended(let undelivered, _): outstanding -= undelivered
            case .heartbeat, .lost: break
            }
            if outstanding <= Self.maximumCount / 2 { try ask() }
            return delivery
        } catch {
            guard error.kind == .timeout else { throw error }
            return nil
        }
    }

    private func ask() throws(NATSFailure) {
        let question: JSON = [
            "batch": .number(Self.maximumCount),
            "max_bytes": .number(Self.maximumBytes),
            "expires": .number(Self.expiryMilliseconds * 1_000_000),
            "idle_heartbeat": .number(Self.heartbeatMilliseconds * 1_000_000),
        ]
        try connection.publish(question.bytes, on: requestSubject, reply: inbox)
        outstanding += Self.maximumCount
    }
}
