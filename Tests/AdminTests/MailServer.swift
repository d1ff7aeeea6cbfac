import Foundation
import NIOConcurrencyHelpers
import Support
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

    private let process: Process
    private let input = Pipe()
    private let lines: NIOLockedValueBox<[JSON]>
    let port: Int

    static var root: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    /// - Parameter arguments: see the script.
    init(_ arguments: String...) throws {
        process = Process()
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
        let lines = NIOLockedValueBox<[JSON]>([])
        let rest = NIOLockedValueBox<[UInt8]>([])
        reader.readabilityHandler = { handle in
            let data = handle.availableData
            guard !data.isEmpty else {
                handle.readabilityHandler = nil
                return
            }
            let whole = rest.withLockedValue { rest -> [[UInt8]] in
                rest += data
                var parts = rest.split(
                    separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
                ).map { Array($0) }
                rest = parts.removeLast()
                return parts
            }
            lines.withLockedValue { $0 += whole.compactMap { JSON(parsing: $0) } }
        }
        self.lines = lines
    }

    deinit { stop() }

    func stop() {
        guard process.isRunning else { return }
        // The test's process may ignore SIGTERM, and its children with it.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Messages that were taken, in order.
    var letters: [Letter] {
        lines.withLockedValue { $0.filter { $0["to"] != nil }.map { Letter(json: $0) } }
    }

    /// How often a recipient was told to come back later.
    func refusals(of recipient: String) -> Int {
        lines.withLockedValue { $0.count { $0["refused"]?.text == recipient } }
    }
}
