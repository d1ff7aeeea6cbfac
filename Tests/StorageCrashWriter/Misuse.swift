import Glibc
import Storage

/// Our own mistakes, which trap.
enum Misuse: String {
    case writeUnderLoan, nestedWrite, foreignTable, longKey, zeroInKey

    /// Makes the mistake; what comes back has not trapped.
    func make(in environment: Environment, at path: String) throws {
        switch self {
        case .writeUnderLoan:
            let table = try Table<Int64, Number>("t", in: environment)
            try environment.write { transaction throws(StoreError) in
                try table.put(1, Number(value: 1), in: transaction)
                _ = try table.withRecord(1, in: transaction) { _ throws(StoreError) in
                    try table.put(2, Number(value: 2), in: transaction)
                }
            }
        case .nestedWrite:
            try environment.write { _ throws(StoreError) in
                try environment.write { _ throws(StoreError) in }
            }
        case .foreignTable:
            let table = try Table<Int64, Number>("t", in: environment)
            let other = "\(path)/other"
            // Safe: the path is read during the call.
            unsafe mkdir(other, 0o700)
            try Environment(path: other, mapSizeBytes: 1 << 20).read {
                transaction throws(StoreError) in _ = try table.get(1, in: transaction)
            }
        case .longKey: _ = KeyWriter(String(repeating: "k", count: 511)).count
        case .zeroInKey: _ = KeyWriter("a\0b").count
        }
    }
}
