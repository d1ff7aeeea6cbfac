import Storage
import TestFiles
import Testing

@Suite struct LeapTests {
    private let directory = TemporaryDirectory()

    private func filled() throws(StoreError) -> (Environment, Table<UInt32, EmptyRecord>) {
        let environment = try Environment(path: directory.path, mapSizeBytes: 1 << 24)
        let table = try Table<UInt32, EmptyRecord>("t", in: environment)
        try environment.write { transaction throws(StoreError) in
            for number in 0..<1_000 as Range<UInt32> {
                try table.put(number * 2, EmptyRecord(), in: transaction)
            }
        }
        return (environment, table)
    }

    @Test("A leap goes to the first key at or after its target, and past all keys to the end")
    func leaps() throws {
        let (environment, table) = try filled()
        let start = KeyWriter(101 as UInt32)
        var seen: [UInt32] = []
        try environment.read { transaction throws(StoreError) in
            try table.leap(in: transaction, from: start.span) { key, _, target in
                let number = key.indices.reduce(0) { $0 << 8 | UInt32(key[$1]) }
                seen.append(number)
                switch number {
                case 102: return .next
                case 104: target.append(500 as UInt32)
                case 500: target.append(777 as UInt32)
                default: target.append(5_000 as UInt32)
                }
                return .toTarget
            }
        }
        #expect(seen == [102, 104, 500, 778])
    }

    @Test("Without a start it begins at the first key, and ends where it is told to")
    func stops() throws {
        let (environment, table) = try filled()
        var count = 0
        let empty = KeyWriter()
        try environment.write { transaction throws(StoreError) in
            try table.leap(in: transaction, from: empty.span) { _, _, _ in
                count += 1
                return count == 10 ? .stop : .next
            }
            // Nothing is lent any more.
            try table.put(1, EmptyRecord(), in: transaction)
        }
        #expect(count == 10)
    }
}
