import Hummingbird
import Ledger
import Storage

extension Routes {
    func registerPackages() {
        on(.get, "packages") { call in
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.packages(cursor: cursor, limit: limit, in: transaction)
            }
            return call.list(
                page.elements.map { Documents.package($0.id, $0.record) },
                cursor: page.cursor
            )
        }
        on(.get, "packages/:id") { call in
            let text = call.parameter("id")
            guard let id = PackageID(text) else {
                throw Problem.notFound("there is no package \(text)")
            }
            return .json(try Self.showPackage(id, call))
        }
        on(.post, "packages") { call in
            try call.principal.requireOperator()
            var fields = try await call.fields()
            var mint = call.mint
            let id =
                try fields.optional("id", "1 to 64 of A-Z a-z 0-9 _ . -", PackageID.init)
                ?? PackageID("pkg-\(mint.text(10))")
            let name = try fields.text("name")
            let allowance = Allowance(
                validityDays: UInt32(try fields.number("validityDays", in: 1...36_500)),
                messagesPerDay: try fields.optionalNumber("messagesPerDay", in: 0...Int64.max)
                    .map { UInt64($0) },
                otaPerMonth: UInt32(
                    try fields.optionalNumber("otaPerMonth", in: 0...1_000_000) ?? 1),
                storageDays: UInt32(try fields.optionalNumber("storageDays", in: 0...36_500) ?? 7)
            )
            try fields.end()
            guard let id, let allowance else { preconditionFailure("checked above") }
            try await call.submit(.createPackage(id, name: name, allowance))
            return call.created(try Self.showPackage(id, call), at: "/v1/packages/\(id)")
        }
    }

    private static func showPackage(_ id: PackageID, _ call: Call) throws -> JSON {
        let record = try call.read { (books, transaction) throws(StoreError) in
            try books.package(id, in: transaction)
        }
        guard let record else { throw Problem(.unknownPackage(id)) }
        return Documents.package(id, record)
    }
}
