import Glibc
import Ledger
import Processes
import StoreDump
import Support
import Testing

/// `kill -9`, SIGSTOP and damaged files against a cluster: `LedgerNode` over JetStream.
@Suite("Clusters in which things go wrong", .serialized, .waits)
struct CampaignTests {
    @Test(
        """
        B1, B2, A10: nodes and servers are killed and paused; what was answered is in all books, once, and all \
        books are the same
        """)
    func killed() throws {
        let seconds = Self.number("CLUSTER_SECONDS").map(Int64.init) ?? 24
        let seed = Self.seed
        print("cluster campaign: seed \(seed) (CLUSTER_SEED repeats its plan), \(seconds) seconds")
        let campaign = try Campaign(seed: seed, seconds: seconds, damages: false)
        try campaign.run()
        let standings = try campaign.settle()
        let answers = campaign.acknowledgements()
        let books = try campaign.books()
        let findings =
            campaign.findings + answers.findings + Self.findings(in: books, answers, campaign.codes)
            + standings.filter { !$0.isOpen }.map { "a node is not open: \($0.text)" }
        print("cluster campaign: \(campaign.tally); \(Self.summary(answers)); \(Self.end(books))")
        #expect(findings.prefix(20) == [], "seed \(seed): \(findings.count) findings")
        #expect(answers.failures.isEmpty, "\(answers.failures)")
        #expect(answers.entitledCount > 100 && answers.refusedCount > 0)
        #expect(campaign.tally.nodeKills > 4 && campaign.tally.serverKills > 0)
    }

    @Test(
        """
        a replica's files are damaged while its server is down: what was answered is in all books, or a node \
        goes no further and says why; no two books are different and quiet about it
        """, .enabled(if: number("CLUSTER_DAMAGE_SECONDS") != nil))
    func damaged() throws {
        let seconds = Int64(Self.number("CLUSTER_DAMAGE_SECONDS") ?? 60)
        let seed = Self.seed
        print("cluster damage: seed \(seed) (CLUSTER_SEED repeats its plan), \(seconds) seconds")
        let campaign = try Campaign(seed: seed, seconds: seconds, damages: true)
        try campaign.run()
        let standings = try campaign.settle()
        let answers = campaign.acknowledgements()
        let books = try campaign.books()
        for damage in campaign.tally.damages { print("cluster damage: \(damage)") }
        for standing in standings { print("cluster damage: \(standing.text)") }
        print("cluster damage: \(campaign.tally); \(Self.summary(answers)); \(Self.end(books))")
        // Who says that something is wrong may be behind, or even elsewhere; who does not must be right.
        let quiet = zip(books, standings).filter {
            $1.isOpen && $1.reason.isEmpty && $1.waiting == 0
        }
        .map(\.0)
        let findings = books.flatMap { $0.audit + $0.findings } + Self.differences(among: quiet)
        #expect(findings.prefix(20) == [], "seed \(seed): \(findings.count) findings")
        if quiet.count == books.count {
            let lost = books.flatMap { $0.contradictions(to: answers) }
            #expect(lost.prefix(20) == [], "seed \(seed): \(lost.count) lost")
        }
        #expect(answers.entitledCount > 100 && !campaign.tally.damages.isEmpty)
    }

    // MARK: What is found

    private static func findings(
        in books: [NodeBooks], _ answers: Acknowledgements, _ codes: UInt64
    ) -> [String] {
        var found = differences(among: books)
        for one in books {
            found += one.audit.map { "\(one.name): \($0)" } + one.findings
            found += one.contradictions(to: answers)
            if one.pool?.assigned != codes {
                found.append("\(one.name): of \(codes) codes there are \(one.pool?.assigned ?? 0)")
            }
        }
        return found
    }

    private static func differences(among books: [NodeBooks]) -> [String] {
        guard let first = books.first else { return [] }
        return books.dropFirst().flatMap { other -> [String] in
            var found: [String] = []
            if other.mark != first.mark {
                found.append("\(first.name) is at \(text(first)), \(other.name) at \(text(other))")
            }
            if other.dump != first.dump {
                let difference = first.dump.difference(from: other.dump)
                found.append("\(first.name) and \(other.name) differ: \(difference)")
            }
            return found
        }
    }

    private static func text(_ books: NodeBooks) -> String {
        books.mark.map { "\($0)" } ?? "no mark"
    }

    // MARK: Words

    private static func summary(_ answers: Acknowledgements) -> String {
        let milliseconds = max(1, answers.milliseconds)
        return "\(answers.count) answers (\(answers.count * 1_000 / Int(milliseconds))/s): "
            + "\(answers.entitledCount) entitled, \(answers.codes.count) devices, \(answers.refusedCount) refused; "
            + "longest without an answer \(answers.longestSilenceMilliseconds) ms"
    }

    private static func end(_ books: [NodeBooks]) -> String {
        "books: "
            + books.map { "\($0.name) \($0.codes.count) devices at \(text($0))" }.joined(
                separator: ", ")
    }

    private static var seed: UInt64 {
        number("CLUSTER_SEED").map(UInt64.init) ?? .random(in: 1...UInt64(UInt32.max))
    }

    private static func number(_ variable: String) -> Int? {
        unsafe getenv(variable).flatMap { unsafe Int(String(cString: $0)) }
    }
}
