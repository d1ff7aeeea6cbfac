internal import CNATS

/// A message that came; freed with the value.
@safe
struct NATSMessage: ~Copyable {
    private let pointer: OpaquePointer

    /// Takes over a message of libnats.
    @unsafe init(adopting pointer: OpaquePointer) { unsafe self.pointer = pointer }

    // Safe, here and below: the message is ours, and what is read of it is copied.
    deinit { unsafe natsMsg_Destroy(pointer) }

    var subject: String { unsafe String(cString: natsMsg_GetSubject(pointer)) }

    /// Empty when there is none.
    var reply: String { unsafe natsMsg_GetReply(pointer).map { unsafe String(cString: $0) } ?? "" }

    /// It came in place of an answer, as no one listens there.
    var saysNoResponders: Bool { unsafe natsMsg_IsNoResponders(pointer) }

    var bytes: [UInt8] {
        let count = unsafe Int(natsMsg_GetDataLength(pointer))
        guard count > 0, let data = unsafe natsMsg_GetData(pointer) else { return [] }
        return unsafe Array(UnsafeRawBufferPointer(start: data, count: count))
    }

    /// A line of the header.
    func header(_ name: String) -> String? {
        var value: UnsafePointer<CChar>?
        guard unsafe natsMsgHeader_Get(pointer, name, &value) == NATS_OK else { return nil }
        return unsafe value.map { unsafe String(cString: $0) }
    }
}

/// Interest in a subject: messages for it are kept until they are asked for, at most 65,536.
@safe
final class NATSSubscription: Sendable {
    // Safe: set once; libnats' subscriptions are made for several threads; the connection destroys it later.
    nonisolated(unsafe) private let pointer: OpaquePointer
    private let connection: NATSConnection

    @unsafe init(adopting pointer: OpaquePointer, of connection: NATSConnection) {
        unsafe self.pointer = pointer
        self.connection = connection
    }

    deinit { unsafe connection.end(pointer) }

    /// Waits for a message; 0 milliseconds: takes one that is there.
    func next(milliseconds: Int64) throws(NATSFailure) -> NATSMessage {
        var message: OpaquePointer?
        // Safe: libnats gives the message away.
        try NATSFailure.check(unsafe natsSubscription_NextMsg(&message, pointer, milliseconds))
        return unsafe NATSMessage(adopting: message.unsafelyUnwrapped)
    }

    /// A thread that waits for a message stops waiting.
    func end() { unsafe natsSubscription_Unsubscribe(pointer) }
}
