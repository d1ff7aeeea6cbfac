import Fleet
import Linux
import TestFiles
import Testing

@testable import Ledger

/// The benchmark of the lists, with few devices.
@Suite struct FleetTests {
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
        for query in figures where !query.name.contains("in vain") {
            #expect(query.elements > 0 || query.name.contains("exclude"), "\(query.name)")
        }
        #expect(try store.ledger.verify() == [])
        store.ledger.shutdown()
    }
}
