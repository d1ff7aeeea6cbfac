import Foundation
import Linux
import Support
import TestFiles
import Time

/// The whole program, `tollgate serve`, on a data directory that outlives it: a process to be killed.
final class ServedGateway {
    /// Where it serves, once it does.
    struct Ports: Sendable {
        let plain: UInt16
        let tls: UInt16
        let open: UInt16
        let api: UInt16
    }

    private let child: ChildProcess

    init(_ directory: TemporaryDirectory) throws {
        child = try ChildProcess(
            Self.program, ["serve", "--config", try Self.configuration(in: directory)])
    }

    /// Waits until all of it is up; throws with what it said instead.
    func ports() throws -> Ports {
        guard child.waitForOutput(seconds: 30, until: { _, log in log.contains("API on ") }) else {
            throw Unstarted(log: child.errors)
        }
        func port(_ words: String) throws -> UInt16 {
            let log = child.errors
            guard let place = log.firstRange(of: words)?.upperBound,
                let number = log[place...].split(separator: ":", maxSplits: 2).dropFirst(2).first,
                let port = UInt16(number.prefix { $0.isNumber })
            else { throw Unstarted(log: log) }
            return port
        }
        return Ports(
            plain: try port("listener 'plain' on "), tls: try port("listener 'tls' on "),
            open: try port("listener 'open' on "), api: try port("API on "))
    }

    struct Unstarted: Error { let log: String }

    /// Lets it run for so long, and takes what it logs meanwhile; answers whether it still runs.
    func run(milliseconds: Int64) -> Bool {
        let end = MonotonicInstant.now().adding(milliseconds: milliseconds)
        while MonotonicInstant.now() < end {
            _ = child.waitForOutput(seconds: 0.05) { _, _ in false }
        }
        return child.isRunning
    }

    func kill() { child.kill() }

    /// What `tollgate check` says of the stores, nobody serving them; `nil` when all is well.
    static func complaint(of directory: TemporaryDirectory) throws -> String? {
        let ending = try ChildProcess.run(
            program, ["check", "--data", directory.file("data")], seconds: 120)
        return ending.status == 0 ? nil : ending.output + ending.errors
    }

    /// Writes the file once, and answers its path.
    private static func configuration(in directory: TemporaryDirectory) throws -> String {
        let path = directory.file("tollgate.yaml")
        guard !FileManager.default.fileExists(atPath: path) else { return path }
        let certificates = TestCertificates.shared
        let text = """
            shards: 2
            data: \(directory.file("data"))
            admin: {port: 0, requestsPerSecond: 100000}
            tls: {certificate: \(certificates.certificateFile), key: \(certificates.keyFile)}
            storage: {ledgerMapBytes: 268435456, usageMapBytes: 268435456}
            metering: {flushIntervalSeconds: 1}
            messageLog: {minimumFreeBytes: 0}
            limits: {queueMessages: 1000000, queueBytes: 1073741824}
            listeners:
              - {name: plain, port: 0, tls: false}
              - {name: tls, port: 0}
              - {name: open, port: 0, tls: false, authentication: none}
            """
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private static var program: String {
        String(CrashTests.program.dropLast("CrashGateway".count)) + "tollgate"
    }
}
