import Ledger
import Metering
import Storage

/// What a shard hears of an account's message packs (rule C6).
enum TopUpNews: Sendable {
    /// The ledger's answer to a wish for a lease.
    case leaseAnswered(Result<Outcome, StoreError>)

    /// The ledger's answer to the end of a lease.
    case settled(TopUpSettlement, isWritten: Bool)

    /// Another shard asks for what is held here to be given back.
    case recall(by: Int)

    /// What another shard has answered to that.
    case recalled(hasReturned: Bool)

    /// Another shard has given units back.
    case unitsReturned

    /// A pack was bought or given.
    case packsChanged
}
