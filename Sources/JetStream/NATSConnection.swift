internal import CNATS
internal import Glibc
internal import Linux
internal import Replication
internal import Synchronization

/// A connection to one of the servers, which libnats makes again whenever it is lost.
@safe
final class NATSConnection: Sendable {
    enum Condition { case connected, lost, closed }

    // Safe: set once; libnats' connections are made for several threads; destroyed with the last reference.
    nonisolated(unsafe) private let pointer: OpaquePointer

    /// Subscriptions that are over. libnats' thread that reads may still be about to put a message into one of them:
    /// before 3.6 it looks a subscription up, lets go of the lock, and locks the subscription, which may be freed by
    /// then (nats.c, issue 637).
    private let ended = Mutex<[Ended]>([])

    fileprivate struct Ended {
        let address: UInt

        /// How many messages had come when it was over.
        let messages: UInt64
    }

    /// Waits for a connection, or for each server's refusal, as long as the settings say.
    init(_ settings: JetStreamSettings) throws(JetStreamError) {
        let options = try NATSOptions.make(settings)
        var pointer: OpaquePointer?
        // Safe: libnats copies the options, and writes the pointer only when it is connected.
        let status = unsafe natsConnection_Connect(&pointer, options.pointer)
        guard status == NATS_OK, let connected = unsafe pointer else {
            throw NATSFailure.ofConnecting(status)
        }
        unsafe self.pointer = connected
    }

    deinit {
        // Waits for the thread that reads.
        unsafe natsConnection_Close(pointer)
        for one in ended.withLock({ $0 }) { one.destroy() }
        unsafe natsConnection_Destroy(pointer)
    }

    var condition: Condition {
        switch unsafe natsConnection_Status(pointer) {
        case NATS_CONN_STATUS_CONNECTED: .connected
        case NATS_CONN_STATUS_CLOSED: .closed
        default: .lost
        }
    }

    /// Of the server that it is connected to; `nil` while it is to none. It may have a password.
    var url: String? {
        var text = [CChar](repeating: 0, count: 2_048)
        // Safe: the text is ours, and has the room that is named.
        let status = unsafe natsConnection_GetConnectedUrl(pointer, &text, text.count)
        guard status == NATS_OK else { return nil }
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    /// How often it was made again.
    var reconnects: UInt64 { counts.reconnects }

    private var counts: (messages: UInt64, reconnects: UInt64) {
        var statistics: OpaquePointer?
        // Safe: the statistics are ours from the first call to the last.
        guard unsafe natsStatistics_Create(&statistics) == NATS_OK else { return (0, 0) }
        defer { unsafe natsStatistics_Destroy(statistics) }
        var counts: (messages: UInt64, reconnects: UInt64) = (0, 0)
        unsafe natsConnection_GetStats(pointer, statistics)
        unsafe natsStatistics_GetCounts(
            statistics, &counts.messages, nil, nil, nil, &counts.reconnects)
        return counts
    }

    /// Nothing is to come any more for a subscription of this connection, which no one else has. It is freed when
    /// another message has come since: the thread that reads counts each one before it looks for its subscription.
    @unsafe func end(_ subscription: OpaquePointer) {
        unsafe natsSubscription_Unsubscribe(subscription)
        let messages = counts.messages
        let free = ended.withLock { ended in
            let free = ended.filter { $0.messages < messages }
            ended.removeAll { $0.messages < messages }
            ended.append(Ended(address: UInt(bitPattern: subscription), messages: messages))
            return free
        }
        for one in free { one.destroy() }
    }

    /// Answers, if there are any, go to `reply`.
    func publish(_ bytes: [UInt8], on subject: String, reply: String) throws(NATSFailure) {
        // Safe: libnats copies what it is given, during the call.
        let status = unsafe bytes.withUnsafeBytes { bytes in
            unsafe natsConnection_PublishRequest(
                pointer, subject, reply, bytes.baseAddress, Int32(bytes.count))
        }
        try NATSFailure.check(status)
    }

    /// With a header.
    func publish(
        _ bytes: [UInt8],
        on subject: String,
        reply: String,
        _ header: [StreamMessage.Header]
    ) throws(NATSFailure) {
        var made: OpaquePointer?
        // Safe: libnats copies what it is given, during the call.
        let status = unsafe bytes.withUnsafeBytes { bytes in
            unsafe natsMsg_Create(
                &made, subject, reply,
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count))
        }
        try NATSFailure.check(status)
        // Safe: the message is ours until it is destroyed; publishing copies it.
        let message = unsafe made.unsafelyUnwrapped
        defer { unsafe natsMsg_Destroy(message) }
        for line in header {
            try NATSFailure.check(unsafe natsMsgHeader_Add(message, line.name, line.value))
        }
        try NATSFailure.check(unsafe natsConnection_PublishMsg(pointer, message))
    }

