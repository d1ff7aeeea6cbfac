import Storage
import StoreDump

@testable import Ledger
@testable import LedgerModel

/// The books of a node that has ended, read.
struct NodeBooks {
    let name: String
    let dump: StoreDump
    let mark: LogMark?
    let audit: [String]
    private(set) var codes: [Int: String] = [:]
    private(set) var pool: PoolRecord?
    private(set) var findings: [String] = []

    init(_ name: String, in directory: String) throws {
        self.name = name
        let ledger = try Ledger(directory: directory, mapSizeBytes: 1 << 30, migrates: false)
        defer { ledger.shutdown() }
        dump = try StoreDump(ledger.books, ledger.environment)
        audit = try ledger.verify()
        let found = try ledger.read { books, transaction throws(StoreError) in
            var devices: [(DeviceIdentity, DeviceRecord)] = []
            try books.devices.forEach(in: transaction) { identity, record in
                devices.append((identity, record))
                return .proceed
            }
            return (
                mark: try books.mark(in: transaction), devices: devices,
                pool: try books.pools.get(ProductKey("RACE")!, in: transaction)
            )
        }
        mark = found.mark
        pool = found.pool
        for (identity, record) in found.devices { add(identity, record) }
        if Set(codes.values).count != codes.count {
            findings.append("\(name): a code was consumed by two devices")
        }
        if let pool, pool.consumed != UInt64(codes.count) {
            findings.append("\(name): \(codes.count) devices have \(pool.consumed) codes")
        }
    }

    private mutating func add(_ identity: DeviceIdentity, _ record: DeviceRecord) {
        guard let entitlement = record.entitlement,
            let number = Int(identity.device.text.dropFirst())
        else { return }
        codes[number] = entitlement.code.description
        if entitlement.period != 1 {
            findings.append("\(name): device \(number) has consumed \(entitlement.period) codes")
        }
    }

    /// What was answered and is not in the books, or is otherwise there.
    func contradictions(to answers: Acknowledgements) -> [String] {
        var found: [String] = []
        for (device, code) in answers.codes where codes[device] != code {
            found.append(
                "\(name): device \(device) was given \(code), and has \(codes[device] ?? "none")")
        }
        for device in answers.refused where codes[device] != nil {
            found.append("\(name): device \(device) was refused, and has \(codes[device] ?? "")")
        }
        return found
    }
}
