internal import Telemetry

extension Report {
    /// All of it as a page of HTML with plots, which needs nothing but itself: no script, no file beside it.
    public var page: String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(Self.escaped(title))</title>
        <style>\(Self.style)</style></head><body>
        <h1>\(Self.escaped(title))</h1>
        <p>\(Self.escaped(pace))</p>
        \(plots.joined(separator: "\n"))
        <h2>Figures</h2>
        <pre>\(Self.escaped(text))</pre>
        </body></html>

        """
    }

    private static let style = """
        :root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --one: #0860ca; --two: #bc4c00; }
        @media (prefers-color-scheme: dark) {
          :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --one: #58a6ff; --two: #f0883e; }
        }
        body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
          max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
        pre { overflow-x: auto; } svg { width: 100%; height: auto; }
        svg text { font-size: 12px; fill: currentColor; }
        .grid { stroke: var(--line); } polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
        .one { stroke: var(--one); } .two { stroke: var(--two); }
        text.one { stroke: none; fill: var(--one); } text.two { stroke: none; fill: var(--two); }
        """

    static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }

    private var plots: [String] {
        let measured = outcome.samples.filter(\.isMeasured)
        var plots: [String] = []
        func add(_ title: String, _ series: [Plot.Series], _ axis: Plot.Axis = .seconds) {
            let plot = Plot(series: series, axis: axis)
            guard plot.hasLine else { return }
            plots.append("<h2>\(Self.escaped(title))</h2>\n\(plot.svg(named: Self.escaped(title)))")
        }
        if plan.scenario != .idle {
            add("\(request) a second", [.init("", measured.map { ($0.seconds, $0.donePerSecond) })])
        }
        add(
            "Latency over time, ms",
            [
                .init(
                    "p50",
                    measured.compactMap { sample in sample.median.map { (sample.seconds, $0) } }),
                .init(
                    "p99",
                    measured.compactMap { sample in
                        sample.highPercentile.map { (sample.seconds, $0) }
                    }),
            ])
        add("Latency by percentile, ms", [.init("", percentiles)], .percentiles)
        // At the last one the clients have left.
        let held = outcome.samples.dropLast()
        add("Connections", [.init("", held.map { ($0.seconds, Double($0.open)) })])
        if outcome.server != nil {
            add(
                "Server CPU, processors",
                [.init("", outcome.samples.map { ($0.seconds, $0.serverProcessors) })])
            add(
                "Server memory, MiB",
                [
                    .init(
                        "", outcome.samples.map { ($0.seconds, Double($0.serverBytes) / 1_048_576) }
                    )
                ])
        }
        return plots
    }

    /// For each nine another unit of the axis: 0 is the least, 1 is p90, 2 is p99.
    private var percentiles: [(Double, Double)] {
        let snapshot = outcome.requests.count > 0 ? outcome.requests : outcome.openings
        guard snapshot.count > 0 else { return [] }
        var points: [(Double, Double)] = []
        var rest = 1.0
        for step in 0...40 {
            if rest * Double(snapshot.count) < 1 { break }
            let value = snapshot.quantile(1 - rest) ?? 0
            points.append((Double(step) / 10, Double(value) / 1e6))
            // A tenth of a nine.
            rest /= 1.2589254117941673
        }
        return points
    }
}
