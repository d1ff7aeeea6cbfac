import Bytes
import MQTT
import Storage
import Testing

@testable import Sessions

/// Changes of stored sessions on their way to the node that keeps a copy.
@Suite struct FollowedChangesTests {
    private static let number = SessionNumber(300)
    private static let forward = ForwardNumber(life: 1, shard: 2, count: 3)
    private static let kept = Forward(
        Sample.queued("m").message, isRetained: false, isForSubscribers: true, shares: [], shard: 1,
        shardCount: 2)

    /// Each change, and its bytes behind the version and the count: for good, as nodes of different versions speak to
    /// each other.
    private static let golden: [(change: SessionChange, bytes: String)] = [
        (
            .put(Sample.name(1), Sample.record(number)),
            "0106" + "01504b2e6431" + "10" + "01ac020180fa9989e36805d8040000" + "00"
        ),
        (.remove(Sample.name(1), number), "020601504b2e6431ac02"),
        (
            .append(number, sequence: 5, Sample.queued("m", qos: .exactlyOnce)),
            "03ac020502" + "02" + "03612f62" + "016d" + "00" + "00" + "00" + "00" + "01"
        ),
        (.release(number, sequence: 5), "04ac0205"),
        (.delete(number, sequence: .max), "05ac02ffffffffffffffffff01"),
        (.sent(number, below: 7), "06ac0207"),
        (.receive(number, packetID: 1), "07ac0201"),
        (.complete(number, packetID: 65_535), "08ac02ffff03"),
        (.node(.take("n2", shard: 1, forward)), "09026e32010000010200000003"),
        (.node(.settle("n2", shard: 254, forward)), "0a026e32fe0000010200000003"),
        (
            .node(.keep("n2", forward, kept)),
            "0b026e320000010200000003" + "0f" + "010102000100" + "0103612f62" + "016d" + "0000"
        ),
        (.node(.arrived("n2", forward)), "0c026e320000010200000003"),
    ]

    private func bytes(_ changes: [SessionChange]) -> [UInt8] {
        var buffer = ByteBuffer()
        FollowedChanges(changes).encode(into: &buffer)
        return buffer.span.bytesArray
    }

    private func read(_ bytes: [UInt8]) throws(MalformedRecord) -> [SessionChange] {
        var reader = ByteReader(bytes.span)
        let changes = try FollowedChanges(taking: &reader).changes
        if !reader.isAtEnd { throw .malformed(what: "bytes behind the changes") }
        return changes
    }

    private func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test("each change has the bytes that it always had, and is read from them")
    func goldenBytes() throws {
        for (change, golden) in Self.golden {
            let bytes = bytes([change])
            #expect(hex(bytes) == "0101" + golden, "\(change)")
            #expect(try read(bytes) == [change])
        }
        let all = Self.golden.map(\.change)
        #expect(try read(bytes(all)) == all)
        #expect(try read(bytes([])) == [])
    }

    @Test(
        "filters of other nodes are in no list that travels; what a node keeps for them and has taken of them is"
    )
    func nodes() throws {
        let number = Self.forward
        let forwarded = SessionChange.node(.drop("n2", shard: 1, number: 2))
        let sent = SessionChange.sent(Self.number, below: 7)
        #expect(!forwarded.isFollowed && sent.isFollowed)
        let taken = SessionChange.node(.take("n2", shard: 1, number))
        let settled = SessionChange.node(.settle("n2", shard: 1, number))
        #expect(try read(bytes([taken, forwarded, settled])) == [taken, settled])
        let changes = FollowedChanges([forwarded, sent, forwarded])
        #expect(changes.changes == [sent])
        #expect(try read(bytes([forwarded, sent])) == [sent])
    }

    @Test("bytes that are no changes are refused")
    func malformed() throws {
        let all = bytes(Self.golden.map(\.change))
        for count in 0..<all.count {
            #expect(throws: MalformedRecord.self) { try read(Array(all[..<count])) }
        }
        #expect(throws: MalformedRecord.self) { try read(all + [0]) }
        for tag in UInt8.min...UInt8.max where !(1...12).contains(tag) {
            let name = "change of a session"
            #expect(throws: MalformedRecord(what: name)) {
                try read([1, 1, tag, 0, 0, 0, 0])
            }
        }
        let malformed: [[UInt8]] = [
            // Another version, and packet identifiers of no packet.
            [0, 0], [2, 0], [1, 1, 7, 1, 0], [1, 1, 8, 1, 0x80, 0x80, 0x04],
            // Names that are none.
            [1, 1, 2, 0, 1], [1, 1, 2, 2, 9, 9, 1],
        ]
        for bytes in malformed {
            #expect(throws: MalformedRecord.self) { try read(bytes) }
        }
    }
}
