public import Time

/// A row of an account's list of changes of its top-up packs (rule C6).
public struct TopUpMovement: Hashable, Sendable {
    /// Number of its event.
    public let sequence: UInt64
    public let at: Timestamp
    public let actor: String
    public let change: TopUpChange
    public let kind: Kind
    public let units: UInt64

    package init(
        sequence: UInt64,
        at: Timestamp,
        actor: String,
        change: TopUpChange,
        kind: Kind,
        units: UInt64
    ) {
        self.sequence = sequence
        self.at = at
        self.actor = actor
        self.change = change
        self.kind = kind
        self.units = units
    }

    public enum Kind: Hashable, Sendable, CaseIterable {
        case purchase
        case gift
        case deduction

        /// To the pack, of an upgrade that failed.
        case giveBack
        case expiry

        /// Its name in the API.
        public var name: String {
            switch self {
            case .purchase: "purchase"
            case .gift: "gift"
            case .deduction: "deduction"
            case .giveBack: "return"
            case .expiry: "expiry"
            }
        }
    }
}
