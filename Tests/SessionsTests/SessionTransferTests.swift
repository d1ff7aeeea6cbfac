import Bytes
import MQTT
import Storage
import TestFiles
import Testing

@testable import Sessions

/// Sessions on their way from one store to another.
@Suite struct SessionTransferTests {
    private let directories = [TemporaryDirectory(), TemporaryDirectory()]

    /// A session with a queue of so many messages, one of which was released, and identifiers of QoS 2.
    private func fill(_ store: OpenStore, messages: Int) throws -> StoredSession {
        let name = Sample.name(1)
        let number = try store.begin(name)
        for sequence in 0..<UInt64(messages) {
            try store.write(
                .append(
                    number, sequence: sequence + 5, Sample.queued("m\(sequence)", qos: .exactlyOnce)
                ))
        }
        try store.write(
            .release(number, sequence: 5), .sent(number, below: 7),
            .receive(number, packetID: 9), .receive(number, packetID: 65_535))
        return try #require(try store.session(name))
    }

    private func travelled(_ session: StoredSession) throws -> StoredSession {
        var buffer = ByteBuffer()
        session.encode(into: &buffer)
        var reader = ByteReader(buffer.span)
        let read = try StoredSession(taking: &reader)
        let isRead = reader.isAtEnd
        #expect(isRead)
        return read
    }

    @Test("a session that travels is the same, and the same again in the store that takes it in")
    func whole() throws {
        let (from, to) = (try OpenStore(directories[0].path), try OpenStore(directories[1].path))
        let session = try fill(from, messages: 4)
        let read = try travelled(session)
        #expect(read == session)
        // Numbers of the two stores have nothing to do with each other.
        _ = try to.begin(Sample.name(2))
        let (taken, changes) = read.taken(
            as: to.store.newNumber(), named: Sample.name(1), claim: 7)
        try to.write(changes)
        #expect(try to.session(Sample.name(1)) == taken)
        #expect(taken.record.claim == 7)
        var claims: [UInt64] = []
        try to.store.forEachClaim { claims.append($1) }
        #expect(claims.sorted() == [0, 7])
        #expect(taken.queueCount == session.queueCount && taken.received == session.received)
        #expect(taken.sentBelow == session.sentBelow)
        #expect(try to.store.verify().isEmpty)
    }

    @Test(
        "of a long queue a part travels first, and the rest in pieces: each message once, in order")
    func pieces() throws {
        let store = try OpenStore(directories[0].path)
        let session = try fill(store, messages: 20)
        for bytes in [1, 20, 1_000] {
            let (part, next) = session.beginning(upTo: bytes)
            let pieces = session.messages(from: next, inPiecesOf: bytes)
            let texts =
                part.queue.compactMap { entry -> String? in
                    guard case .message(let message) = entry.record else { return nil }
                    return String(decoding: message.message.payload, as: UTF8.self)
                } + pieces.joined().map { String(decoding: $0.message.payload, as: UTF8.self) }
            #expect(texts == (1..<20).map { "m\($0)" }, "\(bytes) bytes")
            if bytes == 1_000 { #expect(pieces.isEmpty) }
        }
    }

    @Test("bytes that are no session are refused")
    func damaged() throws {
        let store = try OpenStore(directories[0].path)
        var buffer = ByteBuffer()
        try fill(store, messages: 2).encode(into: &buffer)
        let bytes = buffer.span.bytesArray
        for length in 0..<bytes.count {
            var isRefused = false
            do throws(MalformedRecord) {
                var reader = ByteReader(bytes.span.extracting(0..<length))
                _ = try StoredSession(taking: &reader)
            } catch {
                isRefused = true
            }
            #expect(isRefused)
        }
    }
}
