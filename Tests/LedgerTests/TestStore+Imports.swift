import Storage
import Testing

@testable import Ledger
@testable import LedgerModel

/// Imports in chunks, step by step.
extension TestStore {
    func begin(
        of product: String = "PK1",
        key: String? = nil,
        run: GatewayRun = 1
    ) throws -> UInt64 {
        let outcome = try apply(
            .imports(.begin(ProductKey(product)!, key: key, run: run)))
        guard case .done(.importBegun(let number)) = outcome else {
            Issue.record("not begun: \(outcome)")
            return 0
        }
        return number
    }

    /// The next chunk; lines are numbered as in a file with a header.
    func stage(
        _ keys: [String],
        _ number: UInt64,
        after: UInt64 = 0,
        of product: String = "PK1"
    ) throws -> Outcome {
        let rows = keys.enumerated().map { index, key in
            ImportLine(
                line: after + UInt64(index) + 2,
                device: DeviceImport(
                    device: DeviceKey(key)!, secret: SealedSecret("secret-\(key)"), name: "n-\(key)"
                )
            )
        }
        return try apply(
            .imports(
                .stage(ProductKey(product)!, import: number, after: after, rows: rows)))
    }

    func commit(
        _ number: UInt64,
        rows: UInt64,
        of product: String = "PK1",
        key: String? = nil,
        digest: FileDigest = FileDigest(high: 1, low: 2)
    ) throws -> Outcome {
        try apply(
            .imports(
                .commit(ProductKey(product)!, import: number, rows: rows, digest: digest)),
            key: key
        )
    }

    /// A whole import up to its commit.
    @discardableResult
    func importInChunks(_ keys: [String], size: Int = 2, of product: String = "PK1") throws
        -> UInt64
    {
        let number = try begin(of: product)
        for start in stride(from: 0, to: keys.count, by: size) {
            let chunk = Array(keys[start..<min(start + size, keys.count)])
            let outcome = try stage(chunk, number, after: UInt64(start), of: product)
            #expect(outcome == .done(.staged(rows: UInt64(start + chunk.count))))
        }
        let outcome = try commit(number, rows: UInt64(keys.count), of: product)
        #expect(
            outcome
                == .done(
                    .changed(
                        .imports(
                            .imported(
                                ProductKey(product)!, count: UInt32(keys.count), import: number)
                        ))))
        return number
    }

    /// Moves everything that waits, `limit` rows at a time; answers how many rows moved.
    @discardableResult
    func moveAll(limit: UInt32 = 2) throws -> UInt32 {
        var sum: UInt32 = 0
        while true {
            guard
                case .done(.moved(let count, let more)) = try apply(.imports(.move(limit: limit)))
            else { return sum }
            sum += count
            if !more { return sum }
        }
    }

    func importRecord(_ number: UInt64, of product: String = "PK1") throws -> ImportRecord? {
        try read { books, transaction throws(StoreError) in
            try books.importView(number, of: ProductKey(product)!, in: transaction)
        }?.record
    }

    func list(of product: String = "PK1", limit: Int = 100) throws -> [String] {
        var (found, cursor): ([String], String?) = ([], nil)
        repeat {
            let page = try read { books, transaction throws(StoreError) in
                try books.devices(
                    of: ProductKey(product)!, at: now, cursor: cursor, limit: limit,
                    in: transaction)
            }
            #expect(page.elements.count <= limit)
            found += page.elements.map(\.device.text)
            cursor = page.cursor
        } while cursor != nil
        return found
    }

    /// What a shard finds when the device connects.
    func seenByShard(_ key: String) throws -> (standing: Standing, secret: String)? {
        var reader = LedgerReader(
            try CachedReader(environment), books: books, productsVersion: ProductsVersion())
        return try reader.withDevice(Self.device(key)) { _, view in
            guard let view else { return nil }
            return (view.standing, String(ascii: view.sealedSecret))
        }
    }
}
