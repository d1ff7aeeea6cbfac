/// An account to be created.
public struct NewAccount: Hashable, Sendable {
    public let id: AccountID
    public let name: String

    /// Not asked for a sub-account: that is what its parent is.
    public let kind: AccountKind

    /// Makes it a sub-account of that one, which has no parent itself.
    public let parent: AccountID?

    /// Where alerts go by default (rule E1).
    public let email: EmailAddress?

    /// Where its unassigned codes are counted (rule B13).
    public let dataCentre: DataCentreID

    /// Rule A7. `nil`: none are given. A sub-account gets none of its own.
    public let freeCodes: FreeCodeTerms?

    public init(
        id: AccountID,
        name: String,
        kind: AccountKind,
        parent: AccountID? = nil,
        email: EmailAddress? = nil,
        dataCentre: DataCentreID = .main,
        freeCodes: FreeCodeTerms? = nil
    ) {
        self.id = id
        self.name = name
        self.kind = kind
        self.parent = parent
        self.email = email
        self.dataCentre = dataCentre
        self.freeCodes = freeCodes
    }
}
