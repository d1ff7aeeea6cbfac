/// Lines over an axis, as SVG.
struct Plot {
    struct Series {
        let name: String
        let points: [(x: Double, y: Double)]

        init(_ name: String, _ points: [(Double, Double)]) {
            self.name = name
            self.points = points.map { (x: $0.0, y: $0.1) }
        }
    }

    enum Axis {
        case seconds
        /// Nines: 0 the least, 1 p90, 2 p99.
        case percentiles
    }

    /// One or two.
    let series: [Series]
    let axis: Axis

    private static let (width, height, left, bottom, top) = (800.0, 240.0, 64.0, 28.0, 16.0)

    /// Whether there are two points to draw a line between.
    var hasLine: Bool { series.contains { $0.points.count > 1 } }

    func svg(named title: String) -> String {
        let points = series.flatMap(\.points)
        let highest = Self.round(points.map(\.y).max() ?? 1)
        let first = axis == .percentiles ? 0 : points.map(\.x).min() ?? 0
        let last = max(points.map(\.x).max() ?? 1, first + 0.001)
        func x(_ value: Double) -> Double {
            Self.left + (value - first) / (last - first) * (Self.width - Self.left - 16)
        }
        func y(_ value: Double) -> Double {
            Self.height - Self.bottom - value / highest * (Self.height - Self.bottom - Self.top)
        }
        var parts = [
            "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\" aria-label=\"\(title)\">"
        ]
        for step in 0...4 {
            let value = highest * Double(step) / 4
            let place = Self.text(y(value))
            parts.append(
                "<line class=\"grid\" x1=\"\(Int(Self.left))\" x2=\"784\" y1=\"\(place)\" y2=\"\(place)\"/>"
                    + "<text x=\"58\" y=\"\(Self.text(y(value) + 4))\" text-anchor=\"end\">\(Report.number(value))</text>"
            )
        }
        for mark in marks(first, last) {
            parts.append(
                "<text x=\"\(Self.text(min(x(mark.value), 768)))\" y=\"234\" text-anchor=\"middle\">\(mark.name)</text>"
            )
        }
        for (index, one) in series.enumerated() where one.points.count > 1 {
            let style = index == 0 ? "one" : "two"
            let line = one.points.map { "\(Self.text(x($0.x))),\(Self.text(y($0.y)))" }
            parts.append("<polyline class=\"\(style)\" points=\"\(line.joined(separator: " "))\"/>")
            parts.append(
                "<text class=\"\(style)\" x=\"\(72 + 48 * index)\" y=\"12\">\(one.name)</text>")
        }
        return parts.joined(separator: "\n") + "\n</svg>"
    }

    private func marks(_ first: Double, _ last: Double) -> [(value: Double, name: String)] {
        switch axis {
        case .seconds:
            return (0...4).map { step in
                let value = first + (last - first) * Double(step) / 4
                return (value, "\(Report.number(value)) s")
            }
        case .percentiles:
            let names = ["least", "p90", "p99", "p99.9", "p99.99"]
            return names.enumerated().map { (Double($0.offset), $0.element) }
                .filter { $0.0 <= last }
        }
    }

    /// The next higher number with one digit that is 1, 2, 4 or 8.
    private static func round(_ value: Double) -> Double {
        guard value > 0, value.isFinite else { return 1 }
        var unit = 1.0
        while unit > value { unit /= 10 }
        while unit * 10 <= value { unit *= 10 }
        return [1, 2, 4, 8, 10].map { $0 * unit }.first { $0 >= value } ?? 10 * unit
    }

    /// With one digit behind the point.
    private static func text(_ value: Double) -> String { String((value * 10).rounded() / 10) }
}
