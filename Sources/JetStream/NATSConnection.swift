internal import CNATS
internal import Glibc
internal import Replication

/// A connection to one of the servers, which libnats makes again whenever it is lost.
@safe
final class NATSConnection: Sendable {
    enum Condition { case connected, lost, closed }

    // Safe: set once; libnats' connections are made for several threads; destroyed with the last reference.
    nonisolated(unsafe) private let pointer: OpaquePointer

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

    deinit { unsafe natsConnection_Destroy(pointer) }

    var condition: Condition {
        switch unsafe natsConnection_Status(pointer) {
        case NATS_CONN_STATUS_CONNECTED: .connected
        case NATS_CONN_STATUS_CLOSED: .closed
        default: .lost
        }
    }

    /// How often it was made again.
    var reconnects: UInt64 {
        var statistics: OpaquePointer?
        // Safe: the statistics are ours from the first call to the last.
        guard unsafe natsStatistics_Create(&statistics) == NATS_OK else { return 0 }
        defer { unsafe natsStatistics_Destroy(statistics) }
        var count: UInt64 = 0
        unsafe natsConnection_GetStats(pointer, statistics)
        unsafe natsStatistics_GetCounts(statistics, nil, nil, nil, nil, &count)
        return count
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

    /// Waits for one answer.
    func request(
        _ bytes: [UInt8],
        on subject: String,
        milliseconds: Int64
    ) throws(NATSFailure) -> NATSMessage {
        var answer: OpaquePointer?
        // Safe: libnats copies what it is given, and gives the answer away.
        let status = unsafe bytes.withUnsafeBytes { bytes in
            unsafe natsConnection_Request(
                &answer, pointer, subject, bytes.baseAddress, Int32(bytes.count), milliseconds)
        }
        try NATSFailure.check(status)
        return unsafe NATSMessage(adopting: answer.unsafelyUnwrapped)
    }

    func subscribe(to subject: String) throws(NATSFailure) -> NATSSubscription {
        var subscription: OpaquePointer?
        // Safe: libnats copies the subject, and gives the subscription away.
        try NATSFailure.check(
            unsafe natsConnection_SubscribeSync(&subscription, pointer, subject))
        return unsafe NATSSubscription(adopting: subscription.unsafelyUnwrapped)
    }

    /// As one of a group, whose members share what comes.
    func subscribe(to subject: String, in group: String) throws(NATSFailure) -> NATSSubscription {
        var subscription: OpaquePointer?
        // Safe: libnats copies the strings, and gives the subscription away.
        try NATSFailure.check(
            unsafe natsConnection_QueueSubscribeSync(&subscription, pointer, subject, group))
        return unsafe NATSSubscription(adopting: subscription.unsafelyUnwrapped)
    }

    /// For good; threads that wait for messages stop waiting.
    func close() { unsafe natsConnection_Close(pointer) }
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
