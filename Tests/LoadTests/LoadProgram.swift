import Foundation
import Processes
import Support

/// The built programs, run in a directory of their own.
final class LoadProgram {
    struct Result {
        let code: Int32
        let output: String
        let errors: String

        /// The answer of `--json`.
        var json: [String: Any] {
            let object = try? JSONSerialization.jsonObject(with: Data(output.utf8))
            return object as? [String: Any] ?? [:]
        }

        func integer(_ name: String) -> Int? { json[name] as? Int }
    }

    let directory: URL
    private var servers: [ExternalProcess] = []

    /// Beside the test bundle, where `swift build` leaves all products.
    private static let products: URL = {
        for argument in CommandLine.arguments where argument.hasSuffix(".xctest") {
            return URL(filePath: argument).deletingLastPathComponent()
        }
        return URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    }()

    init() throws {
        directory = URL(filePath: NSTemporaryDirectory())
            .appending(path: "tollgate-load-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit {
        for server in servers where server.isRunning {
            kill(server.processIdentifier, SIGKILL)
            server.waitUntilExit()
        }
        try? FileManager.default.removeItem(at: directory)
    }

    /// Runs the harness to its end.
    func load(_ arguments: String...) throws -> Result {
        try run(Self.products.appending(path: "tollgate-load").path, arguments)
    }

    /// Runs a line of a shell, which finds the programs by their names.
    func shell(_ line: String) throws -> Result { try run("/bin/sh", ["-c", line]) }

    private func run(_ program: String, _ arguments: [String]) throws -> Result {
        let output = directory.appending(path: UUID().uuidString)
        let errors = directory.appending(path: UUID().uuidString)
        let process = try process(program, arguments, output, errors)
        try process.run()
        process.waitUntilExit()
        return Result(
            code: process.terminationStatus,
            output: try String(contentsOf: output, encoding: .utf8),
            errors: try String(contentsOf: errors, encoding: .utf8))
    }

    /// Starts a server, which ends with this object.
    ///
    /// - Returns: what reads its standard output and its standard error.
    func start(_ program: String, _ arguments: [String]) throws -> (
        process: ExternalProcess, output: () -> String, errors: () -> String
    ) {
        let path = program.hasPrefix("/") ? program : Self.products.appending(path: program).path
        let output = directory.appending(path: UUID().uuidString)
        let errors = directory.appending(path: UUID().uuidString)
        let process = try process(path, arguments, output, errors)
        try process.run()
        servers.append(process)
        func read(_ file: URL) -> () -> String {
            { (try? String(contentsOf: file, encoding: .utf8)) ?? "" }
        }
        return (process, read(output), read(errors))
    }

    private func process(
        _ program: String,
        _ arguments: [String],
        _ output: URL,
        _ errors: URL
    ) throws -> ExternalProcess {
        for file in [output, errors] {
            _ = FileManager.default.createFile(atPath: file.path, contents: nil)
        }
        let process = ExternalProcess()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.currentDirectoryURL = directory
        process.environment = ["PATH": "\(Self.products.path):/usr/bin:/bin"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        return process
    }
}

/// A gateway with a listener of each kind, and its API.
struct LoadedGateway {
    let processIdentifier: Int32
    let log: String

    /// What a test wants of it besides.
    struct Options: OptionSet {
        let rawValue: Int

        /// The API speaks HTTPS, with `cert.pem`.
        static let encryptedAPI = Options(rawValue: 1)

        /// Devices may show certificates that `ca.pem` has signed.
        static let clientCertificates = Options(rawValue: 2)
    }

    init(_ program: LoadProgram, _ options: Options = []) throws {
        let made = try program.shell(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=x "
                + "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem")
        guard made.code == 0 else { throw Unstarted(errors: made.errors) }
        let api =
            options.contains(.encryptedAPI) ? ", tls: {certificate: cert.pem, key: key.pem}" : ""
        let authority = options.contains(.clientCertificates) ? ", clientCA: ca.pem" : ""
        let yaml = """
            shards: 1
            admin: {port: 0, requestsPerSecond: 100000\(api)}
            tls: {certificate: cert.pem, key: key.pem\(authority)}
            storage: {ledgerMapBytes: 67108864, usageMapBytes: 67108864}
            listeners:
              - {name: local, port: 0, tls: false}
              - {name: secure, port: 0, tls: true}
              - {name: web, port: 0, tls: false, protocol: websocket}
              - {name: safeweb, port: 0, tls: true, protocol: websocket}
            """
        try Data(yaml.utf8).write(to: program.directory.appending(path: "gateway.yaml"))
        let server = try program.start("tollgate", ["serve", "--config", "gateway.yaml"])
        let isUp = try Patience.awaits {
            guard server.process.isRunning else { throw Unstarted(errors: server.errors()) }
            return server.errors().contains("API on ")
        }
        guard isUp else { throw Unstarted(errors: server.errors()) }
        processIdentifier = server.process.processIdentifier
        log = server.errors()
    }

    struct Unstarted: Error { let errors: String }

    /// `mqtt://127.0.0.1:PORT`, or as the listener is spoken to.
    func url(_ listener: String) -> String { word(after: "listener '\(listener)' on ") }

    var api: String { word(after: "API on ") }

    private func word(after text: String) -> String {
        guard let range = log.firstRange(of: text) else { return "" }
        return String(log[range.upperBound...].prefix { !$0.isWhitespace && $0 != "\"" })
    }
}
