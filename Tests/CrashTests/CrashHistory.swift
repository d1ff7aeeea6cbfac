import Ledger
import Linux
import Metering
import Storage
import Support
import TestFiles
import Time

/// What is known after each crash, and what the stores must say about it after the next.
struct CrashHistory {
    let devices: [TestDevice]

    /// Devices below have tried to connect.
    var firstNew = 0

    /// Devices that ever got a CONNACK.
    private var admitted: Set<Int> = []

    /// Units that were on disk after the last crash.
    private var stored: [Int]

    init(devices: [TestDevice]) {
        self.devices = devices
        stored = Array(repeating: 0, count: devices.count)
    }

    var admittedCount: Int { admitted.count }
    var storedUnits: Int { stored.reduce(0, +) }

    /// Holds the stores against what the devices were told; sentences that name what is wrong.
    mutating func check(
        _ directory: TemporaryDirectory,
        _ testimony: Witness.Testimony,
        behindMilliseconds: Int64
    ) throws -> [String] {
        admitted.formUnion(testimony.admitted)
        return try testimony.complaints + checkLedger(directory)
            + checkUsage(directory, testimony, behindMilliseconds)
    }

    private func checkLedger(_ directory: TemporaryDirectory) throws -> [String] {
        let ledger = try Ledger(
            directory: directory.file("data/ledger"), mapSizeBytes: 1 << 28)
        var findings = try ledger.verify()
        var consumed: UInt64 = 0
        for number in 0..<firstNew {
            let identity = devices[number].identity
            let record = try ledger.read { (books, transaction) throws(StoreError) in
                try books.device(identity, in: transaction)
            }
            let codes = record?.codesConsumed ?? 0
            consumed += UInt64(codes)
            if codes > 1 { findings.append("\(identity) has consumed \(codes) codes") }
            if codes == 1, record?.isActive != true {
                findings.append("\(identity) has a code and is not active")
            }
            if codes == 0, admitted.contains(number) {
                findings.append("\(identity) got its CONNACK and has no code")
            }
        }
        let product = devices[0].identity.product
        let figures = try ledger.read { (books, transaction) throws(StoreError) in
            try books.figures(of: product, in: transaction)
        }
        if figures?.consumed != consumed || figures?.devicesActive != consumed {
            findings.append("\(consumed) codes are with devices, and the product has \(figures!)")
        }
        return findings
    }

    /// Rule C7: never ahead of what was sent, and not behind what was acknowledged a flush ago.
    private mutating func checkUsage(
        _ directory: TemporaryDirectory,
        _ testimony: Witness.Testimony,
        _ behindMilliseconds: Int64
    ) throws -> [String] {
        let store = try UsageStore(path: directory.file("data/usage"), mapSizeBytes: 1 << 28)
        let settledBefore = testimony.killedAt?.adding(milliseconds: -behindMilliseconds)
        var findings: [String] = []
        for number in 0..<firstNew {
            let identity = devices[number].identity
            let days = try store.usage(of: identity)?.days ?? []
            let now = days.reduce(0) { $0 + Int($1.used) }
            let most = stored[number] + testimony.sent[number, default: 0]
            var least = stored[number]
            for (time, units) in testimony.acknowledged[number, default: []] {
                if let settledBefore, time < settledBefore { least += units }
            }
            if now > most { findings.append("\(identity): \(now) units stored, \(most) sent") }
            if now < least {
                findings.append("\(identity): \(now) units stored, \(least) must be")
            }
            stored[number] = now
        }
        return findings
    }
}
