import Gateway
import Hummingbird

extension Routes {
    /// Rule A10: proves that the books balance, and what else the stores hold is whole.
    mutating func registerCheck() {
        on(
            .get, "check",
            Operation(
                "checkBooks", "Whether the books balance and the counts add up (rules A10, C8)",
                access: .gateway,
                answers: .ok(.check))
        ) { call in
            .json(Documents.check(try await call.controlPlane.verify()))
        }
    }
}
