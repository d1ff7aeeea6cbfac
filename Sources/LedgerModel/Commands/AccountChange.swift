/// A fact about an account, as the event log keeps it (rule E3).
public enum AccountChange: Hashable, Sendable {
    case updated(AccountID, AccountUpdate)

    /// It is an enterprise from here on, and so are its sub-accounts.
    case certified(AccountID)

    /// The contact is on the account's list, under that name.
    case contactPut(AccountID, Contact)
    case contactRemoved(AccountID, EmailAddress)

    /// Its name in the API.
    public var name: String {
        switch self {
        case .updated: "account-updated"
        case .certified: "account-certified"
        case .contactPut: "contact-put"
        case .contactRemoved: "contact-removed"
        }
    }
}
