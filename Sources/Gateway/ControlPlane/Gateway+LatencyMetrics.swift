import Ledger
import Metering
import Storage
import Telemetry

// How long things take.
extension Gateway {
    func writeLatencies(into page: inout PrometheusText) {
        let families: [(name: String, help: String, histogram: (ShardLatencies) -> Histogram)] = [
            (
                "tls_handshake", "From a connection's acceptance to the end of its TLS handshake.",
                \.handshake
            ),
            ("connect", "From a CONNECT to the CONNACK that admits.", \.admission),
            (
                "publish", "From a PUBLISH of QoS 1 or 2 to its PUBACK or PUBREC.",
                \.acknowledgement
            ),
        ]
        for family in families {
            page.begin("tollgate_\(family.name)_seconds", help: family.help, kind: .histogram)
            var sum = HistogramSnapshot()
            for shard in counters { sum.merge(family.histogram(shard.latencies).snapshot()) }
            page.latencies(sum)
        }
        page.begin(
            "tollgate_loop_seconds", help: "Turns of the loop: what comes meanwhile waits as long.",
            kind: .histogram)
        for (index, shard) in counters.enumerated() {
            page.latencies(
                shard.latencies.turn.snapshot(), labels: [PrometheusLabel("shard", "\(index)")])
        }
        page.begin(
            "tollgate_store_commit_seconds",
            help: "Transactions, from their beginning until the disk had them.", kind: .histogram)
        for (store, durations) in [
            ("ledger", ledger.commitDurations), ("usage", usage.commitDurations),
        ] {
            page.latencies(durations, labels: [PrometheusLabel("store", store)])
        }
    }
}
