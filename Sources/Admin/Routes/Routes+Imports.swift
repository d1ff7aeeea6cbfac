import Gateway
import Hummingbird
import Ledger

/// Devices that come in by the file, and what has become of large ones.
extension Routes {
    mutating func registerImports() {
        on(
            .post, "products/:pk/devices", "importDevices", "Import devices, all of them or none",
            body: .json(
                [
                    "devices": .list(
                        .object([
                            "dk": .id(DeviceKey.self),
                            "secret": .optional(.secret, "Made when it is missing."),
                            "name": .optional(.optionalName),
                        ]),
                        counts: 1...Self.jsonRows
                    )
                ], upTo: .list(Self.jsonRows)
            )
            .or("text/csv", .importedRows),
            answers: .created(Documents.imported.schema, name: "/devices/0/dk").or("text/csv"),
            problems: [
                .invalidCSV, .importRow, .importLine, .importTooLarge, .limitReached,
                .importNotReceiving, .importsUnderWay,
            ]
        ) { call in
            let (key, _) = try call.product()
            return try await call.request.type == "text/csv"
                ? Self.importCSV(key, call) : Self.importJSON(key, call)
        }
        on(
            .get, "products/:pk/imports", "listImports",
            "The large imports of a product, newest first",
            answers: .page(of: Documents.fleetImport)
        ) { call in
            let (key, _) = try call.product()
            return try call.list({ Documents.fleetImport(($0, key)) }) {
                try $0.imports(of: key, cursor: $1, limit: $2, in: $3)
            }
        }
        on(
            .get, "products/:pk/imports/:import", "showImport", "A large import",
            answers: .ok(Documents.fleetImport)
        ) { call in
            let (key, _) = try call.product()
            let number = call.parameter("import", UInt64.init)
            let found = try call.read(or: .imports(.unknown(key, number))) {
                try $0.importView(number, of: key, in: $1)
            }
            return .json(Documents.fleetImport((found, key)))
        }
    }

    /// Of one JSON document, which is in memory whole; CSV has no such limit.
    private static let jsonRows = 5_000

    private static func importCSV(_ key: ProductKey, _ call: Call) async throws -> Response {
        let imported = try await FleetImport.run(call, of: key)
        var response = Response(.created, "text/csv; charset=utf-8", imported.text)
        response.headers[.location] =
            imported.number.map { "/v1/products/\(key)/imports/\($0)" }
            ?? "/v1/products/\(key)/devices"
        return response
    }

    private static func importJSON(_ key: ProductKey, _ call: Call) async throws -> Response {
        var mint = call.mint
        var rows: [ImportRow] = []
        for (index, element) in try await call.fields().array("devices").enumerated() {
            let row = try ImportRow(line: index + 1, json: element, &mint)
            try row.requireSecret(
                ofLength: call.configuration.activation.secretLengthMinimum, .importRow)
            rows.append(row)
        }
        try await ImportLedger.take(rows, of: key, namedBy: .rows, call)
        return call.created(Documents.imported(rows), at: "/v1/products/\(key)/devices")
    }
}
