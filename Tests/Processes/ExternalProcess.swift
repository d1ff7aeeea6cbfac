public import Foundation
import Linux

/// Another program, used as Foundation's `Process` is, whose names it has.
///
/// That one is not used: with some 1,360 descriptors open it reads beyond what readdir(3) has read of
/// `/proc/self/fd`, and crashes where nothing is mapped behind that. Tests that run beside each other have as many.
///
/// What is set is used by `run`. When the test's own process goes, however it does, `Reaper` kills what still runs.
public final class ExternalProcess {
    public var executableURL: URL?
    public var arguments: [String] = []

    /// `nil`: the test's own.
    public var currentDirectoryURL: URL?

    /// `nil`: the test's own.
    public var environment: [String: String]?

    /// `nil`: the test's own.
    public var standardInput: (any ProcessStream)?
    public var standardOutput: (any ProcessStream)?
    public var standardError: (any ProcessStream)?

    public private(set) var processIdentifier: Int32 = -1

    /// As wait(2) has it, once it has ended.
    private var status: Int32?

    public enum TerminationReason { case exit, uncaughtSignal }

    public init() {}

    /// What has ended is waited for, also when no test has asked.
    deinit { if processIdentifier > 0 { _ = ended } }

    /// Starts it, in a process group of its own, with no signal blocked or ignored, and no other descriptor open.
    public func run() throws {
        let program = executableURL?.path ?? ""
        let streams = [standardInput, standardOutput, standardError]
        let ends = streams.enumerated().map { number, stream in
            stream?.end(of: number == 0).fileDescriptor ?? -1
        }
        let set = environment ?? ProcessInfo.processInfo.environment
        defer { closeGiven() }
        processIdentifier = try SpawnedProcess.start(
            program, arguments: arguments, environment: set.map { "\($0.key)=\($0.value)" },
            directory: currentDirectoryURL?.path, streams: (ends[0], ends[1], ends[2]),
            isLeader: true)
        Reaper.shared.watch(processIdentifier)
    }

    /// The ends of pipes that are the process' own.
    private func closeGiven() {
        try? (standardInput as? Pipe)?.fileHandleForReading.close()
        for stream in [standardOutput, standardError] {
            try? (stream as? Pipe)?.fileHandleForWriting.close()
        }
    }

    public var isRunning: Bool { processIdentifier > 0 && ended == nil }

    /// Waits for its end.
    public func waitUntilExit() { while isRunning { usleep(1_000) } }

    /// Its exit code, or the number of the signal that has ended it; -1 before its end.
    public var terminationStatus: Int32 {
        guard let raw = ended else { return -1 }
        return terminationReason == .exit ? raw >> 8 & 0xFF : raw & 0x7F
    }

    /// WIFSIGNALED of wait(2).
    public var terminationReason: TerminationReason {
        (ended ?? 0) & 0x7F == 0 ? .exit : .uncaughtSignal
    }

    /// Its status of wait(2) once it has ended.
    private var ended: Int32? {
        var raw: Int32 = 0
        // Safe: `waitpid` writes the one number.
        if status == nil, unsafe waitpid(processIdentifier, &raw, WNOHANG) == processIdentifier {
            status = raw
        }
        return status
    }
}

/// What a process may read from or write to: a `Pipe` with the test, or a `FileHandle`.
public protocol ProcessStream {
    /// The end that is the process' own.
    func end(of isInput: Bool) -> FileHandle
}

extension Pipe: ProcessStream {
    public func end(of isInput: Bool) -> FileHandle {
        isInput ? fileHandleForReading : fileHandleForWriting
    }
}

extension FileHandle: ProcessStream {
    public func end(of isInput: Bool) -> FileHandle { self }
}
