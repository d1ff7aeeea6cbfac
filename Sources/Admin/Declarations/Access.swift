import Ledger

/// Who may call an operation. What the caller's key reaches (its account, its products) is checked
/// besides, by whoever looks the account or product up (`Principal.require`).
enum Access: Equatable, Sendable {
    /// Whoever asks, without a token.
    case open

    /// Every role.
    case everyone

    /// Every role but applications.
    case managers

    /// Owners and operators.
    case operators

    /// Owners whose key is not bound to an account: whoever runs the machine that the gateway is on.
    case owner

    /// Owners and operators whose key is not bound to an account: whoever runs the gateway.
    case gateway

    var needsToken: Bool {
        if case .open = self { return false }
        return true
    }

    /// In the words of the document, and of whoever is refused.
    var rule: String {
        switch self {
        case .open: "no token is needed"
        case .everyone: "any role"
        case .managers: "the role owner, operator or sub-account"
        case .operators: "the role owner or operator"
        case .owner: "the role owner, with a key that is not bound to an account"
        case .gateway: "the role owner or operator, with a key that is not bound to an account"
        }
    }

    func admits(_ principal: Principal) -> Bool {
        switch self {
        case .open, .everyone: true
        case .managers: principal.role != .application
        case .operators: principal.isOperator
        case .gateway: principal.isOperator && principal.account == nil && principal.products == nil
        case .owner: principal.role == .owner && Access.gateway.admits(principal)
        }
    }
}
