import Linux
import Processes
import Replication
import Support
import Synchronization
import Testing
import Time

@Suite("A log that is opened late", .waits)
struct LateLogTests {
    private struct NotYet: Error, CustomStringConvertible {
        let description = "try 1"
    }

    @Test("until it is open it says why not, and takes nothing; then it is the log behind it")
    func opens() throws {
        let inner = InProcessLog { Timestamp.now() }
        let tries = Mutex(0)
        let mayOpen = Mutex(false)
        let log = try LateLog(why: "at first", pauseMilliseconds: 5) {
            tries.withLock { $0 += 1 }
            guard mayOpen.withLock({ $0 }) else { throw NotYet() }
            return inner
        }
        #expect(log.appended([1]) == .failure(.refused("the log can't be reached: at first")))
        #expect(Patience.awaits { log.standing == .unreliable("try 1") })
        #expect(throws: LogError.unreachable("try 1")) { try log.position() }
        #expect(throws: LogError.unreachable("try 1")) { try log.follow(from: 0) }
        mayOpen.withLock { $0 = true }
        #expect(Patience.awaits { log.standing == .reliable })
        let count = tries.withLock { $0 }
        #expect(log.appended([1]) == .success(1))
        #expect(try log.position() == 1 && inner.position() == 1)
        #expect(tries.withLock { $0 } == count)
        log.close()
        #expect(throws: LogError.closed) { try log.position() }
        #expect(throws: LogError.closed) { try inner.position() }
    }

    @Test("closed before it was open, it closes what is opened too late")
    func closes() throws {
        let inner = InProcessLog { Timestamp.now() }
        let hasBegun = Mutex(false)
        let mayEnd = Mutex(false)
        let log = try LateLog(why: "at first", pauseMilliseconds: 1) {
            hasBegun.withLock { $0 = true }
            _ = Patience.awaits { mayEnd.withLock { $0 } }
            return inner
        }
        #expect(Patience.awaits { hasBegun.withLock { $0 } })
        log.close()
        #expect(log.standing == .unreliable("the log is closed"))
        mayEnd.withLock { $0 = true }
        #expect(Patience.awaits { inner.standing != .reliable })
    }
}
