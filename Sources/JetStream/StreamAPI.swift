internal import Linux
internal import Replication
internal import Time

/// Questions to the servers about one stream (`$JS.API`), each bounded in time.
final class StreamAPI: Sendable {
    /// Why there is no answer, or not the one that was hoped for.
    enum Failure: Error, Hashable, Sendable {
        /// A sentence without a full stop.
        case noAnswer(String)

        /// The servers have answered: JetStream's own code of the error, and its words.
        case refused(code: UInt64, String)

        /// The link is closed.
        case closed

        var text: String {
            switch self {
            case .noAnswer(let why), .refused(_, let why): why
            case .closed: "the log is closed"
            }
        }
    }

    /// JetStream's codes that decisions hang on (`server/errors.json`).
    enum Code {
        static let streamNotFound: UInt64 = 10_059
        static let streamNameInUse: UInt64 = 10_058

        /// There are not enough servers for all replicas, or not yet.
        static let placement: Set<UInt64> = [10_005, 10_008, 10_023]
    }

    private static let unclear = "what the servers say is not understood"

    let link: Link
    let settings: JetStreamSettings

    init(_ link: Link, _ settings: JetStreamSettings) {
        self.link = link
        self.settings = settings
    }

    // MARK: The stream

    func info() throws(Failure) -> StreamInfo {
        try stream(ask("STREAM.INFO.\(settings.stream)", nil))
    }

    func create(
        clusterID: String, after position: UInt64, _ generation: LogGeneration
    ) throws(Failure) -> StreamInfo {
        try create(
            StreamInfo.config(for: settings, clusterID: clusterID, after: position, generation))
    }

    func create(_ config: JSON) throws(Failure) -> StreamInfo {
        try stream(ask("STREAM.CREATE.\(settings.stream)", config))
    }

    /// Removes the stream, with all that it has.
    func remove() throws(Failure) { _ = try ask("STREAM.DELETE.\(settings.stream)", nil) }

    /// Lets go of the entries before `position`. One behind the end would move the end.
    func purge(before position: UInt64) throws(Failure) {
        _ = try ask("STREAM.PURGE.\(settings.stream)", ["seq": .number(position)])
    }

    private func stream(_ answer: JSON) throws(Failure) -> StreamInfo {
        guard let info = StreamInfo(answer) else { throw .noAnswer(Self.unclear) }
        return info
    }

    /// Asks again while no server answers and there is patience left.
    func patiently<Answer>(
        _ milliseconds: Int64,
        _ question: () throws(Failure) -> Answer
    ) throws(Failure) -> Answer {
        let deadline = MonotonicInstant.now().adding(milliseconds: milliseconds)
        while true {
            do throws(Failure) {
                return try question()
            } catch .noAnswer(let why) {
                if MonotonicInstant.now() >= deadline { throw .noAnswer(why) }
            }
            if !link.pause(milliseconds: 100) { throw .closed }
        }
    }

    // MARK: Entries

    /// One entry, from whichever replica answers; `nil` when that one does not have it.
    func entry(at position: UInt64) throws(Failure) -> LogEntry? {
        let question: JSON = ["seq": .number(position)]
        let answer = try request(question.bytes, on: "$JS.API.DIRECT.GET.\(settings.stream)")
        if answer.header("Status") != nil { return nil }
        guard answer.header("Nats-Sequence") == String(position),
            let at = answer.header("Nats-Time-Stamp").flatMap({ Timestamp($0) })
        else { throw .noAnswer(Self.unclear) }
        return LogEntry(position: position, at: at, bytes: answer.bytes)
    }

    /// A reader that the servers keep.
    struct Consumer {
        let name: String

        /// How many entries it has to give.
        let count: UInt64
    }

    /// Makes a reader of what is behind `position`. It is kept in one server's memory and goes when it
    /// has not been asked for half a minute; its loss costs nothing, as the follower knows where it was.
    func makeConsumer(
        behind position: UInt64,
        idleSeconds: Int64 = 30
    ) throws(Failure) -> Consumer {
        let name = "tollgate-\(RandomName.make())"
        let config: JSON = [
            "name": .text(name),
            "deliver_policy": .text("by_start_sequence"),
            "opt_start_seq": .number(position + 1),
            "ack_policy": .text("none"),
            "mem_storage": .truth(true),
            "num_replicas": .number(1),
            "inactive_threshold": .number(idleSeconds * 1_000_000_000),
        ]
        let question: JSON = ["stream_name": .text(settings.stream), "config": config]
        let answer = try ask("CONSUMER.CREATE.\(settings.stream).\(name)", question)
        return Consumer(name: name, count: answer["num_pending"]?.unsigned ?? 0)
    }

    /// How many entries there are behind `position`.
    func count(behind position: UInt64) throws(Failure) -> UInt64 {
        // The servers count when a reader is made; nothing is read with this one.
        try makeConsumer(behind: position, idleSeconds: 2).count
    }

    // MARK: Questions

    private func ask(_ verb: String, _ question: JSON?) throws(Failure) -> JSON {
        let answer = try request(question?.bytes ?? [], on: "$JS.API.\(verb)")
        guard let document = JSON(answer.bytes) else { throw .noAnswer(Self.unclear) }
        guard let error = document["error"] else { return document }
        let text = error["description"]?.text ?? "error \(error["code"]?.unsigned ?? 0)"
        // 503: the servers are busy with themselves, without a leader for example.
        if error["code"]?.unsigned == 503 { throw .noAnswer(text) }
        throw .refused(code: error["err_code"]?.unsigned ?? 0, text)
    }

    private func request(_ bytes: [UInt8], on subject: String) throws(Failure) -> NATSMessage {
        if link.isClosed { throw .closed }
        do throws(NATSFailure) {
            return try link.connection.request(
                bytes, on: subject, milliseconds: settings.requestMilliseconds)
        } catch {
            throw link.isClosed ? .closed : .noAnswer(error.text)
        }
    }
}

/// Names that no other has.
enum RandomName {
    /// 32 hexadecimal digits: 16 random bytes.
    static func make() -> String {
        let digits = [UInt64.random(in: 0 ... .max), UInt64.random(in: 0 ... .max)]
            .map { String($0, radix: 16) }
        return digits.map { String(repeating: "0", count: 16 - $0.utf8.count) + $0 }.joined()
    }
}
