import Foundation
import Processes
import Ledger
import Storage
import Support

/// The built program, run with arguments in a directory of its own.
struct Program {
    struct Result {
        let code: Int32
        let output: String
        let errors: String
    }

    /// What `check` says of stores that are whole.
    static let balance =
        "the books balance\nledger format \(Books.format.current), usage format 4\n"

    let directory: URL

    /// Beside the test bundle, where `swift build` leaves all products.
    private static let executable: URL = {
        var place = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        for argument in CommandLine.arguments where argument.hasSuffix(".xctest") {
            place = URL(filePath: argument).deletingLastPathComponent()
        }
        return place.appending(path: "tollgate")
    }()

    init() throws {
        directory = URL(filePath: NSTemporaryDirectory())
            .appending(path: "tollgate-program-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    func remove() { try? FileManager.default.removeItem(at: directory) }

    /// Runs to the end; another program than the built one when `executable` names it.
    func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        input: String? = nil,
        executable: URL? = nil
    ) throws -> Result {
        let process = process(arguments, environment)
        if let executable { process.executableURL = executable }
        let outputFile = directory.appending(path: UUID().uuidString)
        let errorFile = directory.appending(path: UUID().uuidString)
        for file in [outputFile, errorFile] {
            _ = FileManager.default.createFile(atPath: file.path, contents: nil)
        }
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: errorFile)
        if let input {
            let pipe = Pipe()
            process.standardInput = pipe
            try process.run()
            pipe.fileHandleForWriting.write(Data(input.utf8))
            try pipe.fileHandleForWriting.close()
        } else {
            process.standardInput = FileHandle.nullDevice
            try process.run()
        }
        process.waitUntilExit()
        return Result(
            code: process.terminationStatus,
            output: try String(contentsOf: outputFile, encoding: .utf8),
            errors: try String(contentsOf: errorFile, encoding: .utf8)
        )
    }

    /// Runs a line of a shell, which finds the program by its name.
    func shell(_ line: String, environment: [String: String] = [:]) throws -> Result {
        let path = Self.executable.deletingLastPathComponent().path + ":/usr/bin:/bin"
        return try run(
            ["-c", line],
            environment: environment.merging(["PATH": path]) { $1 },
            executable: URL(filePath: "/bin/sh")
        )
    }

    func process(_ arguments: [String], _ environment: [String: String]) -> ExternalProcess {
        let process = ExternalProcess()
        process.executableURL = Self.executable
        process.arguments = arguments
        process.currentDirectoryURL = directory
        process.environment = ["PATH": "/usr/bin:/bin"].merging(environment) { $1 }
        return process
    }

    /// The same with a limit of open files, which a shell sets before it becomes the program.
    func process(
        _ arguments: [String],
        _ environment: [String: String],
        descriptors: Int?
    ) -> ExternalProcess {
        let process = process(arguments, environment)
        guard let descriptors else { return process }
        process.arguments =
            ["-c", "ulimit -n \(descriptors) && exec \"$@\"", "sh", Self.executable.path]
            + arguments
        process.executableURL = URL(filePath: "/bin/sh")
        return process
    }
}

/// A gateway that serves, on free ports.
final class Serving {
    let program: Program
    private let process: ExternalProcess
    private let outputFile: URL
    private let errorFile: URL

    /// Waits until the API is up; throws with what the program said when it ends before.
    ///
    /// - Parameter descriptors: how many files it may have open; `nil` for as many as the test.
    init(
        _ program: Program,
        _ arguments: [String] = [],
        environment: [String: String] = [:],
        descriptors: Int? = nil
    ) throws {
        self.program = program
        outputFile = program.directory.appending(path: "serve.out")
        errorFile = program.directory.appending(path: "serve.err")
        for file in [outputFile, errorFile] {
            _ = FileManager.default.createFile(atPath: file.path, contents: nil)
        }
        let file = program.directory.appending(path: "tollgate.yaml")
        let yaml = """
            shards: 1
            admin: {port: 0, requestsPerSecond: 100000}
            activation: {secretLengthMinimum: 1}
            storage: {ledgerMapBytes: 67108864, usageMapBytes: 67108864}
            listeners:
              - {name: local, port: 0, tls: false}
            """
        try Data(yaml.utf8).write(to: file)
        process = program.process(
            ["serve", "--config", "tollgate.yaml"] + arguments, environment,
            descriptors: descriptors)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: errorFile)
        try process.run()
        let isUp = try Patience.awaits {
            guard process.isRunning else { throw Unstarted(errors: errors) }
            return errors.contains("API on ")
        }
        guard isUp else { throw Unstarted(errors: errors) }
    }

    struct Unstarted: Error { let errors: String }

    var errors: String { (try? String(contentsOf: errorFile, encoding: .utf8)) ?? "" }

    var output: String { (try? String(contentsOf: outputFile, encoding: .utf8)) ?? "" }

    /// `http://127.0.0.1:PORT`.
    var api: String { word(after: "API on ") }

    /// `mqtt://127.0.0.1:PORT`.
    var listener: String { word(after: "listener 'local' on ") }

    private func word(after text: String) -> String {
        guard let range = errors.firstRange(of: text) else { return "" }
        return String(errors[range.upperBound...].prefix { !$0.isWhitespace && $0 != "\"" })
    }

    /// Runs a verb against this gateway.
    func run(_ arguments: [String], input: String? = nil) throws -> Program.Result {
        try program.run(arguments, environment: ["TOLLGATE_API": api], input: input)
    }

    /// Runs a line of a shell against this gateway.
    func shell(_ line: String) throws -> Program.Result {
        try program.shell(line, environment: ["TOLLGATE_API": api])
    }

    /// Starts a verb against this gateway, whose standard input the test writes.
    func start(_ arguments: [String]) throws -> Verb {
        try Verb(program.process(arguments, ["TOLLGATE_API": api]))
    }

    /// Waits for an end that nobody has asked for; `nil` when it does not come. A signal is its negated number.
    func endOfItself(withinSeconds seconds: Double) -> Int32? {
        let limit = Date(timeIntervalSinceNow: seconds)
        while process.isRunning {
            if Date() > limit { return nil }
            Thread.sleep(forTimeInterval: 0.02)
        }
        return process.terminationReason == .exit
            ? process.terminationStatus : -process.terminationStatus
    }

    /// The port of the plain listener.
    var port: UInt16 { UInt16(listener.split(separator: ":").last ?? "") ?? 0 }

    var processIdentifier: Int32 { process.processIdentifier }

    /// Sends a signal and waits for the end; answers the exit code.
    func end(_ signal: Int32 = SIGTERM) -> Int32 {
        if process.isRunning { kill(process.processIdentifier, signal) }
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : -1
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
}

/// A verb that runs.
final class Verb {
    private let process: ExternalProcess
    let input: FileHandle

    init(_ process: ExternalProcess) throws {
        self.process = process
        let pipe = Pipe()
        input = pipe.fileHandleForWriting
        process.standardInput = pipe
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    var processIdentifier: Int32 { process.processIdentifier }

    /// Closes its input and waits for its end; answers the exit code.
    func end() -> Int32 {
        try? input.close()
        process.waitUntilExit()
        return process.terminationStatus
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
}
