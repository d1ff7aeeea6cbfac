import Glibc
import JetStream
import Ledger
import Linux
import Storage
import Time

/// Measures first activations, each durable: of one ledger alone, or of the nodes of a cluster, all in this process, which
/// share the load.
///
/// `ClusterBenchmark DIRECTORY ACTIVATIONS IN-FLIGHT NODES [REPLICAS URL...]`; without servers a ledger alone.
/// `Benchmarks/with-log.sh` starts servers for it.
@main
enum ClusterBenchmark {
    static let product = ProductKey("BENCH")!

    static func main() throws {
        let words = CommandLine.arguments
        guard words.count > 4, let count = Int(words[2]), let inFlight = Int(words[3]),
            let nodeCount = Int(words[4])
        else {
            return print(
                "usage: ClusterBenchmark DIRECTORY ACTIVATIONS IN-FLIGHT NODES [REPLICAS URL...]")
        }
        unsafe mkdir(words[1], 0o700)
        let members =
            try words.count > 6 ? Self.members(nodeCount, Int(words[5]) ?? 3, words[6...]) : [nil]
        var ledgers: [Ledger] = []
        for (index, member) in members.enumerated() {
            let directory = "\(words[1])/ledger-\(index)-\(MonotonicInstant.now().nanoseconds)"
            ledgers.append(try Ledger(directory: directory, membership: member))
        }
        try found(ledgers[0])
        let log = members[0].map { _ in "\(members.count) nodes, \(words[5]) replicas" } ?? "alone"
        measure(ledgers, count, inFlight, log)
        for ledger in ledgers { ledger.shutdown() }
    }

    private static func members(
        _ count: Int, _ replicas: Int, _ urls: ArraySlice<String>
    ) throws -> [ClusterMembership?] {
        var settings = JetStreamSettings(
            servers: Array(urls), stream: "ACTIVATIONS", subject: "activations")
        settings.replicas = replicas
        let cluster = ClusterID(1)
        return try (1...count).map { number in
            let log = try JetStreamLog(settings, clusterID: cluster.description)
            return ClusterMembership(
                log: log, cluster: cluster, node: NodeName("n\(number)")!,
                epoch: .random(in: 1 ... .max))
        }
    }

    private static func found(_ ledger: Ledger) throws {
        let (account, package) = (AccountID("bench")!, PackageID("bench")!)
        let allowance = Allowance(
            validityDays: 365, messagesPerDay: 1_500, otaPerMonth: 1, storageDays: 7)!
        let actions: [Action] = [
            .accounts(.create(NewAccount(id: account, name: "Bench", kind: .enterprise))),
            .packages(.create(package, name: "Bench", allowance)),
            .products(
                .create(
                    NewProduct(
                        key: product, name: "Bench", account: account,
                        secret: SealedSecret(Array("bench".utf8))!, registration: .open))),
            .codes(
                .purchase(account, package: package, quantity: 100_000_000, product: product)),
        ]
        for action in actions {
            let answer = Monitor<Result<Outcome, StoreError>?>(nil)
            submit(action, to: ledger) { result in answer.change { $0 = result } }
            let result = answer.wait { $0 }
            guard case .success(.done) = result else {
                preconditionFailure("\(action): \(String(describing: result))")
            }
        }
    }

    private static func submit(
        _ action: Action, to ledger: Ledger,
        _ completion: @escaping @Sendable (Result<Outcome, StoreError>) -> Void
    ) {
        ledger.submit(
            Command(at: .now(), actor: "bench", action: action), completion: completion)
    }

    private static func measure(_ ledgers: [Ledger], _ count: Int, _ inFlight: Int, _ what: String)
    {
        let share = count / ledgers.count
        let start = MonotonicInstant.now()
        var threads: [Thread] = []
        let all = Monitor<[Int64]>([])
        for (index, ledger) in ledgers.enumerated() {
            do {
                threads.append(
                    try Thread(name: "load-\(index)") {
                        let times = activate(
                            ledger, index * share..<(index + 1) * share, inFlight / ledgers.count)
                        all.change { $0 += times }
                    })
            } catch { preconditionFailure("\(error)") }
        }
        for thread in threads { thread.join() }
        let seconds = Double(MonotonicInstant.now().nanoseconds(since: start)) / 1e9
        let times = all.look { $0 }.sorted()
        func milliseconds(_ permille: Int) -> Double {
            Double(times[min(times.count - 1, times.count * permille / 1_000)] / 10_000) / 100
        }
        print(
            "\(what), \(inFlight) in flight: \(Int(Double(times.count) / seconds)) activations/s, "
                + "p50 \(milliseconds(500)) ms, p99 \(milliseconds(990)) ms")
    }

    private struct Progress {
        var underWay = 0
        var nanoseconds: [Int64] = []
    }

    /// From submitting to the answer, each.
    private static func activate(_ ledger: Ledger, _ devices: Range<Int>, _ inFlight: Int)
        -> [Int64]
    {
        let progress = Monitor(Progress())
        for number in devices {
            progress.wait { progress -> Void? in
                guard progress.underWay < inFlight else { return nil }
                progress.underWay += 1
                return ()
            }
            let began = MonotonicInstant.now()
            let device = DeviceIdentity(product: product, device: DeviceKey("device-\(number)")!)
            submit(.devices(.activate(device, confirmsSecret: nil)), to: ledger) { result in
                guard case .success(.done(.entitled(_, consumed: true))) = result else {
                    preconditionFailure("\(result)")
                }
                let duration = MonotonicInstant.now().nanoseconds(since: began)
                progress.change { progress in
                    progress.underWay -= 1
                    progress.nanoseconds.append(duration)
                }
            }
        }
        return progress.wait { $0.underWay == 0 ? $0.nanoseconds : nil } ?? []
    }
}
