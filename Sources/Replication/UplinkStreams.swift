/// Streams outside of the gateways that devices' messages go into, and others read from. What an implementation
/// promises:
///
/// - A message that was acknowledged is kept as the stream keeps it: on the disks of a majority of its servers.
/// - One that comes again under the same id soon after, as its acknowledgement was lost, is there once.
/// - A put whose acknowledgement was lost may have been carried out.
public protocol UplinkStreams: AnyObject, Sendable {
    /// `completion` is called once, with the message's position or why there is none, on a thread of the streams' or
    /// at once: it should only pass the answer on.
    func put(
        _ message: StreamMessage,
        into stream: String,
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    )

    /// Which streams are in use, from now on: each is looked for, and made when it is not there.
    func use(_ streams: Set<String>)

    /// What keeps those in use from taking messages, in sentences without a full stop, by their names.
    var doubts: [String: String] { get }

    /// Lets go of all that they hold; puts that wait fail.
    func close()
}

/// One message for a stream.
public struct StreamMessage: Hashable, Sendable {
    /// The words of its subject behind the stream's own: each of `[A-Za-z0-9_%-]`, none empty.
    public let words: [String]

    /// Lines of printable ASCII; a name may come several times.
    public let headers: [Header]

    /// At most `uplinkPayloadMaximumBytes`.
    public let payload: [UInt8]

    /// No other message of the stream has it.
    public let id: String

    public struct Header: Hashable, Sendable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public init(words: [String], headers: [Header], payload: [UInt8], id: String) {
        self.words = words
        self.headers = headers
        self.payload = payload
        self.id = id
    }
}

/// In bytes: with its header a message stays below the 1 MiB that NATS servers take unless they are told otherwise.
public let uplinkPayloadMaximumBytes = 512 * 1_024
