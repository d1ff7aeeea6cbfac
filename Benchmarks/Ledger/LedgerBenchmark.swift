import Glibc
import Ledger
import Storage
import Synchronization
import Time

/// Durable activations against the same number of records written to LMDB directly, and admission of
/// known devices, with many devices stored.
///
/// `LedgerBenchmark DIRECTORY DEVICES ACTIVATIONS`: the directory should be on the disk that counts.
@main
struct LedgerBenchmark {
    /// Records that a first activation writes: device, two history indexes, expiry index, pool, event
    /// and the event's number.
    nonisolated static let recordsPerActivation = 7
    nonisolated static let rounds = 8
    nonisolated static let now = Timestamp(milliseconds: 1_700_000_000_000)

    nonisolated static func main() throws {
        let arguments = CommandLine.arguments
        precondition(arguments.count == 4, "LedgerBenchmark DIRECTORY DEVICES ACTIVATIONS")
        let (directory, devices, count) = (arguments[1], Int(arguments[2])!, Int(arguments[3])!)
        unsafe mkdir(directory, 0o700)
        unsafe mkdir("\(directory)/raw", 0o700)
        let raw = RawStore(path: "\(directory)/raw")
        var filled = 0
        while filled < devices {
            raw.write(50_000)
            filled += 50_000
        }
        for batch in [64, 512] {
            let ledger = try Ledger(directory: "\(directory)/ledger-\(batch)", maximumBatch: batch)
            try fill(ledger, devices)
            var (rawSeconds, ourSeconds) = (0.0, 0.0)
            var order = Array(0..<devices).shuffled()
            for _ in 0..<rounds {
                let share = order.suffix(count / rounds)
                order.removeLast(share.count)
                rawSeconds += measure {
                    for _ in 0..<share.count / batch { raw.write(batch * recordsPerActivation) }
                }
                ourSeconds += try measure { try activate(ledger, Array(share), batch) }
            }
            report("activations, batch \(batch)", rawSeconds, ourSeconds, count)
            try admissions(ledger, devices, order)
            ledger.shutdown()
        }
    }

    nonisolated static func identity(_ number: Int) -> DeviceIdentity {
        DeviceIdentity(product: ProductKey("BENCH")!, device: DeviceKey("device-\(number)")!)
    }

    /// The product, its codes, and the devices by import.
    nonisolated static func fill(_ ledger: Ledger, _ devices: Int) throws {
        let (account, package) = (AccountID("bench")!, PackageID("bench")!)
        let allowance = Allowance(
            validityDays: 365,
            messagesPerDay: 1_500,
            otaPerMonth: 1,
            storageDays: 7
        )!
        let product = NewProduct(
            key: ProductKey("BENCH")!,
            name: "Bench",
            account: account,
            secret: SealedSecret(Array("bench".utf8))!
        )
        var actions: [Action] = [
            .accounts(.create(NewAccount(id: account, name: "Bench", kind: .enterprise))),
            .packages(.create(package, name: "Bench", allowance)),
            .products(.create(product)),
            .codes(
                .purchase(account, package: package, quantity: 100_000_000, product: product.key)),
        ]
        var start = 0
        while start < devices {
            let rows = (start..<min(start + 50_000, devices)).map {
                DeviceImport(
                    device: identity($0).device,
                    secret: secret
                )
            }
            actions.append(.imports(.atOnce(product.key, rows)))
            start += 50_000
        }
        let counter = Counter()
        for action in actions {
            ledger.submit(Command(at: now, actor: "bench", action: action)) { result in
                guard case .success(.done) = result else { preconditionFailure("\(result)") }
                counter.increment()
            }
        }
        while counter.count < actions.count { usleep(1_000) }
    }

    private nonisolated static let secret = SealedSecret([UInt8](repeating: 7, count: 61))!

    nonisolated static func activate(_ ledger: Ledger, _ devices: [Int], _ batch: Int) throws {
        let counter = Counter()
        for (index, device) in devices.enumerated() {
            while index - counter.count >= 2 * batch { usleep(20) }
            let command = Command(
                at: now.adding(milliseconds: Int64(index)),
                actor: "gateway",
                action: .devices(.activate(identity(device), confirmsSecret: secret.fingerprint))
            )
            ledger.submit(command) { result in
                guard case .success(.done(.entitled(_, consumed: true))) = result else {
                    preconditionFailure("\(result)")
                }
                counter.increment()
            }
        }
        while counter.count < devices.count { usleep(20) }
    }

    nonisolated static func admissions(_ ledger: Ledger, _ devices: Int, _ order: [Int]) throws {
        var reader = try ledger.reader()
        let wanted = (0..<200_000).map { _ in identity(order[Int.random(in: 0..<order.count)]) }
        for kind in ["cold", "warm"] {
            var admitted = 0
            let seconds = try measure {
                for identity in wanted {
                    try reader.withDevice(identity) { product, device in
                        let decision = Admission.decide(
                            identity,
                            product: product?.record,
                            device: device?.standing,
                            at: now
                        )
                        if case .consume = decision { admitted += 1 }
                    }
                }
            }
            precondition(admitted == wanted.count)
            let nanoseconds = Int(seconds / Double(wanted.count) * 1e9)
            print("admission among \(devices) devices, \(kind): \(nanoseconds) ns")
        }
    }

    nonisolated static func measure(_ body: () throws -> Void) rethrows -> Double {
        let clock = ContinuousClock()
        let time = try clock.measure(body).components
        return Double(time.seconds) + Double(time.attoseconds) * 1e-18
    }

    nonisolated static func report(_ what: String, _ raw: Double, _ ours: Double, _ count: Int) {
        print(
            "\(what): raw \(Int(Double(count) / raw))/s, ours \(Int(Double(count) / ours))/s:",
            "\(Int(raw / ours * 100)) % of raw"
        )
    }
}

/// A number that another thread counts up.
final class Counter: Sendable {
    private let value = Atomic<Int>(0)
    var count: Int { value.load(ordering: .acquiring) }
    func increment() { value.add(1, ordering: .releasing) }
}
