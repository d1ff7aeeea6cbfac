/// Whether an iteration goes on after this record.
public enum Iteration: Sendable {
    case proceed
    case stop
}
