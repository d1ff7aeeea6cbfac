import Gateway
import Hummingbird
import Ledger
import Storage

extension Routes {
    mutating func registerPackages() {
        on(
            .get, "packages",
            Operation("listPackages", "The packages, by id", answers: .page(of: .package))
        ) { call in
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.packages(cursor: cursor, limit: limit, in: transaction)
            }
            return call.list(
                page.elements.map { Documents.package($0.id, $0.record) },
                cursor: page.cursor
            )
        }
        on(
            .get, "packages/:package",
            Operation("showPackage", "A package", answers: .ok(.package))
        ) { call in
            .json(try Self.showPackage(call.parameter("package", PackageID.init), call))
        }
        on(
            .post, "packages",
            Operation(
                "createPackage", "Create a package", access: .gateway,
                body: .json([
                    "id": .noted(.optional(.id(PackageID.self)), "Made when it is missing."),
                    "name": .name,
                    "validityDays": .integer(1...36_500),
                    "messagesPerDay": .noted(.optional(.count), "No limit when it is missing."),
                    "otaPerMonth": .noted(.optional(.integer(0...1_000_000)), "1 by default."),
                    "storageDays": .noted(.optional(.integer(0...36_500)), "7 by default."),
                ]),
                answers: .created(.package), problems: [.alreadyExists])
        ) { call in
            let fields = try await call.fields()
            var mint = call.mint
            let id =
                try fields.optional("id", PackageID.init)
                ?? PackageID("pkg-\(mint.text(10))")
            let name = try fields.text("name")
            let allowance = Allowance(
                validityDays: UInt32(try fields.number("validityDays")),
                messagesPerDay: try fields.optionalNumber("messagesPerDay")
                    .map { UInt64($0) },
                otaPerMonth: UInt32(
                    try fields.optionalNumber("otaPerMonth") ?? 1),
                storageDays: UInt32(try fields.optionalNumber("storageDays") ?? 7)
            )
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
