import Gateway
import Hummingbird
import Ledger
import Linux
import Storage

extension Routes {
    /// Rule A10: proves that the books balance. It reads the whole store, on a thread of its own.
    mutating func registerCheck() {
        on(
            .get, "check",
            Operation(
                "checkBooks", "Whether the books balance (rule A10)", access: .gateway,
                answers: .ok(.check))
        ) { call in
            let ledger = call.controlPlane.ledger
            let result = try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Result<[String], StoreError>, any Error>) in
                do {
                    _ = try Thread(name: "check") {
                        do throws(StoreError) {
                            continuation.resume(returning: .success(try ledger.verify()))
                        } catch {
                            continuation.resume(returning: .failure(error))
                        }
                    }
                } catch {
                    continuation.resume(throwing: error)
                }
            }
            return .json(Documents.check(try result.get()))
        }
    }
}
