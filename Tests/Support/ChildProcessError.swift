/// Why another program could not be run as asked.
public enum ChildProcessError: Error, CustomStringConvertible {
    /// `posix_spawn(3)` or `pipe(2)` failed with that `errno`.
    case notStarted(program: String, code: Int32)

    /// It reads its standard input no longer.
    case deaf(program: String, output: String)

    /// It was still running after the time it was given, and has been killed.
    case tooSlow(program: String, seconds: Double, output: String)

    public var description: String {
        switch self {
        case .notStarted(let program, let code): "\(program) did not start: errno \(code)"
        case .deaf(let program, let output):
            "\(program) takes no more input; it had written: \(output)"
        case .tooSlow(let program, let seconds, let output):
            "\(program) still ran after \(seconds) s and was killed; it had written: \(output)"
        }
    }
}
