import Ledger

/// Who a request comes from, by its token, and what it reaches.
struct Principal: Equatable, Sendable {
    /// As the event log names it: `owner`, or the key's id.
    let actor: String
    let role: KeyRole

    /// Whose resources are reached; `nil`: every account's.
    let account: AccountID?

    /// Which products are reached; `nil`: all of the account's.
    let products: [ProductKey]?

    static let owner = Principal(actor: "owner", role: .owner, account: nil, products: nil)

    /// Who came without a token, which open operations do not ask for: nothing is reached.
    static let nobody = Principal(actor: "", role: .application, account: nil, products: [])

    var isOperator: Bool { role == .owner || role == .operator }

    func reaches(_ account: AccountID) -> Bool { self.account.map { $0 == account } ?? true }

    func reaches(_ product: ProductKey, of account: AccountID) -> Bool {
        reaches(account) && products.map { $0.contains(product) } ?? true
    }

    /// What is out of reach looks as if it did not exist.
    func require(_ account: AccountID) throws(Problem) {
        guard reaches(account) else { throw Problem(.unknownAccount(account)) }
    }

    func require(_ product: ProductKey, of account: AccountID) throws(Problem) {
        guard reaches(product, of: account) else { throw Problem(.unknownProduct(product)) }
    }
}
