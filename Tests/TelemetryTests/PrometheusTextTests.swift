import Telemetry
import Testing

/// https://prometheus.io/docs/instrumenting/exposition_formats/, the text-based format.
@Suite struct PrometheusTextTests {
    @Test("A family is HELP, TYPE, then its samples, each on a line of its own")
    func family() {
        var page = PrometheusText()
        page.begin("tollgate_connects_total", help: "Connections.", kind: .counter)
        page.sample(3 as UInt64, labels: [PrometheusLabel("shard", "0")])
        page.sample(UInt64.max, labels: [.init("shard", "1"), .init("tls", "1.3")])
        page.begin("tollgate_lag_seconds", help: "Lag.", kind: .gauge)
        page.sample(0.25)
        #expect(
            page.finish() == """
                # HELP tollgate_connects_total Connections.
                # TYPE tollgate_connects_total counter
                tollgate_connects_total{shard="0"} 3
                tollgate_connects_total{shard="1",tls="1.3"} 18446744073709551615
                # HELP tollgate_lag_seconds Lag.
                # TYPE tollgate_lag_seconds gauge
                tollgate_lag_seconds 0.25

                """
        )
    }

    @Test("Backslash and line feed are escaped in help, and quotes as well in label values")
    func escaping() {
        var page = PrometheusText()
        page.begin("a:b", help: "a \\ b\n\"c\" ü", kind: .untyped)
        page.sample(1, labels: [.init("path", "C:\\x\n\"é\"")])
        #expect(
            page.finish() == #"""
                # HELP a:b a \\ b\n"c" ü
                # TYPE a:b untyped
                a:b{path="C:\\x\n\"é\""} 1

                """#
        )
    }

    @Test("Numbers are what Go's ParseFloat reads, infinities and NaN among them")
    func numbers() {
        var page = PrometheusText()
        page.begin("x", help: "", kind: .gauge)
        for value in [1.0, -0.5, 1e-9, 1e300, .infinity, -.infinity, .nan] { page.sample(value) }
        let values = page.finish().split(separator: "\n").suffix(7).map { $0.dropFirst(2) }
        #expect(values == ["1", "-0.5", "1e-09", "1e+300", "+Inf", "-Inf", "NaN"])
    }

    @Test("A histogram's buckets are cumulative, end with +Inf, and agree with its count")
    func histogram() {
        let histogram = Histogram()
        for value in [500_000, 900_000, 2_000_000, 40_000_000] as [UInt64] {
            histogram.record(value)
        }
        var page = PrometheusText()
        page.begin("wait_seconds", help: "Wait.", kind: .histogram)
        page.histogram(
            histogram.snapshot(),
            bounds: [1_000_000, 10_000_000],
            unit: 1e-9,
            labels: [.init("shard", "0")]
        )
        #expect(
            page.finish() == """
                # HELP wait_seconds Wait.
                # TYPE wait_seconds histogram
                wait_seconds_bucket{shard="0",le="0.001"} 2
                wait_seconds_bucket{shard="0",le="0.01"} 3
                wait_seconds_bucket{shard="0",le="+Inf"} 4
                wait_seconds_sum{shard="0"} 0.0434
                wait_seconds_count{shard="0"} 4

                """
        )
    }
}