    func publish(_ bytes: [UInt8], on subject: String) throws(NATSFailure) {
        // Safe: libnats copies what it is given, during the call.
        let status = unsafe bytes.withUnsafeBytes { bytes in
            unsafe natsConnection_Publish(
                pointer, subject, bytes.baseAddress, Int32(bytes.count))
        }
        try NATSFailure.check(status)
    }

    /// Waits for one answer. Not by libnats' own request: its subscription is freed by `close`, while an answer that
    /// came late may be on its way into it.
    func request(
        _ bytes: [UInt8],
        on subject: String,
        milliseconds: Int64
    ) throws(NATSFailure) -> NATSMessage {
        let inbox = try Self.inbox()
        let answers = try subscribe(to: inbox)
        let before = reconnects
        try publish(bytes, on: subject, reply: inbox)
        let end = MonotonicInstant.now().adding(milliseconds: milliseconds)
        while true {
            let left = max(0, end.milliseconds(since: .now()))
            do throws(NATSFailure) {
                let answer = try answers.next(milliseconds: min(left, Self.lookMilliseconds))
                if answer.saysNoResponders { throw NATSFailure(NATS_NO_RESPONDERS) }
                return answer
            } catch {
                guard error.kind == .timeout, left > Self.lookMilliseconds else { throw error }
                // What was asked over a connection that is lost is not answered.
                if condition == .lost || reconnects != before {
                    throw NATSFailure(NATS_CONNECTION_DISCONNECTED)
                }
            }
        }
    }

    /// Between two looks whether the connection is there.
    private static let lookMilliseconds: Int64 = 50

    private static func inbox() throws(NATSFailure) -> String {
        var made: UnsafeMutablePointer<CChar>?
        // Safe: the text is ours until it is freed, and copied before.
        try NATSFailure.check(unsafe natsInbox_Create(&made))
        defer { unsafe natsInbox_Destroy(made) }
        return unsafe String(cString: made.unsafelyUnwrapped)
    }

    func subscribe(to subject: String) throws(NATSFailure) -> NATSSubscription {
        var subscription: OpaquePointer?
        // Safe: libnats copies the subject, and gives the subscription away.
        try NATSFailure.check(
            unsafe natsConnection_SubscribeSync(&subscription, pointer, subject))
        return unsafe NATSSubscription(adopting: subscription.unsafelyUnwrapped, of: self)
    }

    /// As one of a group, whose members share what comes.
    func subscribe(to subject: String, in group: String) throws(NATSFailure) -> NATSSubscription {
        var subscription: OpaquePointer?
        // Safe: libnats copies the strings, and gives the subscription away.
        try NATSFailure.check(
            unsafe natsConnection_QueueSubscribeSync(&subscription, pointer, subject, group))
        return unsafe NATSSubscription(adopting: subscription.unsafelyUnwrapped, of: self)
    }

    /// For good; threads that wait for messages stop waiting.
    func close() { unsafe natsConnection_Close(pointer) }
}

extension NATSConnection.Ended {
    fileprivate func destroy() {
        // Safe: it was a subscription's pointer, and is here once.
        unsafe natsSubscription_Destroy(OpaquePointer(bitPattern: address))
    }
}

