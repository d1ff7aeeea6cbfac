import Admin
import ArgumentParser
import FoundationEssentials
import Gateway
import Glibc
import Storage

/// Rules A10, C8: proves that the books balance, that every index agrees with its records, that
/// products' days are the sums of their devices' counts, and that the secrets can be opened.
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Proves that the books balance and the counts add up.",
        discussion: """
            Reads the stores themselves or, when a gateway has them open, asks that one over its API. \
            Secrets are tried with the key file where there is one. Exit code 0 when all is right; \
            else 1, and what is wrong is named. Names the formats of the stores, and migrates nothing.
            """
            .followed(byExamples: "check --data /var/lib/tollgate")
    )

    @Option(help: "The directory of the stores.") var data = "./data"
    @Option(help: "The secrets directory. Default: the path of the stores' and .secrets.")
    var secrets: String?
    @Option(help: "The directory of stored messages. Default: messages in the stores'.")
    var messages: String?
    @OptionGroup var api: APIOptions

    func run() async throws {
        let directory = "\(data)/ledger"
        guard FileManager.default.fileExists(atPath: directory) else {
            throw Failure(text: "\(directory): no books here", code: 2)
        }
        BrokenStore.report(inJSON: api.json)
        let (problems, formats) = try await findings()
        if api.json {
            let document: JSON = [
                "balanced": .bool(problems.isEmpty),
                "problems": .array(problems.map { .text($0) }),
                "formats": [
                    "ledger": .integer(Int64(formats.ledger)),
                    "usage": .integer(Int64(formats.usage)),
                ],
            ]
            try Output.json(document.bytes)
        } else if problems.isEmpty {
            try Output.say("the books balance\n\(Self.sentence(on: formats))")
        }
        for problem in problems where !api.json { Output.complain(problem) }
        if !problems.isEmpty { throw ExitCode(1) }
    }

    private static func sentence(on formats: Stores.Formats) -> String {
        let current = Stores.Formats.current
        let found = "ledger format \(formats.ledger), usage format \(formats.usage)"
        guard formats != current else { return found }
        return
            "\(found): `tollgate serve` will migrate them to \(current.ledger) and \(current.usage)"
    }

    private func findings() async throws(Failure) -> ([String], Stores.Formats) {
        guard var stores = try Stores.opened(in: data) else { return try await ask() }
        stores.messages = messages ?? "\(data)/messages"
        defer { stores.shutdown() }
        let secretKeys = try secretKeys()
        return (try orFail { try stores.verify(secretKeys: secretKeys) }, stores.formats)
    }

    /// Without a key file in the usual place, the secrets are not tried.
    private func secretKeys() throws(Failure) -> SecretKeys? {
        var configuration = GatewayConfiguration()
        configuration.data = data
        configuration.secrets = secrets
        let directory = SecretsDirectory(of: configuration)
        let keys = try orFail { try SecretKeys(in: directory) }
        guard keys == nil else { return keys }
        let text = "\(directory.keyFile): no such file"
        if secrets != nil { throw Failure(text: text) }
        Output.complain("\(text): the secrets were not tried")
        return nil
    }

    private func ask() async throws(Failure) -> ([String], Stores.Formats) {
        guard let answer = JSON(parsing: try await api.at(data: data).send(.get, "check")),
            let problems = answer["problems"]?.array,
            let ledger = answer["formats"]?["ledger"]?.integer,
            let usage = answer["formats"]?["usage"]?.integer
        else { throw Failure(text: "the answer is not understood") }
        let formats = Stores.Formats(ledger: Int(ledger), usage: Int(usage))
        return (problems.compactMap(\.text), formats)
    }
}

extension Stores {
    /// Those in the directory; `nil` when another process has them open.
    static func opened(in directory: String) throws(Failure) -> Stores? {
        do throws(StoreError) {
            return try Stores(openedIn: directory)
        } catch .ownedByAnotherProcess {
            return nil
        } catch {
            throw Failure(text: "\(error)")
        }
    }
}

/// A store whose file was cut short, or whose pages are nonsense: its file is mapped into memory, so the
/// kernel finds out, or LMDB gives up.
enum BrokenStore {
    private static let text: StaticString =
        "tollgate: a store is broken: its file is cut short, or its pages are damaged\n"
    private static let json: StaticString = """
        {"balanced":false,"problems":["a store is broken: its file is cut short, or its pages are \
        damaged"]}

        """

    /// From here on, makes a finding of the signals that this ends in, and ends with exit code 1.
    static func report(inJSON isJSON: Bool) {
        for number in [SIGBUS, SIGSEGV, SIGABRT] {
            // Safe: the handlers call nothing but write(2) and _exit(2), on constants.
            if isJSON {
                signal(number) { _ in BrokenStore.end(BrokenStore.json, STDOUT_FILENO) }
            } else {
                signal(number) { _ in BrokenStore.end(BrokenStore.text, STDERR_FILENO) }
            }
        }
    }

    private static let unreadable: StaticString =
        "tollgate: a page of a store can't be read: the disk fails, or the file was cut short\n"

    /// From here on, a page of a store that can't be read ends the process with a line that says so, and then as
    /// it does anyway.
    static func reportUnreadablePages() {
        // Safe: the handler calls nothing but write(2), signal(2) and raise(3), on constants.
        signal(SIGBUS) { number in
            let text = BrokenStore.unreadable
            _ = unsafe write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
            signal(number, SIG_DFL)
            raise(number)
        }
    }

    private static func end(_ text: StaticString, _ descriptor: Int32) {
        _ = unsafe write(descriptor, text.utf8Start, text.utf8CodeUnitCount)
        _exit(1)
    }
}
