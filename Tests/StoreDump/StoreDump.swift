public import Ledger
public import Storage

/// All bytes of a store, table by table.
public struct StoreDump: Equatable, Sendable {
    public private(set) var tables: [String: [RawKey: RawRecord]] = [:]

    public init(_ books: Books, _ environment: Environment) throws {
        for name in books.tableNames {
            let table = try Table<RawKey, RawRecord>(name, in: environment)
            let transaction = try ReadTransaction(in: environment)
            var records: [RawKey: RawRecord] = [:]
            try table.forEach(in: transaction) { key, record in
                records[key] = record
                return .proceed
            }
            tables[name] = records
        }
    }

    /// How many records differ, by table: for people, when two dumps are not equal.
    public func difference(from other: StoreDump) -> String {
        var lines: [String] = []
        for (name, records) in tables.sorted(by: { $0.key < $1.key })
        where other.tables[name] != records {
            let others = other.tables[name] ?? [:]
            let keys = Set(records.keys).union(others.keys).filter { records[$0] != others[$0] }
            lines.append("\(name): \(keys.count) of \(records.count) and \(others.count) records")
        }
        return lines.joined(separator: ", ")
    }
}
