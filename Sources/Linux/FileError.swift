/// A file operation that failed: which one, on what, and why.
public struct FileError: Error, Equatable, Sendable {
    /// What was being done: `open`, `write`, `rename`, …
    public let operation: String
    public let path: String
    public let code: Errno

    public init(operation: String, path: String, code: Errno) {
        self.operation = operation
        self.path = path
        self.code = code
    }
}

extension FileError: CustomStringConvertible {
    /// `open /etc/tollgate.yaml: No such file or directory (2)`.
    public var description: String { "\(operation) \(path): \(code)" }
}
