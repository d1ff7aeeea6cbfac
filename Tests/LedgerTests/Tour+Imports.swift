@testable import Ledger
@testable import LedgerModel

/// Imports in chunks, all of PK2: one that is landing (i1 has landed, i2 and i3 have not), one that was
/// abandoned with i4, one that another run has left, and one that is receiving i5.
extension Tour {
    /// What a step has begun, for those behind it.
    private final class Begun {
        var number: UInt64 = 0
    }

    static var imports: [Step] {
        let begun = Begun()
        func step(_ action: @escaping (UInt64) -> ImportAction) -> Step {
            Step(hours: 1) { outcome in
                if case .done(.importBegun(let number)) = outcome { begun.number = number }
                return .imports(action(begun.number))
            }
        }
        func begin(_ product: ProductKey, run: GatewayRun) -> Step {
            step { _ in .begin(product, key: "import-\(run.number)", run: run) }
        }
        func stage(_ product: ProductKey, _ devices: String...) -> Step {
            let rows = devices.enumerated().map { index, key in
                ImportLine(
                    line: UInt64(index) + 2,
                    device: DeviceImport(device: DeviceKey(key)!, secret: SealedSecret("s-\(key)"))
                )
            }
            return step { .stage(product, import: $0, after: 0, rows: rows) }
        }
        let digest = FileDigest(high: 1, low: 2)
        return [
            begin(second, run: 1), stage(second, "i1", "i2", "i3"),
            step { .commit(second, import: $0, rows: 3, digest: digest) },
            step { _ in .move(limit: 1) },
            begin(second, run: 1), stage(second, "i4"), step { .abandon(second, import: $0) },
            begin(second, run: 2), step { _ in .abandonOthers(run: 1) },
            begin(second, run: 1), stage(second, "i5"),
        ]
    }
}
