import Foundation
import Gateway
import MQTT
import Processes
import Storage
import Support
import TestFiles
import Testing

@testable import Ledger
@testable import LedgerModel

/// Failing writes under a gateway that serves: it goes on, or ends so that it is started anew; no code is lost.
@Suite("Store faults", .waits)
struct StoreFaultTests {
    private static let product = ProductKey("lamp")!

    private static func device(_ number: Int) -> TestDevice {
        TestDevice(
            identity: DeviceIdentity(product: product, device: DeviceKey("d\(number)")!),
            secret: Secret("secret-of-number-\(number)")!
        )
    }

    /// A gateway with 100 devices and as many codes, whose system calls fail as `faults` say.
    private func furnished(_ program: Program, _ faults: Faults) throws -> Serving {
        faults.set()
        let serving = try Serving(program, environment: faults.environment)
        let rows = (1...100).map { "d\($0),secret-of-number-\($0)\n" }.joined()
        for (command, input) in [
            (["account", "create", "--id", "acme", "--name", "Acme"], nil),
            (
                ["package", "create", "--id", "basic", "--name", "Basic", "--validity-days", "9"],
                nil
            ),
            (["product", "create", "--pk", "lamp", "--name", "Lamp", "--account", "acme"], nil),
            (
                [
                    "codes", "buy", "acme", "--package", "basic", "--quantity", "100", "--product",
                    "lamp",
                ],
                nil
            ),
            (["device", "import", "lamp", "-"], "dk,secret\n" + rows),
        ] as [([String], String?)] {
            let result = try serving.run(command, input: input)
            try #require(result.code == 0, "\(result.errors)")
        }
        return serving
    }

    /// Connects a device, with a session that is kept; the code of the answer.
    private func connect(_ number: Int, to serving: Serving) throws -> (UInt8, TestClient) {
        let client = try TestClient(port: serving.port)
        let answer = try client.connect(
            as: .signed(Self.device(number), secureMode: 3), isCleanStart: false
        ) { $0.sessionExpiryInterval(seconds: 3_600) }
        return (answer.code, client)
    }

    /// The numbers of devices that are active, by the books of a gateway that has ended.
    private func active(_ program: Program) throws -> Set<Int> {
        let ledger = try Ledger(
            directory: "\(program.directory.path)/data/ledger", mapSizeBytes: 1 << 26)
        defer { ledger.shutdown() }
        return try ledger.read { (books, transaction) throws(StoreError) -> Set<Int> in
            var found: Set<Int> = []
            for number in 1...100 {
                let device = try books.device(Self.device(number).identity, in: transaction)
                if let device, device.codesConsumed > 0 { found.insert(number) }
            }
            return found
        }
    }

    @Test(
        "A failed write of a meta page costs nothing: new and known devices get in, the API answers, no restart",
        arguments: ["ledger", "usage"], [ENOSPC, EIO])
    func metaPage(store: String, error: Int32) throws {
        let program = try Program()
        defer { program.remove() }
        let faults = Faults()
        let serving = try furnished(program, faults)
        #expect(try connect(1, to: serving).0 == 0)
        for round in 1...3 {
            faults.set(
                .init("pwrite", on: "\(store)/data.mdb", size: Faults.metaPageBytes, error))
            for number in [1, 2 * round, 2 * round + 1] {
                #expect(try connect(number, to: serving).0 == 0, "\(number)")
            }
            let shown = try serving.run(["device", "show", "lamp", "d1"])
            #expect(shown.code == 0, "\(shown.errors)")
        }
        faults.set()
        #expect(serving.errors.contains("was opened again"))
        let checked = try serving.run(["check"])
        #expect(checked.output == Program.balance, "\(checked)")
        #expect(serving.end() == 0)
        #expect(try active(program) == Set(1...7))
        #expect(try program.run(["check"]).output == Program.balance)
    }

    @Test(
        "While the usage store can't write, a device that consumed a code is admitted",
        arguments: [
            Faults.Rule("pwrite", on: "usage/data.mdb", count: nil, ENOSPC),
            Faults.Rule(
                "pwrite", on: "usage/data.mdb", size: Faults.metaPageBytes, count: nil, EIO),
            Faults.Rule("fdatasync", on: "usage/data.mdb", count: nil, EIO),
        ])
    func usageUnwritable(rule: Faults.Rule) throws {
        let program = try Program()
        defer { program.remove() }
        let faults = Faults()
        let serving = try furnished(program, faults)
        faults.set(rule)
        var admitted: Set<Int> = []
        var clients: [TestClient] = []
        for number in 1...20 {
            let (code, client) = try connect(number, to: serving)
            if code == 0 { admitted.insert(number) }
            clients.append(client)
            usleep(20_000)
        }
        // And come back.
        for number in admitted.sorted() { #expect(try connect(number, to: serving).0 == 0) }
        faults.set()
        #expect(serving.end() == 0)
        #expect(try active(program) == admitted)
        #expect(admitted.count == 20)
    }

    @Test(
        "While the ledger can't write, nobody is admitted for a code that is not consumed, and known devices are"
    )
    func ledgerUnwritable() throws {
        let program = try Program()
        defer { program.remove() }
        let faults = Faults()
        let serving = try furnished(program, faults)
        #expect(try connect(1, to: serving).0 == 0)
        faults.set(
            .init("pwrite", on: "ledger/data.mdb", size: Faults.metaPageBytes, count: nil, ENOSPC))
        var admitted: Set<Int> = [1]
        for number in 2...10 where try connect(number, to: serving).0 == 0 {
            admitted.insert(number)
        }
        #expect(try connect(1, to: serving).0 == 0)
        faults.set()
        for number in 11...15 {
            #expect(try connect(number, to: serving).0 == 0)
            admitted.insert(number)
        }
        #expect(serving.end() == 0)
        #expect(try active(program) == admitted)
        #expect(admitted == Set([1] + Array(11...15)))
        #expect(try program.run(["check"]).output == Program.balance)
    }

    @Test(
        "A store that can't be opened again ends the process with a failing exit code",
        arguments: ["ledger", "usage"])
    func lost(store: String) throws {
        let program = try Program()
        defer { program.remove() }
        let faults = Faults()
        let serving = try furnished(program, faults)
        #expect(try connect(1, to: serving).0 == 0)
        faults.set(
            .init("pwrite", on: "\(store)/data.mdb", size: Faults.metaPageBytes, EIO),
            .init("open", on: "data.mdb", count: nil, EIO))
        _ = try? connect(2, to: serving)
        let code = serving.endOfItself(withinSeconds: 40)
        #expect(code == 1)
        #expect(
            serving.errors.contains("the store \(store) can't be opened again"), "\(serving.errors)"
        )
        faults.set()
        let again = try Serving(program)
        #expect(try connect(1, to: again).0 == 0)
        #expect(try connect(2, to: again).0 == 0)
        #expect(again.end() == 0)
        #expect(try program.run(["check"]).output == Program.balance)
    }

    @Test(
        "SIGTERM while counts can't be written: a failing exit code, and a line that says how many")
    func unflushed() throws {
        let program = try Program()
        defer { program.remove() }
        let faults = Faults()
        let serving = try furnished(program, faults)
        let (code, client) = try connect(1, to: serving)
        #expect(code == 0)
        faults.set(.init("fdatasync", on: "usage/data.mdb", count: nil, EIO))
        _ = try client.publish(Self.device(1).up(), "x", qos: .atLeastOnce)
        #expect(serving.end() == 1)
        #expect(
            serving.errors.contains("could not be given 1 counts of messages"), "\(serving.errors)")
        #expect(!serving.errors.contains("drained\n"))
    }
}