/// What a connection is made with.
@safe
private struct NATSOptions: ~Copyable {
    let pointer: OpaquePointer

    // Safe: the options are ours from here to `deinit`; each call copies what it is given.
    @unsafe private init(adopting pointer: OpaquePointer) { unsafe self.pointer = pointer }

    deinit { unsafe natsOptions_Destroy(pointer) }

    static func make(_ settings: JetStreamSettings) throws(JetStreamError) -> NATSOptions {
        var made: OpaquePointer?
        guard unsafe natsOptions_Create(&made) == NATS_OK, let made = unsafe made else {
            throw .unreachable("no memory for its options")
        }
        let options = unsafe NATSOptions(adopting: made)
        try options.set(settings)
        if let tls = settings.tls { try options.set(tls) }
        return options
    }

    private func set(_ settings: JetStreamSettings) throws(JetStreamError) {
        let options = unsafe pointer
        let results = unsafe [
            Self.setServers(settings.servers, options),
            natsOptions_SetName(options, "tollgate"),
            natsOptions_SetTimeout(options, settings.connectMilliseconds),
            natsOptions_SetMaxReconnect(options, .max),
            natsOptions_SetReconnectWait(options, 250),
            natsOptions_SetReconnectJitter(options, 100, 100),
            // What is published while there is no connection fails at once.
            natsOptions_SetReconnectBufSize(options, 1),
            natsOptions_SetFailRequestsOnDisconnect(options, true),
            // A server that stands still is left after six seconds.
            natsOptions_SetPingInterval(options, 2_000),
            natsOptions_SetMaxPingsOut(options, 2),
            natsOptions_SetWriteDeadline(options, settings.appendMilliseconds),
            natsOptions_SetSendAsap(options, true),
            // Without one of ours libnats writes to standard error.
            natsOptions_SetErrorHandler(options, { _, _, _, _ in }, nil),
            Self.setCredentials(settings.credentials, options),
        ]
        for result in results where result != NATS_OK { throw Self.bad(result) }
    }

    private static func setServers(_ servers: [String], _ options: OpaquePointer) -> natsStatus {
        // Safe: the strings are ours until they are freed; libnats copies them.
        let strings = unsafe servers.map { unsafe strdup($0) }
        defer { unsafe strings.forEach { unsafe free($0) } }
        var words = unsafe strings.map { unsafe UnsafePointer($0) }
        return unsafe natsOptions_SetServers(options, &words, Int32(words.count))
    }

    private static func setCredentials(
        _ credentials: JetStreamSettings.Credentials,
        _ options: OpaquePointer
    ) -> natsStatus {
        switch credentials {
        case .none: NATS_OK
        case .user(let user, let password): unsafe natsOptions_SetUserInfo(options, user, password)
        case .token(let token): unsafe natsOptions_SetToken(options, token)
        case .file(let path): unsafe natsOptions_SetUserCredentialsFromFiles(options, path, nil)
        }
    }

    private func set(_ tls: JetStreamSettings.TLS) throws(JetStreamError) {
        var result = unsafe natsOptions_SetSecure(pointer, true)
        if result == NATS_OK, let file = tls.authorityFile {
            result = unsafe natsOptions_LoadCATrustedCertificates(pointer, file)
        }
        if result == NATS_OK, let chain = tls.certificateChainFile, let key = tls.privateKeyFile {
            result = unsafe natsOptions_LoadCertificatesChain(pointer, chain, key)
        }
        if result != NATS_OK { throw Self.bad(result) }
    }

    /// Options that libnats does not take: a file that can't be read, a URL that is none.
    private static func bad(_ status: natsStatus) -> JetStreamError {
        // Safe: libnats has a text, which stays, for every status.
        let text = unsafe String(cString: natsStatus_GetText(status))
        return .badSettings("\(text): \(NATSFailure.lastDetail)")
    }
}
