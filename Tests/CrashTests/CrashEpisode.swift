import Foundation
import Gateway
import Ledger
import Linux
import Randomness
import Storage
import Support
import TestFiles
import Testing

/// One data directory, and gateways that are killed on it while everybody is at work: devices that come
/// for the first time and again, sessions that outlive the crashes, devices that live on packs, retained
/// messages, an operator who buys and assigns.
struct CrashEpisode {
    /// What came of it.
    struct Tally {
        var kills = 0
        var admissions = 0
        var units = 0
        var messages = 0
        var packUnits: UInt64 = 0
        var writes = 0
        var findings: [String] = []

        static func += (sum: inout Tally, next: Tally) {
            sum.kills += next.kills
            sum.admissions += next.admissions
            sum.units += next.units
            sum.messages += next.messages
            sum.packUnits += next.packUnits
            sum.writes += next.writes
            sum.findings += next.findings
        }
    }

    private static let deviceCount = 12_000
    private static let packUnits: UInt64 = 1_000_000

    /// `flushIntervalSeconds` of `ServedGateway`, and what a busy machine may take to write it.
    private static let behindMilliseconds: Int64 = 3_500

    private let directory = TemporaryDirectory()
    private let devices: [TestDevice]
    private let packs: (product: TestProduct, devices: [TestDevice])
    private let clients: CrashClients
    private let retainers = (0..<2).map { CrashRetainer("retainer-\($0)") }
    private let buyer: CrashOperator
    private var past: CrashHistory
    private var tally = Tally()
    private var granted: UInt64 = 0

    /// Founds the books, and lets each subscriber subscribe.
    init() async throws {
        (devices, packs, clients) = try await CrashBooks.with(directory) { gateway in
            let devices = try await CrashBooks.found(
                with: gateway, deviceCount: Self.deviceCount)
            let product = try await gateway.createProduct("packs", codes: 4, messagesPerDay: 0)
            try await gateway.buyPack(Self.packUnits, for: product)
            let onPacks = try await gateway.importDevices((0..<4).map { "p\($0)" }, into: product)
            let down = try await gateway.createProduct("down", codes: 4)
            let receivers = try await gateway.importDevices((0..<3).map { "r\($0)" }, into: down)
            let key = try await gateway.createApplication()
            return (devices, (product, onPacks), Self.clients(receivers, key))
        }
        past = CrashHistory(devices: devices)
        let started = try ServedGateway(directory)
        let ports = try started.ports()
        for subscriber in clients.subscribers { try subscriber.subscribe(ports.plain) }
        started.kill()
        buyer = CrashOperator(
            account: AccountID("acme")!, product: devices[0].identity.product,
            token: try Self.token(in: directory))
    }

    /// Messages to devices, which those and applications get: some stay connected, some are away.
    private static func clients(_ devices: [TestDevice], _ key: TestApplication) -> CrashClients {
        func application(_ name: String) -> TestCredentials { .application(key, clientID: name) }
        func device(_ number: Int) -> CrashSubscriber {
            CrashSubscriber(
                "r\(number)", as: .signed(devices[number], secureMode: 3),
                to: devices[number].down("#"), from: "publisher-\(number)")
        }
        return CrashClients(
            publishers: devices.indices.map { number in
                CrashPublisher(
                    "publisher-\(number)", as: application("publisher-\(number)"),
                    to: devices[number].down("x"))
            },
            present: [
                device(0),
                CrashSubscriber("present", as: application("present"), to: "d/down/+/down/#"),
            ],
            away: [
                device(1), device(2),
                CrashSubscriber("away", as: application("away"), to: "d/down/+/down/#"),
            ])
    }

