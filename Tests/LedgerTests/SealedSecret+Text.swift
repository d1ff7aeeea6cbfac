@testable import Ledger
@testable import LedgerModel

extension SealedSecret {
    /// The books don't look into it, so any bytes do.
    init?(_ text: String) { self.init(Array(text.utf8)) }
}
