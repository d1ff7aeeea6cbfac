import Bytes
import Ledger
import Storage
import TestFiles
import Testing
import Time

@testable import Metering

/// How many devices were online, and how many had messages, by day.
@Suite("Devices over time")
struct OnlineTests {
    private let directory = TemporaryDirectory()
    private let lamp = ProductKey("lamp")!
    private let fan = ProductKey("fan")!

    private func open() throws(StoreError) -> UsageStore {
        try UsageStore(path: directory.path, mapSizeBytes: 1 << 24)
    }

    private func keep(
        _ store: UsageStore, _ samples: [(ProductKey, online: UInt64, devices: UInt64)],
        of quarter: Quarter
    ) {
        let answers = Answers()
        answers.expect()
        let samples = samples.map {
            OnlineSample(product: $0.0, online: $0.online, devices: $0.devices)
        }
        store.keep(samples, of: quarter) { answers.note(0, $0) }
        answers.wait()
        #expect(answers.all.map(\.isWritten) == [true])
    }

    /// A quarter of 2026-11-21, or of the days around it.
    private func quarter(_ number: Int32) -> Quarter {
        Quarter(number: Quarter(first: day(), at: .utc).number + number)
    }

    @Test("quarters are those of the clock, also before 1970, and belong to a day at any offset")
    func quarters() throws {
        for (time, number) in [
            (0, 0), (899_999, 0), (900_000, 1), (-1, -1), (-900_000, -1), (-900_001, -2),
        ] as [(Int64, Int32)] {
            #expect(Quarter(of: Timestamp(milliseconds: time)).number == number, "\(time)")
        }
        let noon = Quarter(of: noon)
        #expect(noon.start == Timestamp("2026-11-21T12:00:00Z"))
        #expect(noon.place == (day(), 48))
        for number in [Int32.min, .min + 1, -1, 0, .max] {
            let place = Quarter(number: number).place
            #expect(place.index < 96)
            #expect(Int64(place.day.number) * 96 + Int64(place.index) == Int64(number))
        }
        let india = try #require(UTCOffset(minutes: 330))
        #expect(Quarter(first: day(), at: india).start == Timestamp("2026-11-20T18:30:00Z"))
        // Days that begin between two quarters have their first one behind that.
        let odd = try #require(UTCOffset(minutes: 7))
        #expect(Quarter(first: day(), at: odd).start == Timestamp("2026-11-21T00:00:00Z"))
    }

    private func fill() throws {
        let store = try open()
        keep(store, [(lamp, 5, 9), (fan, 1, 2)], of: quarter(0))
        keep(store, [(lamp, 7, 10)], of: quarter(1))
        // A node that was started anew counts no device: what was counted before stays.
        keep(store, [(lamp, 0, 10)], of: quarter(1))
        keep(store, [(lamp, 3, 10), (fan, 4, 2)], of: quarter(95))
        keep(store, [(lamp, 2, 10)], of: quarter(96))
        store.shutdown()
    }

