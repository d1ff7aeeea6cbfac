import Foundation
import Processes
import Testing
import Time

@testable import Admin
@testable import Ledger

/// The table of Securing.md that says which role may do what, held against the declarations.
@Suite("The page about roles", .serves)
struct RolePageTests {
    private static let page: String? = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appending(path: "Sources/Gateway/Gateway.docc/Operators/Securing.md")
        return try? String(contentsOf: file, encoding: .utf8)
    }()

    /// Who the columns are of.
    private static let holders: [(name: String, principal: Principal)] = {
        func bound(_ role: KeyRole) -> Principal {
            Principal(actor: "k", role: role, products: nil).bound(to: AccountID("acme")!)
        }
        return [
            ("owner", .owner), ("operator", Principal(actor: "k", role: .operator, products: nil)),
            ("an account's owner or operator", bound(.operator)),
            ("sub-account", bound(.subAccount)),
            ("application", bound(.application)),
        ]
    }()

    /// A row for each kind of access: who is admitted, and to which operations.
    private static var rows: [String] {
        let accesses: [Access] = [
            .owner, .gateway, .operators, .wholeAccounts, .managers, .everyone, .open,
        ]
        return accesses.map { access in
            let marks = holders.map { access.admits($0.principal) ? "yes" : "-" }
            let names = Routes.all.filter { $0.access == access }.map { "`\($0.operation.id)`" }
            return
                "| \(names.sorted().joined(separator: ", ")) | \(marks.joined(separator: " | ")) |"
        }
    }

    @Test("the page says of each operation which roles may call it")
    func table() throws {
        let page = try #require(Self.page)
        let head = Self.holders.map(\.name).joined(separator: " | ")
        let table = (["| operations | \(head) |", "|---|---|---|---|---|---|"] + Self.rows)
            .joined(separator: "\n")
        #expect(page.contains(table + "\n"), "the table is to be:\n\(table)")
    }

    @Test("an account's owner may call what its operator may")
    func owners() throws {
        for access in [Access.owner, .gateway, .operators, .wholeAccounts, .managers, .everyone] {
            let owner = Principal(actor: "k", role: .owner, products: nil)
            let ops = Principal(actor: "k", role: .operator, products: nil)
            let account = try #require(AccountID("acme"))
            #expect(
                access.admits(owner.bound(to: account)) == access.admits(ops.bound(to: account)))
        }
    }
}

extension Principal {
    /// The same with a key that is bound to an account without sub-accounts.
    fileprivate func bound(to account: AccountID) -> Principal {
        let key = KeyRecord(
            name: "K", role: role, account: account, products: products,
            secretHash: SecretHash([UInt8](repeating: 0, count: 32))!,
            createdAt: Timestamp(milliseconds: 0), revokedAt: nil)
        return Principal(KeyID(actor)!, key, accounts: [account], parent: nil)
    }
}
