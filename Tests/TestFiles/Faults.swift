import Glibc

/// Rules by which system calls on files fail in another process: `Tests/Faults/faults.c` preloaded into it.
public final class Faults: Sendable {
    /// Which calls fail.
    public struct Rule: Sendable {
        let line: String

        /// - Parameters:
        ///   - call: the C function.
        ///   - file: part of the file's path.
        ///   - size: of the bytes to be written; `nil` for any.
        ///   - skip: so many calls pass first.
        ///   - count: so many fail then; `nil` for all.
        ///   - isDone: the call is made all the same.
        public init(
            _ call: String,
            on file: String,
            size: Int? = nil,
            skip: Int = 0,
            count: Int? = 1,
            _ error: Int32,
            isDone: Bool = false
        ) {
            line =
                "\(call) \(file) \(size ?? 0) \(skip) \(count ?? 0) \(error)\(isDone ? " done" : "")\n"
        }
    }

    /// LMDB's meta page: its write is of this size, and no other one is.
    public static let metaPageBytes = 120

    private let directory = TemporaryDirectory()

    public init() {}

    /// What the process is started with.
    public var environment: [String: String] {
        ["LD_PRELOAD": Self.library, "FAULT_RULES": directory.file("rules")]
    }

    /// These hold from now on; none: no call fails.
    public func set(_ rules: Rule...) {
        let bytes = Array(rules.map(\.line).joined().utf8)
        let new = directory.file("rules.\(UInt64.random(in: 0 ... .max))")
        let descriptor = unsafe open(new, O_WRONLY | O_CREAT, 0o600)
        // Safe: `write` reads the array during the call.
        let count = unsafe bytes.withUnsafeBytes {
            unsafe write(descriptor, $0.baseAddress, $0.count)
        }
        close(descriptor)
        precondition(count == bytes.count, "no room for rules")
        let code = unsafe rename(new, directory.file("rules"))
        precondition(code == 0, "no rules")
    }

    /// Compiled once for each test process.
    private static let library: String = {
        let output = "/tmp/tollgate-faults-\(getpid()).so"
        let source = #filePath.replacing("TestFiles/Faults.swift", with: "Faults/faults.c")
        let command =
            "$(command -v clang || command -v cc) -shared -fPIC -O1 -o '\(output)' '\(source)' -ldl"
        // Safe: the C function reads the command during the call.
        let code = unsafe system(command)
        precondition(code == 0, "the faults can't be compiled: \(command)")
        atexit { unsafe unlink("/tmp/tollgate-faults-\(getpid()).so") }
        return output
    }()
}

extension String {
    fileprivate func replacing(_ suffix: String, with other: String) -> String {
        precondition(hasSuffix(suffix), "the file has moved")
        return dropLast(suffix.count) + other
    }
}
