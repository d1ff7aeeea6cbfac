/// A snapshot of the store that can be read: a `ReadTransaction`, or a `WriteTransaction`, which
/// sees its own changes.
///
/// A transaction stays on the thread that uses it. Only this module makes conforming types.
public protocol Transaction: ~Copyable {
    /// What the tables call LMDB with.
    var handle: TransactionHandle {
        @_lifetime(borrow self)
        get
    }
}
