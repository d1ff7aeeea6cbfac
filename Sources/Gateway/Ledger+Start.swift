import Ledger
import Linux
import Storage
import Synchronization
import Time

extension Ledger {
    /// For how long a start waits for the log, in milliseconds: while that can be reached, and while it can't.
    private static var startMilliseconds: (reached: Int64, away: Int64) { (30_000, 2_000) }

    /// Carries out what the gateway tells the books at its start; returns when the outcome is on the disk. Of a node
    /// in a cluster that is through the log, and throws when it takes too long: the books are told when the log is
    /// there, before anything that is submitted later.
    func carryOutAtStart(_ action: Action, at time: Timestamp) throws(StoreError) -> Outcome {
        let command = Command(at: time, actor: Command.gatewayActor, action: action)
        guard clusterStanding != nil else { return try carryOut(command) }
        let answer = Mutex<Result<Outcome, StoreError>?>(nil)
        let bell = Semaphore()
        submit(command) { result in
            answer.withLock { $0 = result }
            bell.signal()
        }
        let start = MonotonicInstant.now()
        while !bell.wait(milliseconds: 100) {
            let isAway = clusterStanding?.trouble != nil
            let limit = isAway ? Self.startMilliseconds.away : Self.startMilliseconds.reached
            if MonotonicInstant.now().milliseconds(since: start) >= limit {
                throw .system(code: Errno.timedOut.rawValue, operation: "waiting for the log")
            }
        }
        guard let result = answer.withLock({ $0 }) else {
            preconditionFailure("the bell rings behind the answer")
        }
        return try result.get()
    }
}
