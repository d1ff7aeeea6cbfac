import Foundation
import Processes
import Support
import Synchronization
import Testing

@testable import Admin

/// A mail server in a process of its own: `Tests/ProgramTests/smtp_server.py`, with PyPI's aiosmtpd.
final class MailServer: Sendable {
    struct Letter: Sendable {
        let json: JSON

        var recipient: String { json["to"]?.array?.first?.text ?? "" }

        /// Head and body apart, the body decoded.
        var head: String {
            text.split(separator: "\r\n\r\n", maxSplits: 1).first.map(String.init) ?? ""
        }
        var body: String {
            let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
            let letters = parts.last?.filter { !$0.isWhitespace } ?? ""
            return Data(base64Encoded: String(letters)).map { String(decoding: $0, as: UTF8.self) }
                ?? ""
        }

        func header(_ name: String) -> String? {
            head.replacing("\r\n ", with: " ").split(separator: "\r\n")
                .first { $0.hasPrefix("\(name): ") }.map { String($0.dropFirst(name.count + 2)) }
        }

        private var text: String { json["text"]?.text ?? "" }
    }

    private let process: Mutex<ExternalProcess>
    private let input = Pipe()
    private let told: Mutex<Told>
    let port: Int

    /// What the script has printed: each message before it is answered, so that what a test asks for behind the answer
    /// is there.
    private struct Told {
        let reader: FileHandle
        var rest: [UInt8] = []
        var lines: [JSON] = []

        /// Takes what there is now; the pipe does not wait.
        mutating func take() -> [JSON] {
            var piece = [UInt8](repeating: 0, count: 65_536)
            // Safe: `read` writes at most the piece's length.
            while case let count = unsafe read(reader.fileDescriptor, &piece, piece.count),
                count > 0
            {
                rest += piece[..<count]
            }
            var parts = rest.split(
                separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
            ).map { Array($0) }
            rest = parts.removeLast()
            lines += parts.compactMap { JSON(parsing: $0) }
            return lines
        }
    }

    static var root: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    /// - Parameter arguments: see the script.
    init(_ arguments: String...) throws {
        let process = ExternalProcess()
        process.executableURL = Self.root.appending(path: ".build-venv/bin/python")
        process.arguments =
            [Self.root.appending(path: "Tests/ProgramTests/smtp_server.py").path] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = input
        try process.run()
        let reader = output.fileHandleForReading
        var first: [UInt8] = []
        while let byte = try reader.read(upToCount: 1)?.first, byte != UInt8(ascii: "\n") {
            first.append(byte)
        }
        port = try #require(Int(String(decoding: first, as: UTF8.self)), "no mail server")
        _ = fcntl(reader.fileDescriptor, F_SETFL, O_NONBLOCK)
        told = Mutex(Told(reader: reader))
        self.process = Mutex(process)
    }

    deinit { stop() }

    func stop() {
        process.withLock { process in
            guard process.isRunning else { return }
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }

    /// Messages that were taken, in order.
    var letters: [Letter] {
        told.withLock { $0.take().filter { $0["to"] != nil }.map { Letter(json: $0) } }
    }

    /// How often a recipient was told to come back later.
    func refusals(of recipient: String) -> Int {
        told.withLock { $0.take().count { $0["refused"]?.text == recipient } }
    }
}
