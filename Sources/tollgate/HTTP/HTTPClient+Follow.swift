extension HTTPClient {
    /// How long a stream may be silent: the gateway sends a comment every 15 s.
    static let silence = Duration.seconds(45)

    /// Gets a stream of events and hands each on as it comes; returns when the stream ends. Any other
    /// answer is returned with its bytes.
    func follow(
        _ path: String,
        headers: [(String, String)],
        _ take: (ServerSentEvent) throws(Failure) -> Void
    ) async throws(Failure) -> Answer {
        var reader = ServerSentEvent.Reader()
        var answer = Answer()
        try await get(path, headers: headers, patience: Self.silence) { part throws(Failure) in
            switch part {
            case .body(let piece) where answer.status == 200:
                for event in try reader.take(piece) { try take(event) }
            case .head, .body: try Self.keep(part, in: &answer)
            }
        }
        return answer
    }

    /// Gets an answer of any length, and hands each part on as it comes, to its end. One of which nothing comes for
    /// `patience` is taken to be lost.
    func get(
        _ path: String,
        headers: [(String, String)],
        patience: Duration,
        _ take: (AnswerPart) throws(Failure) -> Void
    ) async throws(Failure) {
        let text = "\(server.base): the connection was lost within the answer"
        let request = try TransferRequest(
            .get, path, at: server, headers: headers,
            patience: .silence(patience, orElse: text), mayRepeat: true)
        try await perform(request, take)
    }
}

/// An event of a stream (HTML Living Standard, 9.2.6).
struct ServerSentEvent: Equatable {
    /// What to come back with; an event may be no more than that.
    var id: String?
    var name = ""
    var data = ""

    /// Puts events together from the bytes of a stream, which come in pieces of any size.
    struct Reader {
        private var line: [UInt8] = []
        private var event = ServerSentEvent()

        /// In bytes.
        private static let lineMaximum = 1 << 20

        /// The events that end within these bytes; throws when a line has no end.
        mutating func take(_ bytes: some Sequence<UInt8>) throws(Failure) -> [ServerSentEvent] {
            var events: [ServerSentEvent] = []
            for byte in bytes {
                guard byte == UInt8(ascii: "\n") else {
                    line.append(byte)
                    guard line.count <= Self.lineMaximum else {
                        throw Failure(
                            text: "an event's line has more than \(Self.lineMaximum) bytes")
                    }
                    continue
                }
                if line.isEmpty {
                    if event != ServerSentEvent() { events.append(event) }
                    event = ServerSentEvent()
                } else {
                    takeLine()
                }
                line.removeAll(keepingCapacity: true)
            }
            return events
        }

        /// `name: value`; a line that begins with a colon is a comment.
        private mutating func takeLine() {
            let text = String(decoding: line, as: UTF8.self)
            guard let colon = text.firstIndex(of: ":") else { return }
            var value = text[text.index(after: colon)...]
            if value.first == " " { value.removeFirst() }
            switch text[..<colon] {
            case "id": event.id = String(value)
            case "event": event.name = String(value)
            case "data": event.data += (event.data.isEmpty ? "" : "\n") + value
            default: break
            }
        }
    }
}
