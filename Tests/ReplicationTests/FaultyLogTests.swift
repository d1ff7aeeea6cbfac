import FaultyLog
import Linux
import Processes
import Replication
import Support
import Synchronization
import Testing
import Time

@Suite("The log in which things go wrong", .waits)
struct FaultyLogTests {
    /// What a simulation was told, and what is in the log.
    private struct Story: Hashable {
        var answers: [Int: Result<UInt64, AppendError>] = [:]
        var entries: [LogEntry] = []
        var steps: [Int] = []
    }

    /// Appends entries, one in each step, and follows; all on one thread.
    private func story(
        _ seed: UInt64,
        _ faults: LogFaults,
        count: Int = 300,
        stopsAt stop: Int? = nil
    ) throws -> Story {
        let inner = InProcessLog { Timestamp(seconds: 1) }
        let log = FaultyLog(over: inner, seed: seed, faults: faults)
        let follower = try log.followFaultily(from: 0)
        let answers = Monitor<[Int: Result<UInt64, AppendError>]>([:])
        var story = Story()
        var seen: [LogEntry] = []
        for number in 0..<count {
            if number == stop { log.stop() }
            if number == stop.map({ $0 + 20 }) { log.restart() }
            log.append([UInt8(number >> 8), UInt8(number & 255)]) { result in
                answers.change { answers in
                    precondition(answers[number] == nil, "answered twice")
                    answers[number] = result
                }
            }
            log.step()
            while follower.available > 0 { _ = try follower.take(upTo: 5, into: &seen) }
            story.steps.append(seen.count)
        }
        log.settle()
        while follower.available > 0 { _ = try follower.take(upTo: 5, into: &seen) }
        _ = try inner.follow(from: 0).take(upTo: .max, into: &story.entries)
        #expect(seen == story.entries)
        story.answers = answers.look { $0 }
        #expect(story.answers.count == count)
        return story
    }

    private func numbers(_ story: Story) -> [Int] {
        story.entries.map { Int($0.bytes[0]) << 8 | Int($0.bytes[1]) }
    }

    @Test("without faults it is the log that it is over")
    func plain() throws {
        let story = try story(1, LogFaults())
        #expect(numbers(story) == Array(0..<300))
        #expect(story.answers.allSatisfy { $0.value == .success(UInt64($0.key) + 1) })
    }

    @Test("a seed repeats the day, another seed is another day")
    func seeds() throws {
        #expect(try story(7, .all) == story(7, .all))
        #expect(try story(7, .all) != story(8, .all))
    }

    @Test("whatever goes wrong, what is acknowledged is at its position", arguments: 0..<20)
    func promises(seed: UInt64) throws {
        let story = try story(seed, .all, stopsAt: seed % 2 == 0 ? 150 : nil)
        let numbers = numbers(story)
        #expect(story.entries.map(\.position) == Array(1...UInt64(numbers.count)))
        for (number, answer) in story.answers {
            switch answer {
            case .success(let position): #expect(numbers[Int(position) - 1] == number)
            case .failure(.unknown): break
            case .failure(.refused): Issue.record("nothing was refused")
            }
        }
    }

    @Test("each fault comes, and alone is what it says")
    func faults() throws {
        func alone(_ change: (inout LogFaults) -> Void) throws -> (Story, [Int]) {
            var faults = LogFaults()
            change(&faults)
            let story = try story(3, faults)
            return (story, numbers(story))
        }
        func isUnknown(_ answer: Result<UInt64, AppendError>?) -> Bool {
            if case .failure(.unknown)? = answer { true } else { false }
        }
        let (lost, left) = try alone { $0.lost = 300 }
        #expect(left.count < 300 && left == left.sorted())
        #expect((0..<300).allSatisfy { isUnknown(lost.answers[$0]) != left.contains($0) })

        let (unacknowledged, all) = try alone { $0.unacknowledged = 300 }
        #expect(all == Array(0..<300))
        #expect(unacknowledged.answers.values.contains { isUnknown($0) })

        let (doubled, twice) = try alone { $0.doubled = 300 }
        #expect(twice.count > 300 && Set(twice).count == 300)
        #expect(!doubled.answers.values.contains { isUnknown($0) })

        let (late, mixed) = try alone { $0.late = 300 }
        #expect(mixed.sorted() == Array(0..<300) && mixed != mixed.sorted())
        let inTime = mixed.filter { !isUnknown(late.answers[$0]) }
        #expect(inTime == inTime.sorted() && inTime.count < 300)

        let (stalled, inOrder) = try alone { $0.stalledFollowers = 900 }
        #expect(inOrder == Array(0..<300))
        #expect(stalled.steps.last! < 300 || stalled.steps.contains { $0 < 10 })
    }

    @Test("stopped, it can't be reached and answers `unknown`; then it goes on")
    func stops() throws {
        let log = FaultyLog(over: InProcessLog { Timestamp(seconds: 1) }, seed: 5)
        let follower = try log.followFaultily(from: 0)
        let answers = Monitor<[Result<UInt64, AppendError>]>([])
        log.append([1]) { result in answers.change { $0.append(result) } }
        log.stop()
        #expect(log.standing == .unreliable("it is stopped"))
        #expect(answers.look { $0 } == [.failure(.unknown("it was stopped"))])
        #expect(throws: LogError.unreachable("it is stopped")) { try log.position() }
        var entries: [LogEntry] = []
        #expect(throws: LogError.unreachable("it is stopped")) {
            _ = try follower.take(upTo: 1, into: &entries)
        }
        log.restart()
        log.append([2]) { result in answers.change { $0.append(result) } }
        log.settle()
        #expect(try follower.take(upTo: 9, into: &entries))
        #expect(entries.last?.bytes == [2])
        #expect(answers.look { $0.last } == .success(UInt64(entries.count)))
        log.close()
        #expect(try follower.take(upTo: 9, into: &entries) == false)
    }
}
