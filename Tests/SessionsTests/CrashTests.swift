import Glibc
import Storage
import TestFiles
import Testing

@testable import Sessions

@Suite struct CrashTests {
    private let directory = TemporaryDirectory()

    /// What is left of the messages when the newest is `last`, whose predecessor of ten messages before
    /// may have been acknowledged with it.
    private func left(_ last: UInt64, acknowledgedToo: Bool) -> [UInt64] {
        (0...last).filter { sequence in
            sequence % 3 == 0 || sequence + 10 > last
                || (sequence + 10 == last && !acknowledgedToo)
        }
    }

    @Test(
        "after kill -9 all that was confirmed is there, nothing acknowledged is, and it is in order"
    )
    func killed() throws {
        for round in 1...3 {
            let path = "\(directory.path)/\(round)"
            let child = Child("SessionCrashWriter", path)
            var told = child.lines { $0.count >= 700 * round }
            child.kill()
            told += child.lines { _ in false }
            close(child.output)
            let appended = told.filter { $0.hasPrefix("+") }.compactMap { UInt64($0.dropFirst()) }
            let deleted = told.filter { $0.hasPrefix("-") }.compactMap { UInt64($0.dropFirst()) }
            let newest = try #require(appended.max())

            let store = try OpenStore(path)
            let name = SessionName(product: "PK".utf8Span.span, device: "d".utf8Span.span)
            let session = try #require(try store.session(name))
            let sequences = session.queue.map(\.sequence)
            let last = try #require(sequences.last)
            #expect(last >= newest)
            #expect(
                sequences == left(last, acknowledgedToo: false)
                    || sequences == left(last, acknowledgedToo: true))
            #expect(Set(sequences).isDisjoint(with: deleted))
            #expect(
                session.received.all
                    == sequences.map { DeliveryQueue.packetID(of: $0) }.sorted())
            let findings = try store.store.verify()
            #expect(findings == [])

            let queue = Subject(restoring: session, limit: .max)
            #expect(queue.queue.nextSequence == last + 1)
            let sentAgain = queue.sendAll()
            #expect(sentAgain == sequences.map { "\($0) again" })
        }
    }
}
