import Admin
import ArgumentParser
import Foundation
import Ledger
import Storage

/// Rule A10: proves that the books balance, and that every index agrees with its records.
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Proves that the books balance.",
        discussion: """
            Reads the store itself or, when a gateway has it open, asks that one over its API. Exit \
            code 0 when all is right; else 1, and what is wrong is named.
            """
    )

    @Option(help: "The directory of the stores.") var data = "./data"
    @OptionGroup var api: APIOptions

    func run() async throws {
        let directory = "\(data)/ledger"
        guard FileManager.default.fileExists(atPath: directory) else {
            throw Failure(text: "\(directory): no books here", code: 2)
        }
        var problems: [String]
        do throws(StoreError) {
            let ledger = try Ledger(directory: directory)
            problems = try ledger.verify()
            ledger.shutdown()
        } catch .ownedByAnotherProcess {
            problems = try await ask()
        } catch {
            throw Failure(text: "\(directory): \(error)")
        }
        if api.json {
            let document: JSON = [
                "balanced": .bool(problems.isEmpty),
                "problems": .array(problems.map { .text($0) }),
            ]
            Output.raw(document.bytes + [10])
        } else if problems.isEmpty {
            Output.say("the books balance")
        }
        for problem in problems where !api.json { Output.complain(problem) }
        if !problems.isEmpty { throw ExitCode(1) }
    }

    private func ask() async throws(Failure) -> [String] {
        var api = api
        if api.tokenFile == nil { api.tokenFile = "\(data)/\(OwnerToken.linkName)" }
        guard let answer = JSON(parsing: try await api.send(.get, "check")),
            let problems = answer["problems"]?.array
        else { throw Failure(text: "the answer is not understood") }
        return problems.compactMap(\.text)
    }
}
