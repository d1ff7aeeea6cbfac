import Fleet
import Linux
import Processes
import TestFiles
import Testing

@testable import Ledger
@testable import LedgerModel

/// The benchmark of the lists, with few devices.
@Suite(.computes) struct FleetTests {
    @Test("Every list answers among a fleet whose devices connect, and the books balance")
    func fleet() throws {
        let directory = TemporaryDirectory()
        let store = try FleetStore(FleetPlan(devices: 2_000), directory: directory.path)
        let measurement = try QueryMeasurement(store)
        let devices = ConnectingDevices(store)
        let thread = try Thread(name: "devices") { devices.run(seed: 5) }
        let figures = try measurement.run(times: 3, seed: 5)
        devices.stop()
        thread.join()
        #expect(figures.count == 30)
        // A device or a small product may have none, and some questions are asked in vain.
        let mayBeEmpty = ["DK", "by product", "in vain", "exclude"]
        for query in figures where !mayBeEmpty.contains(where: query.name.contains) {
            #expect(query.elements > 0, "\(query.name)")
        }
        #expect(try store.ledger.verify() == [])
        store.ledger.shutdown()
    }
}
