import Fleet
import Glibc
import Ledger
import Linux
import Storage

/// Every list of the books with each of its filters, at random places among many devices, while other
/// devices connect; then the check of all books, and their hashes.
///
/// `QueryBenchmark DIRECTORY DEVICES [TIMES]`: makes the books in the directory, unless it has made
/// them before, and leaves them there. 5,000,000 devices take some 3 GB and some minutes.
@main
struct QueryBenchmark {
    nonisolated static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 3, let devices = Int(arguments[2]), devices >= 1_000 else {
            print("QueryBenchmark DIRECTORY DEVICES [TIMES]")
            exit(2)
        }
        let times = arguments.count > 3 ? Int(arguments[3]) ?? 300 : 300
        let store = try FleetStore(FleetPlan(devices: devices), directory: arguments[1]) { text in
            print(text)
            fflush(nil)
        }
        let used = store.ledger.environment.figures.mapUsedBytes
        print("\(devices) devices in \(used >> 20) MiB; walking all lists once")
        let measurement = try QueryMeasurement(store)
        try queries(store, measurement, times)
        try check(store)
        try digest(store)
        store.ledger.shutdown()
    }

    nonisolated static func queries(
        _ store: FleetStore,
        _ measurement: QueryMeasurement,
        _ times: Int
    ) throws {
        let devices = ConnectingDevices(store)
        let seed = UInt64.random(in: 1...1_000_000)
        let thread = try Thread(name: "devices") { devices.run(seed: seed) }
        let start = MonotonicInstant.now()
        let figures = try measurement.run(times: times, seed: seed)
        let seconds = Double(MonotonicInstant.now().milliseconds(since: start)) / 1_000
        let rate = Int(Double(devices.count) / seconds)
        devices.stop()
        thread.join()
        print("each \(times) times, \(rate) devices activated a second meanwhile (seed \(seed)):")
        print(row("query, microseconds", "median", "p99", "p99 CPU", "elements"))
        for query in figures {
            print(
                row(
                    query.name, "\(query.medianMicroseconds)", "\(query.p99Microseconds)",
                    "\(query.p99ProcessorMicroseconds)", "\(Int(query.elements.rounded()))"))
        }
    }

    nonisolated static func check(_ store: FleetStore) throws {
        let before = residentKibibytes
        let start = MonotonicInstant.now()
        let findings = try store.ledger.verify()
        let seconds = Double(MonotonicInstant.now().milliseconds(since: start)) / 1_000
        let grown = (residentKibibytes - before) >> 10
        print("check: \(findings.count) findings, \(seconds) s, \(grown) MiB of memory")
        for finding in findings.prefix(10) { print("  \(finding)") }
    }

    /// What a node does at a checkpoint that is made through the API.
    nonisolated static func digest(_ store: FleetStore) throws {
        let start = MonotonicInstant.now()
        let tables = try store.ledger.read { books, transaction throws(StoreError) in
            try books.digests(in: transaction)
        }
        let seconds = Double(MonotonicInstant.now().milliseconds(since: start)) / 1_000
        let records = tables.reduce(0) { $0 + $1.records }
        print("digest: \(tables.count) tables, \(records) records, \(seconds) s")
    }

    /// Anonymous memory of this process; the store's pages are the kernel's.
    nonisolated static var residentKibibytes: Int {
        var buffer = [UInt8](repeating: 0, count: 8_192)
        let descriptor = unsafe open("/proc/self/status", O_RDONLY)
        defer { close(descriptor) }
        // Safe: `read` writes at most as many bytes as it is told.
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe read(descriptor, bytes.baseAddress, bytes.count)
        }
        let text = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }

    nonisolated static func row(_ cells: String...) -> String {
        var text = cells[0] + String(repeating: " ", count: max(1, 46 - cells[0].count))
        for cell in cells.dropFirst() {
            text += String(repeating: " ", count: max(1, 10 - cell.count)) + cell
        }
        return text
    }
}
