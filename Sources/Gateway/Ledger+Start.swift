import Ledger
import Storage
import Synchronization
import Time

extension Ledger {
    /// Carries out what the gateway tells the books at its start; returns when the outcome is on the disk. Of a node
    /// in a cluster that is through the log, and it waits for as long as that takes.
    func carryOutAtStart(_ action: Action, at time: Timestamp) throws(StoreError) -> Outcome {
        let command = Command(at: time, actor: "gateway", action: action)
        guard clusterStanding != nil else { return try carryOut(command) }
        let answer = Mutex<Result<Outcome, StoreError>?>(nil)
        let bell = Semaphore()
        submit(command) { result in
            answer.withLock { $0 = result }
            bell.signal()
        }
        bell.wait()
        guard let result = answer.withLock({ $0 }) else {
            preconditionFailure("the bell rings behind the answer")
        }
        return try result.get()
    }
}