    @Test("what is kept of a quarter is read back, of several products together, also later")
    func sums() throws {
        try fill()
        let store = try open()
        let all = quarter(-1)..<quarter(200)
        #expect(
            try store.online(of: [lamp], in: all) == [
                OnlineCount(quarter: quarter(0), online: 5, devices: 9),
                OnlineCount(quarter: quarter(1), online: 7, devices: 10),
                OnlineCount(quarter: quarter(95), online: 3, devices: 10),
                OnlineCount(quarter: quarter(96), online: 2, devices: 10),
            ])
        #expect(
            try store.online(of: [lamp, fan], in: quarter(0)..<quarter(96)) == [
                OnlineCount(quarter: quarter(0), online: 6, devices: 11),
                OnlineCount(quarter: quarter(1), online: 7, devices: 10),
                OnlineCount(quarter: quarter(95), online: 7, devices: 12),
            ])
        #expect(try store.online(of: [fan], in: quarter(1)..<quarter(95)).isEmpty)
        #expect(try store.online(of: [fan], in: quarter(1)..<quarter(1)).isEmpty)
        #expect(try store.verify().isEmpty)
        store.shutdown()
    }

    @Test("days are kept for 33 days, whichever product has had them")
    func old() throws {
        let store = try open()
        let last = UsageStore.onlineDaysKept * 96
        keep(store, [(lamp, 1, 1), (fan, 1, 1)], of: quarter(0))
        keep(store, [(fan, 1, 1)], of: quarter(96))
        keep(store, [(lamp, 1, 1)], of: quarter(last - 1))
        let all = quarter(0)..<quarter(last + 96)
        #expect(try store.online(of: [fan], in: all).count == 2)
        keep(store, [(lamp, 1, 1)], of: quarter(last))
        #expect(
            try store.online(of: [lamp, fan], in: all).map(\.quarter) == [
                quarter(96), quarter(last - 1), quarter(last),
            ])
        store.shutdown()
    }

    @Test("a day takes at most 1,058 bytes, and what is no such record is not taken for one")
    func sizes() throws {
        var record = OnlineDayRecord()
        for index in 0..<96 as Range<UInt8> {
            let sample = OnlineSample(
                product: lamp, online: .max, devices: index.isMultiple(of: 2) ? .max : 0)
            let (isFirst, isSecond) = (
                record.add(sample, at: index), record.add(sample, at: index)
            )
            #expect(isFirst && !isSecond)
        }
        func bytes(_ record: OnlineDayRecord) -> [UInt8] {
            var buffer = ByteBuffer()
            record.encode(into: &buffer)
            return buffer.span.indices.map { buffer.span[$0] }
        }
        func read(_ bytes: [UInt8]) throws(MalformedRecord) -> OnlineDayRecord {
            var reader = ByteReader(bytes.span)
            return try OnlineDayRecord(decoding: &reader)
        }
        #expect(bytes(record).count == 1_058)
        #expect(try read(bytes(record)) == record)
        // Twice the same quarter, one that no day has, a number of devices below 0.
        for wrong in [[1, 2, 3, 0, 0, 3, 0, 0], [1, 1, 96, 0, 0], [1, 1, 3, 0, 1]] as [[UInt8]] {
            #expect(throws: MalformedRecord.self) { try read(wrong) }
        }
    }

    @Test("C8: a day counts each device once, whichever node has counted it")
    func devices() throws {
        let store = try open()
        func submit(_ counts: [(Int, UInt32)], number: UInt64, isAdopted: Bool = false) {
            let answers = Answers()
            answers.expect()
            let entries = counts.map {
                UsageBatch.Entry(
                    device: device($0.0, of: "lamp"), usage: DayUsage(day: day(), used: $0.1))
            }
            if isAdopted {
                store.adopt(entries, at: noon) { answers.note(number, $0) }
            } else {
                store.submit(UsageBatch(number: number, takenAt: noon, entries: entries)) {
                    answers.note(number, $0)
                }
            }
            answers.wait()
        }
        func devices() throws -> UInt64? {
            try store.totals(of: lamp, in: day()...day()).first?.devices
        }
        submit([(0, 1), (1, 0)], number: 0)
        #expect(try devices() == 1)
        submit([(0, 4), (1, 1)], number: 1)
        #expect(try devices() == 2)
        // Another node has counted them, and tells what; then they are counted here.
        submit([(1, 5), (2, 3)], number: 2, isAdopted: true)
        submit([(1, 9), (2, 4)], number: 3)
        #expect(try devices() == 2)
        #expect(try store.verify().isEmpty)
        store.shutdown()
    }

    @Test("C8: devices of a day that an earlier program began are not counted, nor missed")
    func upgraded() throws {
        let environment = try Environment(path: directory.path, mapSizeBytes: 1 << 24)
        let tables = try UsageTables(in: environment)
        let key = ProductDayKey(lamp, day())
        func batch(_ number: Int, _ day: Day) -> UsageBatch {
            UsageBatch(
                number: UInt64(number), takenAt: noon,
                entries: [
                    UsageBatch.Entry(
                        device: device(number, of: "lamp"), usage: DayUsage(day: day, used: 2))
                ])
        }
        try environment.write { transaction throws(StoreError) in
            try tables.write(batch(0, day()), in: transaction)
            try tables.products.put(key, ProductDayTotal(used: 2), in: transaction)
            try tables.write(batch(1, day()), in: transaction)
            try tables.write(batch(1, day(1)), in: transaction)
        }
        let found = try environment.read { transaction throws(StoreError) in
            [
                try tables.products.get(key, in: transaction),
                try tables.products.get(ProductDayKey(lamp, day(1)), in: transaction),
            ]
        }
        #expect(
            found == [ProductDayTotal(used: 4), ProductDayTotal(used: 2, devices: 1)])
        func findings() throws -> [String] {
            try environment.read { transaction throws(StoreError) in
                var audit = UsageAudit(tables, limit: 9)
                try audit.run(in: transaction)
                return audit.findings
            }
        }
        #expect(try findings() == [])
        try environment.write { transaction throws(StoreError) in
            try tables.products.put(
                ProductDayKey(lamp, day(1)), ProductDayTotal(used: 2, devices: 3), in: transaction)
        }
        #expect(
            try findings() == [
                "usage of lamp on \(day(1)): the total is of 3 devices, 1 have counts"
            ])
    }
}
