import Storage
import TestFiles
import Testing

@testable import Gateway

/// What the log hears of the stores.
@Suite struct StoreWatchTests {
    @Test("A store whose map is getting full is warned about once, and not before")
    func full() throws {
        let directory = TemporaryDirectory()
        let environment = try Environment(path: directory.file("store"), mapSizeBytes: 1 << 18)
        let table = try Table<UInt64, EmptyRecord>("t", in: environment)
        let lines = LogTests.Lines()
        let log = try GatewayLog(level: .info) { lines.take($0) }
        try log.start()
        let watch = StoreWatch()
        watch.warn("ledger", environment.figures, above: 0.8, log)
        var number: UInt64 = 0
        while environment.figures.usedRatio <= 0.8 {
            try environment.write { transaction throws(StoreError) in
                for _ in 0..<100 {
                    number += 1
                    try table.put(number, EmptyRecord(), in: transaction)
                }
            }
        }
        for _ in 1...3 { watch.warn("ledger", environment.figures, above: 0.8, log) }
        log.stop()
        #expect(lines.all.count == 1)
        #expect(lines.all.first?.level == .warning)
        #expect(lines.all.first?.fields.first == .init("store", "ledger"))
    }

    @Test("Who waits for the loss of a store is told when the gateway ends that none was lost")
    func ended() async {
        let watch = StoreWatch()
        let loss = Task { await watch.loss() }
        watch.end()
        #expect(await loss.value == nil)
    }
}
