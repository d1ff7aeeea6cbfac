import Linux
import Telemetry
import Time

// What the process takes of its machine, under the names that Prometheus' own clients use, and what is left of the disk.
extension Gateway {
    func writeProcess(into page: inout PrometheusText) {
        let figures: ProcessFigures
        do throws(FileError) {
            figures = try ProcessFigures.now()
        } catch {
            // None of the descriptors is left to read them with.
            return
        }
        page.begin(
            "process_cpu_seconds_total", help: "Time on processors, of all threads.", kind: .counter
        )
        page.sample(Double(figures.cpuMilliseconds) / 1_000)
        page.begin(
            "process_resident_memory_bytes",
            help: "Memory, with what of the stores' maps is in it.", kind: .gauge)
        page.sample(figures.residentBytes)
        page.begin(
            "process_virtual_memory_bytes", help: "Addresses, the stores' maps among them.",
            kind: .gauge)
        page.sample(figures.virtualBytes)
        page.begin("process_threads", help: "Threads.", kind: .gauge)
        page.sample(figures.threads)
    }

    func writeDisk(into page: inout PrometheusText) {
        do throws(FileError) {
            let bytes = try FileSystem.freeBytes(at: configuration.data)
            page.begin(
                "tollgate_data_free_bytes",
                help: "What is left of the file system that the stores are on.", kind: .gauge)
            page.sample(bytes)
        } catch {
            // The stores say what is wrong with their directory.
        }
        guard let done = lastBackup else { return }
        page.begin(
            "tollgate_backup_finished_seconds",
            help:
                "When the node's last backup was whole, Unix time; before the first one, with alerts.backupDays, since when that is waited for.",
            kind: .gauge)
        page.sample(done.milliseconds / 1_000)
    }
}
