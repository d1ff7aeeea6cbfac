import Glibc
import Linux
import Support

/// How a node was upgraded, while its clients were served by the others.
struct NodeUpgrade {
    let node: String

    /// From SIGTERM until it had ended, and until it was ready again, in milliseconds.
    let endingMilliseconds: Int64
    let awayMilliseconds: Int64

    /// Devices that came for the first time meanwhile.
    let admissions: Int
}

extension GatewayCampaign {
    /// A device that comes to a node that has just started waits until that has heard what applications want, 3 s at
    /// most; one that is not answered for 4 s goes to another node. Both together, and what its tries take. Less than
    /// the 10 s after which a node that says nothing counts as lost: one that ends says so.
    static let longestAwayMilliseconds: Int64 = 9_000

    /// Stops each node in turn, as an upgrade does, and starts it again when others have let devices in without it. The
    /// next one's turn comes when it is ready.
    func upgradeAll() throws -> [NodeUpgrade] {
        guard awaitAdmissions(10, after: 0) else { throw Stuck(what: "no device comes") }
        return try nodes.map { node in
            let before = record.now.admissions.count
            let start = MonotonicInstant.now()
            // While an owner is away its devices go on from what their nodes know.
            noteTrouble(forMilliseconds: Self.longestAwayMilliseconds)
            try node.finish()
            let ending = MonotonicInstant.now().milliseconds(since: start)
            guard awaitAdmissions(5, after: before) else {
                throw Stuck(what: "no device comes while \(node.name) is away")
            }
            let admissions = record.now.admissions.count - before
            try node.start()
            try node.awaitStart()
            guard try Patience.awaits({ try node.isReady() }) else {
                throw Stuck(what: "\(node.name) is not ready: \(node.log.suffix(2_000))")
            }
            return NodeUpgrade(
                node: node.name, endingMilliseconds: ending,
                awayMilliseconds: MonotonicInstant.now().milliseconds(since: start),
                admissions: admissions)
        }
    }

    private struct Stuck: Error { let what: String }

    private func awaitAdmissions(_ count: Int, after before: Int) -> Bool {
        Patience.awaits { record.now.admissions.count >= before + count }
    }
}
