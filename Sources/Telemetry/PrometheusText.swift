import Bytes

/// Builds a page of metrics in Prometheus' text-based exposition format, version 0.0.4.
///
/// A metric family is begun with its name, help and kind, and its samples follow until the next one.
/// Names are the program's own, so a bad one traps; label values may be any text.
public struct PrometheusText: ~Copyable {
    /// `Content-Type` of the page.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private var text: ByteBuffer
    private var family = ""
    private var kind = PrometheusKind.untyped

    public init() { text = ByteBuffer(capacity: 16 * 1_024) }

    /// The page so far, UTF-8.
    public var span: Span<UInt8> {
        @_lifetime(borrow self)
        get { text.span }
    }

    public consuming func finish() -> String {
        let span = text.span
        // Safe: the span lends its bytes for the call.
        return unsafe span.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// Begins a metric family: its `HELP` and `TYPE` lines.
    ///
    /// - Parameter name: `[a-zA-Z_:][a-zA-Z0-9_:]*`, with the unit last; a counter's ends in `_total`.
    public mutating func begin(_ name: String, help: String, kind: PrometheusKind) {
        precondition(PrometheusLabel.isName(name, colons: true), "not a metric name")
        family = name
        self.kind = kind
        text.append(utf8: "# HELP \(name) ")
        appendEscaped(help, quotes: false)
        text.append(utf8: "\n# TYPE \(name) \(kind.rawValue)\n")
    }

    /// A sample of the family that was begun.
    public mutating func sample(_ value: Double, labels: [PrometheusLabel] = []) {
        line(suffix: "", labels: labels, extra: nil, value: Self.number(value))
    }

    /// A sample of the family that was begun, exact.
    public mutating func sample(_ value: some FixedWidthInteger, labels: [PrometheusLabel] = []) {
        line(suffix: "", labels: labels, extra: nil, value: String(value))
    }

    /// The samples of a histogram: cumulative buckets, `+Inf`, sum and count.
    ///
    /// - Parameters:
    ///   - bounds: the buckets' upper bounds in the histogram's own unit, ascending.
    ///   - unit: what one of that unit is in the exposed one: 1e-9 for nanoseconds as seconds.
    public mutating func histogram(
        _ snapshot: HistogramSnapshot,
        bounds: [UInt64],
        unit: Double,
        labels: [PrometheusLabel] = []
    ) {
        precondition(kind == .histogram, "the family is of another kind")
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy(<), "bounds ascend")
        for bound in bounds {
            line(
                suffix: "_bucket",
                labels: labels,
                extra: PrometheusLabel("le", Self.number(Double(bound) * unit)),
                value: String(snapshot.count(upTo: bound))
            )
        }
        let count = String(snapshot.count)
        line(suffix: "_bucket", labels: labels, extra: PrometheusLabel("le", "+Inf"), value: count)
        let sum = Self.number(Double(snapshot.sum) * unit)
        line(suffix: "_sum", labels: labels, extra: nil, value: sum)
        line(suffix: "_count", labels: labels, extra: nil, value: count)
    }

    /// The same of durations in nanoseconds, as seconds: from 25 microseconds to 10 seconds.
    public mutating func latencies(_ snapshot: HistogramSnapshot, labels: [PrometheusLabel] = []) {
        histogram(snapshot, bounds: Self.latencyBounds, unit: 1e-9, labels: labels)
    }

    private static let latencyBounds: [UInt64] = [
        25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
        25_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000,
        5_000_000_000, 10_000_000_000,
    ]

    private mutating func line(
        suffix: String,
        labels: [PrometheusLabel],
        extra: PrometheusLabel?,
        value: String
    ) {
        precondition(!family.isEmpty, "a sample belongs to a family")
        text.append(utf8: family)
        text.append(utf8: suffix)
        var separator = "{"
        for label in labels + (extra.map { [$0] } ?? []) {
            append(label, after: separator)
            separator = ","
        }
        text.append(utf8: separator == "{" ? " " : "} ")
        text.append(utf8: value)
        text.append(UInt8(ascii: "\n"))
    }

    private mutating func append(_ label: PrometheusLabel, after separator: String) {
        text.append(utf8: "\(separator)\(label.name)=\"")
        appendEscaped(label.value, quotes: true)
        text.append(UInt8(ascii: "\""))
    }

    /// Escapes what the format asks for: backslash and line feed, in label values quotes as well.
    private mutating func appendEscaped(_ value: String, quotes: Bool) {
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): text.append(utf8: "\\\\")
            case UInt8(ascii: "\n"): text.append(utf8: "\\n")
            case UInt8(ascii: "\"") where quotes: text.append(utf8: "\\\"")
            default: text.append(byte)
            }
        }
    }

    /// A number as Go's `ParseFloat` reads it.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}

public enum PrometheusKind: String, Sendable {
    /// Only ever grows (and starts again at zero with the process).
    case counter
    /// Goes up and down.
    case gauge
    /// Buckets, sum and count.
    case histogram
    case untyped
}

/// A label of a sample: a name of the program's own, and any text as its value.
public struct PrometheusLabel: Equatable, Sendable {
    public let name: String
    public let value: String

    /// - Parameter name: `[a-zA-Z_][a-zA-Z0-9_]*`, not beginning with two underscores; traps
    ///   otherwise.
    public init(_ name: String, _ value: String) {
        precondition(Self.isName(name) && !name.hasPrefix("__"), "not a label name")
        self.name = name
        self.value = value
    }

    static func isName(_ name: String, colons: Bool = false) -> Bool {
        guard let first = name.utf8.first, !isDigit(first) else { return false }
        return name.utf8.allSatisfy { byte in
            isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "_")
                || (colons && byte == UInt8(ascii: ":"))
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
