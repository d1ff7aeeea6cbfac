import Glibc
import JetStream
import Ledger
import Linux

/// A process for tests to kill: a node of a cluster, whose devices race with those of the other nodes for codes.
///
/// `LedgerNode DIRECTORY NODE CLUSTER ORIGIN PER-SECOND CODES IN-FLIGHT URL...` opens the books in the directory,
/// founds an account with a product and that many codes, as all nodes do, and activates devices until it is told to
/// `rest`. Which devices are due goes by a window that moves on with time, the same for all nodes: it begins at
/// `ORIGIN`, milliseconds of the monotonic clock, and so many devices come into it each second.
///
/// It prints, each line in one write and only when the ledger has answered:
///
///     TIME DEVICE CODE new|known
///     TIME DEVICE refused WHY
///     TIME DEVICE failed WHY
///
/// and for `rest` on its standard input, when all is answered, `resting`; for `standing`, `standing open|joining|stopped
/// MARK WAITING` and what else there is to say. With the end of its input it closes its books and ends.
@main
struct LedgerNode {
    nonisolated static func main() throws {
        let words = CommandLine.arguments
        guard words.count > 8, let node = NodeName(words[2]), let cluster = ClusterID(words[3]),
            let origin = Int64(words[4]), let perSecond = Int(words[5]),
            let codes = UInt64(words[6]),
            let inFlight = Int(words[7])
        else {
            preconditionFailure(
                "LedgerNode DIRECTORY NODE CLUSTER ORIGIN PER-SECOND CODES IN-FLIGHT URL...")
        }
        let (log, ledger) = open(words[1], node, cluster, Array(words[8...]))
        let fleet = RacingFleet(origin: origin, perSecond: perSecond)
        let load = NodeLoad(ledger, fleet, codes: codes, inFlight: inFlight)
        let thread = try Thread(name: "load") { load.run() }
        say("ready")
        while let line = readLine() {
            switch line {
            case "rest": load.rest()
            case "standing": say(standing(of: ledger))
            default: say("not understood: \(line)")
            }
        }
        load.rest()
        thread.join()
        ledger.shutdown()
        log.close()
    }

    /// Tries until it is done: the log's servers may be down.
    private nonisolated static func open(
        _ directory: String, _ node: NodeName, _ cluster: ClusterID, _ urls: [String]
    ) -> (JetStreamLog, Ledger) {
        var settings = JetStreamSettings(
            servers: urls, stream: "LEDGER", subject: "tollgate.LEDGER")
        settings.credentials = .user("tollgate", password: "correct horse")
        while true {
            do {
                let log = try JetStreamLog(settings, clusterID: cluster.description)
                let membership = ClusterMembership(
                    log: log, cluster: cluster, node: node, epoch: .random(in: 1 ... .max))
                let ledger = try Ledger(
                    directory: directory, mapSizeBytes: 1 << 30, membership: membership)
                return (log, ledger)
            } catch {
                say("unopened \(error)")
                usleep(300_000)
            }
        }
    }

    private nonisolated static func standing(of ledger: Ledger) -> String {
        guard let standing = ledger.clusterStanding else { return "standing alone" }
        let (mark, waiting) = (standing.mark, standing.waiting)
        let trouble = standing.trouble.map { ", \($0)" } ?? ""
        return switch standing.phase {
        case .open: "standing open \(mark) \(waiting)\(trouble)"
        case .joining: "standing joining \(mark) \(waiting)\(trouble)"
        case .stopped(let why): "standing stopped \(mark) \(waiting) \(why)\(trouble)"
        }
    }

    /// One write, so that a line is whole or not there.
    nonisolated static func say(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        // Safe: `write` reads the array during the call.
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(1, $0.baseAddress, $0.count) }
    }
}
