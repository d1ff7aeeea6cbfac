internal import Linux

/// Streams in memory: tests. They are there when they are named, and take messages unless a test says otherwise.
public final class InProcessStreams: UplinkStreams {
    fileprivate struct State {
        var messages: [String: [StreamMessage]] = [:]
        var inUse: Set<String> = []
        var answer = Answer.takes
        var isClosed = false

        /// Answers that a test holds back.
        var held: [@Sendable () -> Void] = []
    }

    /// What becomes of puts.
    public enum Answer: Sendable {
        case takes

        /// Taken, and acknowledged when something else is set.
        case holds

        /// A sentence without a full stop.
        case refuses(String)

        /// Taken, and the acknowledgement is lost.
        case loses
    }

    private let state = Monitor(State())

    public init() {}

    /// What is in a stream, in order.
    public func messages(of stream: String) -> [StreamMessage] {
        state.look { $0.messages[stream, default: []] }
    }

    public var inUse: Set<String> { state.look { $0.inUse } }

    /// From now on.
    public func set(_ answer: Answer) {
        let due = state.change { state in
            state.answer = answer
            defer { state.held = [] }
            return state.held
        }
        for answer in due { answer() }
    }

    public func put(
        _ message: StreamMessage,
        into stream: String,
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        let result = state.change { state -> Result<UInt64, AppendError>? in
            if state.isClosed { return .failure(.refused("the streams are closed")) }
            if case .refuses(let why) = state.answer { return .failure(.refused(why)) }
            let position = state.take(message, stream)
            switch state.answer {
            case .takes, .refuses: return .success(position)
            case .loses: return .failure(.unknown("the acknowledgement was lost"))
            case .holds:
                state.held.append { completion(.success(position)) }
                return nil
            }
        }
        if let result { completion(result) }
    }

    public func use(_ streams: Set<String>) { state.change { $0.inUse = streams } }

    public var doubts: [String: String] {
        state.look { state in
            guard case .refuses(let why) = state.answer else { return [:] }
            return Dictionary(uniqueKeysWithValues: state.inUse.map { ($0, why) })
        }
    }

    public func close() {
        state.change { $0.isClosed = true }
        set(.refuses("the streams are closed"))
    }
}

extension InProcessStreams.State {
    /// Where the message is; one that is there already stays where it was.
    fileprivate mutating func take(_ message: StreamMessage, _ stream: String) -> UInt64 {
        let known = messages[stream, default: []].firstIndex { $0.id == message.id }
        if let known { return UInt64(known) + 1 }
        messages[stream, default: []].append(message)
        return UInt64(messages[stream]?.count ?? 0)
    }
}
