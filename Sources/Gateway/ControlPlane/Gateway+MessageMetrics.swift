import MessageLog
import Telemetry
import Time

extension Gateway {
    /// What has come of devices' messages that are stored (rule D3).
    func writeMessageLog(into page: inout PrometheusText) {
        guard let figures = commons.messageLog?.standing else { return }
        let counters = [
            ("stored", "Messages that were stored.", figures.stored),
            (
                "not_stored", "Messages that were not stored: the disk was full, or too slow.",
                figures.dropped
            ),
            ("written_bytes", "Bytes of stored messages that were written.", figures.writtenBytes),
            (
                "damaged_blocks", "Blocks of stored messages that could not be read.",
                figures.damagedBlocks
            ),
        ]
        for (name, help, value) in counters {
            page.begin("tollgate_messages_\(name)_total", help: help, kind: .counter)
            page.sample(value)
        }
        page.begin(
            "tollgate_messages_segments_removed_total",
            help: "Segments of stored messages that were removed, by why.", kind: .counter)
        page.sample(figures.expiredSegments, labels: [PrometheusLabel("cause", "age")])
        page.sample(figures.evictedSegments, labels: [PrometheusLabel("cause", "room")])
        let gauges = [
            ("segments", "Segments of stored messages.", figures.segments),
            ("bytes", "Bytes of all segments of stored messages.", figures.bytes),
            (
                "lag_milliseconds",
                "How long the oldest message of the last write had waited for it.",
                figures.lagMilliseconds
            ),
        ]
        for (name, help, value) in gauges {
            page.begin("tollgate_messages_\(name)", help: help, kind: .gauge)
            page.sample(value)
        }
        guard let oldest = figures.oldest else { return }
        page.begin(
            "tollgate_messages_oldest_timestamp_seconds",
            help: "When the oldest message came that is stored, Unix time.", kind: .gauge)
        page.sample(oldest.milliseconds / 1_000)
    }
}
