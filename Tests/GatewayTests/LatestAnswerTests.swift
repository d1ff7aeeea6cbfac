import Foundation
import Linux
import Processes
import Synchronization
import Testing

@testable import Gateway

/// What a page of metrics shows of shards that take long.
@Suite("Latest answers", .computes)
struct LatestAnswerTests {
    @Test(
        "a look that takes long holds up no page: the last answer stands, and the look goes on for the next page"
    )
    func slow() async {
        let latest = LatestAnswer(before: 0)
        latest.look { $0(1) }
        #expect(await latest.value(by: .now()) == 1)
        let late = Mutex<(@Sendable (Int) -> Void)?>(nil)
        latest.look { found in late.withLock { $0 = found } }
        let since = MonotonicInstant.now()
        #expect(await latest.value(by: since.adding(milliseconds: 20)) == 1)
        #expect(MonotonicInstant.now() >= since.adding(milliseconds: 20))
        // One at a time.
        latest.look { _ in Issue.record("a second look") }
        late.withLock { $0 }?(2)
        #expect(await latest.value(by: .now()) == 2)
        latest.look { $0(3) }
        #expect(await latest.value(by: .now()) == 3)
    }

    @Test("what comes within the time is waited for")
    func inTime() async {
        let latest = LatestAnswer(before: 0)
        latest.look { found in
            // As a shard's: not one of those that all tests share.
            Thread.detachNewThread {
                usleep(20_000)
                found(1)
            }
        }
        #expect(await latest.value(by: .now().adding(milliseconds: 60_000)) == 1)
    }
}
