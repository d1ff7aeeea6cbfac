/// The steps of an import that is too large for one command: begin, any number of chunks, commit. The
/// rows of an import wait in a table of their own, where nobody sees them; the commit makes all of
/// them valid at once, however many they are, and afterwards they are moved to the other devices in
/// small steps.
///
/// An import is named by its product and the number of the event that began it.
public enum ImportAction: Hashable, Sendable {
    /// `key` is the idempotency key that the commit will carry: was it used before, nothing begins
    /// and the effect is `importKnown`. An import under way of the same actor and key is abandoned:
    /// its client has come back. So is one that another `run` of the gateway has left.
    case begin(ProductKey, key: String?, run: UInt64)

    /// The rows after the first `after`. At most `Books.importMaximumRows` at once, and
    /// `Books.importMaximumTotal` in all.
    case stage(ProductKey, import: UInt64, after: UInt64, rows: [ImportLine])

    /// All `rows` are valid from here on, or none ever.
    case commit(ProductKey, import: UInt64, rows: UInt64, digest: FileDigest)

    /// The client has gone, or a row was refused.
    case abandon(ProductKey, import: UInt64)

    /// What other runs of the gateway have left: nobody will carry on with it.
    case abandonOthers(run: UInt64)

    /// Lands the next rows of a committed import, or removes those of an abandoned one: `limit`.
    case move(limit: UInt32)
}
