/// The kinds of metric family.
public enum PrometheusKind: String, Sendable {
    /// Only ever grows (and starts again at zero with the process).
    case counter
    /// Goes up and down.
    case gauge
    /// Buckets, sum and count.
    case histogram
    case untyped
}
