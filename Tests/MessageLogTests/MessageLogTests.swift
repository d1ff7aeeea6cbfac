import LedgerModel
import Linux
import Processes
import Support
import TestFiles
import Testing
import Time

@testable import MessageLog

@Suite(.computes) struct MessageLogTests {
    @Test("D3: what a device sends and is sent comes back as it was, the latest first")
    func roundTrip() throws {
        let test = try TestLog()
        let lamp = DeviceIdentity.lamp(1)
        var retained = Sample(lamp, "up/état", Array("{\"on\":true}".utf8))
        retained.isRetained = true
        retained.qos = 2
        let foreign = Sample(
            lamp, "/all/lamps", [], at: TestLog.noon.adding(seconds: 1), direction: .down)
        let large = Sample(lamp, "up/large", [UInt8](repeating: 7, count: 300_000))
        let noise = Sample(lamp, "up/noise", (0..<50_000).map { _ in .random(in: 0...255) })
        test.write([retained, foreign, large, noise, Sample(.lamp(2))])
        let found = try test.log.messages(of: lamp, MessageQuery()).messages
        #expect(found.map(\.payload) == [noise, large, foreign, retained].map(\.payload))
        #expect(
            found.map(\.topic) == [noise, large, foreign, retained].map { Array($0.topic.utf8) })
        #expect(found.map(\.direction) == [.up, .up, .down, .up])
        #expect(found.map(\.qos) == [1, 1, 1, 2])
        #expect(found.map(\.isRetained) == [false, false, false, true])
        #expect(found[2].time == TestLog.noon.adding(seconds: 1) && found[3].time == TestLog.noon)
        #expect(try test.log.messages(of: .lamp(3), MessageQuery()).messages.isEmpty)
        #expect(try test.findings == [])
        test.log.stop()
        #expect(try test.findings == [])
        let again = try TestLog(in: test.directory)
        #expect(try again.all(of: lamp).reversed() == found)
        again.log.stop()
    }

    @Test("pages by cursor, time and direction are the whole, while more is written and later")
    func pages() throws {
        let test = try TestLog()
        var model: [DeviceIdentity: [Sample]] = [:]
        func round(_ number: Int) {
            let batch = (0..<500).map { index in
                Sample(
                    .lamp(index % 7 == 0 ? 0 : .random(in: 1...40)), "up/\(number)",
                    Array("\(number)-\(index)".utf8),
                    at: TestLog.noon.adding(seconds: Int64(number)),
                    direction: index % 3 == 0 ? .down : .up)
            }
            // Two classes, in one flush each.
            test.write(batch.filter { $0.device != .lamp(3) })
            test.write(batch.filter { $0.device == .lamp(3) }, keptFor: UInt16(7 + number % 2))
            for sample in batch { model[sample.device, default: []].append(sample) }
        }
        for number in 0..<12 { round(number) }
        // A page, then more is written, then the rest: the rest is what it was.
        let first = try test.log.messages(of: .lamp(0), MessageQuery(limit: 5))
        let older = model[.lamp(0), default: []].reversed().dropFirst(5).map(\.payload)
        for number in 12..<20 { round(number) }
        var query = MessageQuery(below: first.next, limit: 64)
        var rest: [[UInt8]] = []
        while query.below != nil {
            let page = try test.log.messages(of: .lamp(0), query)
            rest += page.messages.map(\.payload)
            query.below = page.next
        }
        #expect(rest == older)
        func check(_ test: TestLog) throws {
            for (device, samples) in model {
                for limit in device == .lamp(3) ? [1, 7, 1_000] : [13, 1_000] {
                    #expect(
                        try test.all(of: device, by: limit).map(\.payload)
                            == samples.map(\.payload))
                }
                let (from, to) = (TestLog.noon.adding(seconds: 3), TestLog.noon.adding(seconds: 9))
                let asked = MessageQuery(from: from, to: to, direction: .down, limit: 1_000)
                let expected = samples.filter {
                    $0.direction == .down && $0.time! >= from && $0.time! < to
                }
                #expect(
                    try test.log.messages(of: device, asked).messages.map(\.payload)
                        == expected.reversed().map(\.payload))
            }
        }
        try check(test)
        test.log.stop()
        #expect(try test.findings == [])
        let again = try TestLog(in: test.directory)
        try check(again)
        again.log.stop()
    }

    @Test(
        "D3: segments are dropped whole when their days are over, each class its own, and not before"
    )
    func age() throws {
        let test = try TestLog()
        test.write([Sample(.lamp(1))], keptFor: 1)
        test.write([Sample(.lamp(1))], keptFor: 30)
        test.log.stop()
        #expect(test.files.count == 2)
        let day = try TestLog(in: test.directory, at: TestLog.noon.adding(milliseconds: 86_399_999))
        day.log.stop()
        #expect(test.files.count == 2)
        let later = try TestLog(in: test.directory, at: TestLog.noon.adding(days: 1))
        later.log.stop()
        #expect(test.files.map { $0.prefix(3) } == ["30-"])
        #expect(later.log.standing.expiredSegments == 1)
        #expect(try later.all(of: .lamp(1)).count == 1)
        let last = try TestLog(in: test.directory, at: TestLog.noon.adding(days: 31))
        last.log.stop()
        #expect(test.files == [])
    }

    @Test("beyond its bytes the oldest segments go, and that is said and counted")
    func bound() throws {
        let test = try TestLog(maximumBytes: 1 << 20)
        var newest: [UInt8] = []
        for number in 0..<60 {
            newest = [UInt8(number)] + (0..<60_000).map { _ in .random(in: 0...255) }
            test.write([Sample(.lamp(number % 5), "up", newest)])
        }
        test.log.stop()
        let again = try TestLog(in: test.directory, maximumBytes: 1 << 20)
        again.log.stop()
        #expect(again.log.standing.bytes <= 1 << 20)
        #expect(again.log.standing.bytes > 1 << 19)
        #expect(again.log.standing.evictedSegments > 0)
        let said = again.notices.all.filter { if case .evicted = $0 { true } else { false } }
        #expect(said.count == again.log.standing.evictedSegments)
        #expect(try again.all(of: .lamp(59 % 5)).last?.payload == newest)
        #expect(try again.all(of: .lamp(0)).first?.payload.first != 0)
    }

    @Test(
        "a file system that has too little left takes nothing: messages are dropped, counted and said"
    )
    func space() throws {
        let test = try TestLog(minimumFreeBytes: .max)
        test.write([Sample(.lamp(1)), Sample(.lamp(2))])
        #expect(test.log.standing.dropped == 2 && test.log.standing.stored == 0)
        #expect(test.notices.all == [.writingFails("the file system is full")])
        test.log.stop()
    }

    @Test(
        "a device's messages are deleted, others stay, later ones are kept, and all of a product's")
    func deletion() throws {
        let test = try TestLog()
        test.write((1...3).map { Sample(.lamp($0)) })
        test.log.delete(messagesOf: .lamp(1), until: TestLog.noon)
        #expect(try test.all(of: .lamp(1)).isEmpty)
        #expect(try test.all(of: .lamp(2)).count == 1)
        let later = TestLog.noon.adding(milliseconds: 1)
        test.write([Sample(.lamp(1), "up/late", [9], at: later)])
        #expect(try test.all(of: .lamp(1)).map(\.payload) == [[9]])
        test.log.stop()
        let again = try TestLog(in: test.directory)
        #expect(try again.all(of: .lamp(1)).map(\.payload) == [[9]])
        again.log.delete(messagesOf: ProductKey("lamp")!, until: later)
        again.log.stop()
        let third = try TestLog(in: test.directory, at: TestLog.noon.adding(days: 8))
        for number in 1...3 { #expect(try third.all(of: .lamp(number)).isEmpty) }
        third.log.stop()
        // With the last segment the deletions go, too.
        #expect(test.files == [])
        var file = DeletionFile(in: test.log.settings.directory)
        let left = try file.read()
        #expect(left.times.isEmpty && left.damages == 0)
    }

    @Test("more than may wait for the writer is dropped and counted, and the shard goes on")
    func overload() throws {
        let directory = TemporaryDirectory()
        let log = try MessageLog(
            MessageLogSettings(directory: directory.file("m"), minimumFreeBytes: 0),
            clock: { TestLog.noon }, say: { _ in })
        // Its thread is not started: nothing is written.
        var port = MessagePort(log)
        let payload = [UInt8](repeating: 1, count: 1 << 20)
        for _ in 0..<20 {
            port.append(
                keptFor: 7, at: TestLog.noon, .now(), .up, qos: 0, isRetained: false,
                isDuplicate: false, prefix: Array("d/lamp/l1/".utf8).span,
                topic: Array("d/lamp/l1/up".utf8).span, payload: payload.span)
        }
        #expect(log.standing.dropped == 4)
        try log.start()
        log.stop()
        #expect(log.standing.stored == 16)
        let isOver = Patience.awaits { log.standing.lagMilliseconds >= 0 }
        #expect(isOver)
    }
}
