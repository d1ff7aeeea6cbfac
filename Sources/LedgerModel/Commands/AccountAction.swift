/// What a command does about an account that exists.
public enum AccountAction: Hashable, Sendable {
    case update(AccountID, AccountUpdate)

    /// An individual account, its sub-accounts with it, becomes an enterprise, once, and gets the free
    /// codes of the terms (rule A7).
    case certify(AccountID, freeCodes: FreeCodeTerms?)

    /// Adds a contact, or changes the name of one (rule E1). A sub-account's list is its parent's.
    case putContact(AccountID, Contact)
    case removeContact(AccountID, EmailAddress)
}
