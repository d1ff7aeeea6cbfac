import Storage
import TestFiles
import Testing

@Suite struct OrderTests {
    private typealias Key = KeyPair<String, UInt64>
    private let directory = TemporaryDirectory()

    /// Three products with numbers 0, 2, ... 8 each, and one key of 0xFF alone around them.
    private func filled() throws(StoreError) -> (Environment, Table<Key, EmptyRecord>) {
        let environment = try Environment(path: directory.path, mapSizeBytes: 1 << 24)
        let table = try Table<Key, EmptyRecord>("t", in: environment)
        try environment.write { transaction throws(StoreError) in
            for product in ["b", "a", "c"] {
                for number in [4, 0, 8, 2, 6] as [UInt64] {
                    try table.put(Key(product, number), EmptyRecord(), in: transaction)
                }
            }
        }
        return (environment, table)
    }

    private func all(_ products: String) -> [Key] {
        products.flatMap { product in [0, 2, 4, 6, 8].map { Key(String(product), $0) } }
    }

    @Test("Without bounds, all records come in order, both ways")
    func everything() throws {
        let (environment, table) = try filled()
        try environment.read { transaction throws(StoreError) in
            for reversed in [false, true] {
                var keys: [Key] = []
                try table.forEach(in: transaction, reversed: reversed) { key, _ in
                    keys.append(key)
                    return .proceed
                }
                #expect(keys == (reversed ? all("abc").reversed() : all("abc")))
            }
            let (first, last) = (
                try table.first(in: transaction), try table.last(in: transaction)
            )
            #expect(first?.key == Key("a", 0) && last?.key == Key("c", 8))
        }
    }

    @Test("Every combination of bounds, prefix and direction gives what filtering gives")
    func everyRange() throws {
        let (environment, table) = try filled()
        let ends: [KeyBound<Key>] =
            [.unbounded]
            + [Key("a", 0), Key("a", 8), Key("b", 3), Key("b", 4), Key("c", 8), Key("d", 0)]
            .flatMap { [.including($0), .excluding($0)] }
        try environment.read { transaction throws(StoreError) in
            for lower in ends {
                for upper in ends {
                    for prefix in [nil, "a", "b", "c", "z", "0"] {
                        try check(table, transaction, lower, upper, prefix)
                    }
                }
            }
        }
    }

    private func check(
        _ table: Table<Key, EmptyRecord>,
        _ transaction: borrowing ReadTransaction,
        _ lower: KeyBound<Key>,
        _ upper: KeyBound<Key>,
        _ prefix: String?
    ) throws(StoreError) {
        func order(_ key: Key) -> (String, UInt64) { (key.first, key.second) }
        let wanted = all("abc").filter { key in
            let isAbove =
                switch lower {
                case .unbounded: true
                case .including(let end): order(key) >= order(end)
                case .excluding(let end): order(key) > order(end)
                }
            let isBelow =
                switch upper {
                case .unbounded: true
                case .including(let end): order(key) <= order(end)
                case .excluding(let end): order(key) < order(end)
                }
            return isAbove && isBelow && (prefix == nil || key.first == prefix)
        }
        for reversed in [false, true] {
            var keys: [Key] = []
            let body: (Key, EmptyRecord) throws(StoreError) -> Iteration = { key, _ in
                keys.append(key)
                return .proceed
            }
            if let prefix {
                try table.forEach(
                    in: transaction, prefix: prefix, from: lower, to: upper, reversed: reversed,
                    body)
            } else {
                try table.forEach(
                    in: transaction, from: lower, to: upper, reversed: reversed, body)
            }
            #expect(keys == (reversed ? wanted.reversed() : wanted), "\(lower) \(upper)")
        }
    }

    @Test("An iteration ends at its limit, or when its body says stop")
    func early() throws {
        let (environment, table) = try filled()
        try environment.read { transaction throws(StoreError) in
            var seen = 0
            try table.forEach(in: transaction, limit: 4) { _, _ in
                seen += 1
                return .proceed
            }
            #expect(seen == 4)
            try table.forEach(in: transaction, limit: 0) { _, _ in
                seen += 1
                return .proceed
            }
            #expect(seen == 4)
            try table.forEach(in: transaction) { key, _ in
                seen += 1
                return key == Key("a", 4) ? .stop : .proceed
            }
            #expect(seen == 7)
        }
    }

    @Test("A prefix of 0xFF bytes has no key after it, and is still walked backwards")
    func highestPrefix() throws {
        let environment = try Environment(path: directory.path, mapSizeBytes: 1 << 24)
        let table = try Table<KeyPair<UInt32, UInt32>, EmptyRecord>("t", in: environment)
        try environment.write { transaction throws(StoreError) in
            for first in [1, .max - 1, .max] as [UInt32] {
                for second in [0, .max] as [UInt32] {
                    try table.put(KeyPair(first, second), EmptyRecord(), in: transaction)
                }
            }
        }
        try environment.read { transaction throws(StoreError) in
            for prefix in [.max - 1, .max] as [UInt32] {
                var keys: [KeyPair<UInt32, UInt32>] = []
                try table.forEach(in: transaction, prefix: prefix, reversed: true) { key, _ in
                    keys.append(key)
                    return .proceed
                }
                #expect(keys == [KeyPair(prefix, .max), KeyPair(prefix, 0)])
            }
        }
    }

    @Test("Records that are not what their type writes are an error, not a trap")
    func malformed() throws {
        let environment = try Environment(path: directory.path, mapSizeBytes: 1 << 24)
        let numbers = try Table<UInt32, EmptyRecord>("t", in: environment)
        try environment.write { transaction throws(StoreError) in
            try numbers.put(1, EmptyRecord(), in: transaction)
        }
        let text = try Table<UInt32, Text>("t", in: environment)
        let wide = try Table<UInt64, EmptyRecord>("t", in: environment)
        try environment.read { transaction throws(StoreError) in
            #expect(throws: StoreError.malformed(what: "varint")) {
                _ = try text.get(1, in: transaction)
            }
            #expect(throws: StoreError.malformed(what: "key")) {
                _ = try wide.first(in: transaction)
            }
        }
    }
}
