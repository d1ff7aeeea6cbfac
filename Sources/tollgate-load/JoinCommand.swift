import ArgumentParser
import FoundationEssentials
import Linux
import Load

/// Tells several runs as one.
struct JoinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Tells runs of several processes or machines as one.",
        discussion: """
            Each report is what a run has written with --json. Counts, failures and latencies are added up, so \
            percentiles are those of all requests; rates are over the time from the first run's beginning to the last \
            one's end. Have the runs begin together, with one --start-at.
            """)

    @Argument(help: "Files of what runs have written with --json, or join has.")
    var reports: [String]
    @Flag(help: "JSON for programs.") var json = false
    @Option(help: "Write a page with plots there.") var html: String?

    func run() throws {
        var outcomes: [NamedOutcome] = []
        for path in reports { outcomes.append(try Self.read(path)) }
        let joint: Outcome
        do throws(JoinError) {
            joint = try Outcome.joined(outcomes)
        } catch {
            throw Failure(text: error.text, code: 2)
        }
        try ReportOutput(isJSON: json, html: html).tell(joint)
    }

    /// The most that is read of a report, in bytes.
    private static let maximumBytes = 64 << 20

    private static func read(_ path: String) throws(Failure) -> NamedOutcome {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try FileSystem.read(path, maximumBytes: maximumBytes)
        } catch {
            throw Failure(text: "\(path) can't be read: \(error.code)", code: 2)
        }
        do {
            return NamedOutcome(
                name: path, outcome: try JSONDecoder().decode(Outcome.self, from: Data(bytes)))
        } catch {
            throw Failure(
                text: "\(path) is no report of tollgate-load --json: \(words(error))", code: 2)
        }
    }

    private static func words(_ error: any Error) -> String {
        func place(_ path: [any CodingKey]) -> String {
            path.map { key in key.intValue.map { String($0) } ?? key.stringValue }
                .joined(separator: ".")
        }
        guard let error = error as? DecodingError else { return "\(error)" }
        switch error {
        case .keyNotFound(let key, let context):
            return "\(place(context.codingPath + [key])) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return "\(place(context.codingPath)) is of another kind"
        case .dataCorrupted(let context):
            return context.codingPath.isEmpty
                ? "it is no JSON" : "\(place(context.codingPath)): \(context.debugDescription)"
        @unknown default:
            return "\(error)"
        }
    }
}

/// Where a report goes.
struct ReportOutput {
    let isJSON: Bool

    /// A file for a page.
    let html: String?

    /// Ends the program with 1 when something has failed, or a run was ended before its time.
    func tell(_ outcome: Outcome) throws {
        let report = Report(outcome)
        try Output.say(isJSON ? report.json : report.text)
        if let html { try Self.write(report.page, to: html) }
        if outcome.failed > 0 || outcome.isInterrupted { throw ExitCode(1) }
    }

    private static func write(_ page: String, to path: String) throws(Failure) {
        let bytes = Array(page.utf8)
        do throws(FileError) {
            try FileSystem.write(bytes.span, atomicallyTo: path, mode: 0o644)
        } catch {
            throw Failure(text: "--html \(path) can't be written: \(error.code)")
        }
    }
}