    /// The owner's, which the program has made at its first start.
    private static func token(in directory: TemporaryDirectory) throws -> String {
        let text = try String(
            contentsOfFile: directory.file("data.secrets/admin.token"), encoding: .utf8)
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Kills a gateway `rounds` times, at most until `deadline`; stops at the first finding.
    mutating func run(
        rounds: Int,
        until deadline: MonotonicInstant?,
        _ random: inout SplitMix64
    ) throws -> Tally {
        for round in 1...rounds {
            if let deadline, MonotonicInstant.now() > deadline { break }
            if round % 10 == 5 {
                try killWhileItStarts(&random)
            } else {
                try killAtWork(
                    round % 10 == 0 ? 4_500 : .random(in: 5...600, using: &random), &random)
            }
            tally.kills += 1
            guard tally.findings.isEmpty else { return tally }
        }
        try settle()
        tally.admissions = past.admittedCount
        tally.units = past.storedUnits
        tally.messages = clients.acknowledged
        tally.packUnits = granted
        tally.writes = buyer.answered
        return tally
    }

    private func killWhileItStarts(_ random: inout SplitMix64) throws {
        let gateway = try ServedGateway(directory)
        usleep(.random(in: 0...600_000, using: &random))
        gateway.kill()
    }

    private mutating func killAtWork(_ milliseconds: Int64, _ random: inout SplitMix64) throws {
        let gateway = try ServedGateway(directory)
        let ports = try gateway.ports()
        for retainer in retainers { try retainer.check(ports.open) }
        let witness = Witness()
        let packWitness = Witness()
        let load = CrashLoad(
            devices: devices, firstNew: past.firstNew, ports: (ports.plain, ports.tls),
            witness: witness)
        var threads = try clients.start(ports.plain, witness)
        for retainer in retainers {
            threads.append(try Linux.Thread(name: "retainer") { retainer.run(ports.open, witness) })
        }
        for (number, device) in packs.devices.enumerated() {
            threads.append(
                try Linux.Thread(name: "packs") {
                    TopUpCrashTests.publish(device, number, ports.plain, packWitness)
                })
        }
        let (buyer, seed) = (buyer, random.next())
        threads.append(
            try Linux.Thread(name: "operator") { buyer.run(ports.api, seed: seed, witness) })
        let steadySeed = random.next()
        threads.append(try Linux.Thread(name: "steady") { load.runSteadily(seed: steadySeed) })
        for _ in 0..<2 {
            let seed = random.next()
            threads.append(try Linux.Thread(name: "load") { load.run(seed: seed) })
        }
        let isRunning = gateway.run(milliseconds: milliseconds)
        witness.kills()
        packWitness.kills()
        gateway.kill()
        for thread in threads { thread.join() }
        past.firstNew = load.firstUntouched
        if !isRunning { tally.findings.append("it ended by itself") }
        try check(witness.testimony, packWitness.testimony)
    }

    /// Holds the stores against what everybody was told.
    private mutating func check(
        _ testimony: Witness.Testimony,
        _ packTestimony: Witness.Testimony
    ) throws {
        tally.findings += try past.check(
            directory, testimony, behindMilliseconds: Self.behindMilliseconds)
        tally.findings += packTestimony.complaints + retainers.flatMap(\.complaints)
        tally.findings += clients.publishers.flatMap(\.complaints)
        tally.findings += clients.subscribers.flatMap(\.complaints)
        if let complaint = try ServedGateway.complaint(of: directory) {
            tally.findings.append(complaint)
        }
        granted += packTestimony.acknowledged.values.joined().reduce(0) { $0 + UInt64($1.units) }
        tally.findings += try checkBooks()
    }

    private func checkBooks() throws -> [String] {
        let ledger = try Ledger(
            directory: directory.file("data/ledger"), mapSizeBytes: 1 << 28)
        let (account, product) = (AccountID("acme")!, devices[0].identity.product)
        let packAccount = packs.product.account
        let (figures, pool, units) = try ledger.read { (books, transaction) throws(StoreError) in
            (
                try books.figures(of: account, in: transaction),
                try books.figures(of: product, in: transaction),
                try books.topUpTotals(of: packAccount, .messages, in: transaction)
            )
        }
        let assigned = (pool?.consumed ?? 0) + (pool?.remaining ?? 0)
        var findings = buyer.findings(
            unassigned: figures.unassigned,
            assigned: assigned &- UInt64(Self.deviceCount))
        if granted > units.used + units.leased || units.quantity != Self.packUnits {
            findings.append("\(granted) units of packs granted, \(units) in the books")
        }
        return findings + buyer.complaints
    }

    /// Lets everybody finish: what is under way is sent again, and what waits is fetched.
    private mutating func settle() throws {
        let gateway = try ServedGateway(directory)
        let ports = try gateway.ports()
        for subscriber in clients.subscribers { try subscriber.drain(ports.plain) }
        for retainer in retainers { try retainer.check(ports.open) }
        try buyer.settle(ports.api)
        gateway.kill()
        tally.findings += clients.findings
        try check(Witness().testimony, Witness().testimony)
    }
}
