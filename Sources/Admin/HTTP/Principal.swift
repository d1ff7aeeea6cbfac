import Ledger

/// Who a request comes from, by its token, and what it reaches.
struct Principal: Equatable, Sendable {
    /// As the event log names it: `owner`, or the key's id.
    let actor: String
    let role: KeyRole

    /// What the key is bound to; `nil`: to nothing, so that every account is reached.
    let account: AccountID?

    /// That account and its sub-accounts: whose resources are reached. `nil`: every account's.
    let accounts: [AccountID]?

    /// Of a key that is bound to a sub-account, its parent: their contacts are one list (rule E1).
    let parent: AccountID?

    /// Which products are reached; `nil`: all of the account's.
    let products: [ProductKey]?

    /// A key that is not bound to an account.
    init(actor: String, role: KeyRole, products: [ProductKey]?) {
        self.actor = actor
        self.role = role
        account = nil
        accounts = nil
        parent = nil
        self.products = products
    }

    /// A key as the books have it, with what they say of the account that it is bound to.
    init(_ id: KeyID, _ key: KeyRecord, accounts: [AccountID]?, parent: AccountID?) {
        actor = id.text
        role = key.role
        account = key.account
        self.accounts = accounts
        self.parent = parent
        products = key.products
    }

    static let owner = Principal(actor: "owner", role: .owner, products: nil)

    /// Who came without a token, which open operations do not ask for: nothing is reached.
    static let nobody = Principal(actor: "", role: .application, products: [])

    var isOperator: Bool { role == .owner || role == .operator }

    func reaches(_ account: AccountID) -> Bool { accounts?.contains(account) ?? true }

    /// The accounts that are reached, of all or of the one that is asked for; `nil`: all there are.
    func accounts(among asked: AccountID?) -> [AccountID]? {
        guard let asked else { return accounts }
        return reaches(asked) ? [asked] : []
    }

    func reaches(_ product: ProductKey, of account: AccountID) -> Bool {
        reaches(account) && products.map { $0.contains(product) } ?? true
    }

    /// What is out of reach looks as if it did not exist.
    func require(_ account: AccountID) throws(Problem) {
        guard reaches(account) else { throw Problem(.unknownAccount(account)) }
    }

    /// Whether the account's list of contacts is reached (rule E1).
    func requireContacts(of account: AccountID) throws(Problem) {
        guard reaches(account) || account == parent else {
            throw Problem(.unknownAccount(account))
        }
    }

    func require(_ product: ProductKey, of account: AccountID) throws(Problem) {
        guard reaches(product, of: account) else { throw Problem(.unknownProduct(product)) }
    }
}
