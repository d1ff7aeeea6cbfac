import Bytes
import Glibc
import Storage
import TestFiles
import Testing

/// Failing writes of a store: it goes on, and what was acknowledged, and nothing else, is there.
@Suite struct FaultTests {
    private let directory = TemporaryDirectory()
    private let faults = Faults()

    /// What a child that writes and reads says while rules hold.
    private struct Story {
        var wrote: Set<Int64> = []
        var refused: Set<Int64> = []
        var unread = 0
        var reopened = 0
        var lost = 0

        init(_ lines: [String]) {
            for line in lines {
                let words = line.split(separator: " ")
                switch words[0] {
                case "wrote": wrote.insert(Int64(words[1])!)
                case "refused": refused.insert(Int64(words[1])!)
                case "unread": unread += 1
                case "reopened": reopened += 1
                case "lost": lost += 1
                default: break
                }
            }
        }
    }

    /// Lets a child write 50 numbers, sets the rules, lets it go on for as long as `isEnough` wants, takes the
    /// rules away and lets it write 50 more.
    private func story(
        _ rules: [Faults.Rule],
        until isEnough: @escaping ([String]) -> Bool
    ) throws -> (during: Story, all: Story) {
        faults.set()
        let child = Child(
            "StorageCrashWriter", directory.path, "serve", environment: faults.environment)
        var told = child.lines { $0.count >= 100 }
        for rule in rules { faults.set(rule) }
        let during = child.lines(until: isEnough)
        faults.set()
        told += during
        told += child.lines { $0.filter { $0.hasPrefix("wrote") }.count >= 50 }
        child.kill()
        told += child.lines { _ in false }
        close(child.output)
        return (Story(during), Story(told))
    }

    private func stored() throws -> Set<Int64> {
        let environment = try Environment(path: directory.path, mapSizeBytes: 1 << 28)
        let table = try Table<Int64, EmptyRecord>("numbers", in: environment)
        var numbers: Set<Int64> = []
        try environment.read { transaction throws(StoreError) in
            try table.forEach(in: transaction, from: .including(1)) { number, _ in
                numbers.insert(number)
                return .proceed
            }
        }
        return numbers
    }

    private func expectWhole(_ story: Story) throws {
        let stored = try stored()
        #expect(story.wrote.subtracting(stored).isEmpty, "acknowledged, and lost")
        #expect(story.refused.intersection(stored).isEmpty, "refused, and there")
    }

    @Test(
        "A failed write of the meta page: the store is opened again, nobody is refused, nothing is lost or doubled",
        arguments: [ENOSPC, EIO], [false, true])
    func metaPage(error: Int32, isDone: Bool) throws {
        let rule = Faults.Rule(
            "pwrite", on: "data.mdb", size: Faults.metaPageBytes, error, isDone: isDone)
        let (during, all) = try story([rule]) { $0.filter { $0.hasPrefix("wrote") }.count >= 50 }
        #expect(during.reopened == 1)
        #expect(all.refused.isEmpty && all.unread == 0)
        try expectWhole(all)
    }

    @Test(
        "A meta page whose write fails, and the writing back of the old one too, is looked at again"
    )
    func metaPageLeftBehind() throws {
        // The first write is made and answered with an error; the second, which takes it back, is not made.
        faults.set()
        let child = Child(
            "StorageCrashWriter", directory.path, "serve", environment: faults.environment)
        var told = child.lines { $0.count >= 100 }
        faults.set(
            .init("pwrite", on: "data.mdb", size: Faults.metaPageBytes, EIO, isDone: true),
            .init("pwrite", on: "data.mdb", size: Faults.metaPageBytes, skip: 0, count: 1, EIO))
        told += child.lines { $0.filter { $0.hasPrefix("wrote") }.count >= 100 }
        child.kill()
        told += child.lines { _ in false }
        close(child.output)
        let all = Story(told)
        #expect(all.reopened == 1 && all.unread == 0 && all.lost == 0)
        try expectWhole(all)
    }

    @Test(
        "While no write of the meta page passes, writes are refused, reads answered, and all is well afterwards",
        arguments: [ENOSPC, EIO])
    func metaPageForLong(error: Int32) throws {
        let rule = Faults.Rule(
            "pwrite", on: "data.mdb", size: Faults.metaPageBytes, count: nil, error)
        let (during, all) = try story([rule]) { $0.filter { $0.hasPrefix("refused") }.count >= 20 }
        #expect(during.refused.count >= 20 && all.lost == 0)
        #expect(all.unread == 0)
        try expectWhole(all)
    }

    @Test(
        "A failed write or sync of the pages refuses its request alone",
        arguments: ["pwrite", "writev", "fdatasync"], [ENOSPC, EIO])
    func pages(call: String, error: Int32) throws {
        let rule = Faults.Rule(call, on: "data.mdb", count: call == "pwrite" ? 1 : 5, error)
        let (_, all) = try story([rule]) { $0.filter { $0.hasPrefix("wrote") }.count >= 50 }
        #expect(all.unread == 0 && all.lost == 0)
        try expectWhole(all)
    }

    @Test("A store that can't be opened again is lost, and says so instead of waiting")
    func lost() throws {
        faults.set()
        let child = Child(
            "StorageCrashWriter", directory.path, "serve", environment: faults.environment)
        var told = child.lines { $0.count >= 100 }
        faults.set(
            .init("pwrite", on: "data.mdb", size: Faults.metaPageBytes, EIO),
            .init("open", on: "data.mdb", count: nil, EIO))
        told += child.lines { $0.contains { $0.hasPrefix("lost") } }
        let after = child.lines { $0.count >= 20 }
        child.kill()
        close(child.output)
        #expect(told.last?.contains("mdb_env_open") == true)
        let story = Story(after)
        #expect(story.wrote.isEmpty && story.refused.count >= 9 && story.unread >= 9)
        try expectWhole(Story(told + after))
    }
}
