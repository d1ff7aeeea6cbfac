@testable import Ledger
@testable import LedgerModel

extension Action {
    /// Its case's name, with that of the action inside: `purchase`, `topUp.enter`.
    var kind: String {
        guard let (label, value) = Mirror(reflecting: self).children.first, let label else {
            return "\(self)"
        }
        let inner = Mirror(reflecting: value)
        guard inner.displayStyle == .enum, let name = inner.children.first?.label else {
            return label
        }
        return "\(label).\(name)"
    }
}
