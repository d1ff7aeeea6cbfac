import Gateway
import JetStream
import Ledger
import Replication

/// The stream of retained messages, which is lost or set back with the log, or alone.
extension Adoption {
    /// What is wrong with it.
    enum RetainedLoss: Equatable {
        case lost

        /// It ends before what this node has followed.
        case setBack(last: UInt64)
    }

    /// `nil`: nothing is, as far as this node can tell. One that was made anew meanwhile is none of these: nodes see that
    /// at their start.
    func retainedLoss() throws(Failure) -> RetainedLoss? {
        guard let records = try retained(ifAbsent: .fail) else { return .lost }
        defer { records.close() }
        let last = try orFail { try records.position() }
        guard let place = retainedPlace, place.generation == records.generation,
            last < place.position
        else { return nil }
        return .setBack(last: last)
    }

    /// Makes the stream anew, without anything in it: each node puts into it what it has when it starts, as it has
    /// followed another one.
    func beginRetained() throws(Failure) {
        if let old = try retained(ifAbsent: .fail) {
            defer { old.close() }
            try orFail { try old.remove() }
        }
        try retained(ifAbsent: .make(after: 0))?.close()
    }

    private func retained(
        ifAbsent absence: JetStreamLog.Absence
    ) throws(Failure) -> JetStreamLatestRecords? {
        do throws(JetStreamError) {
            return try JetStreamLatestRecords(
                settings.ofRetained, clusterID: "\(cluster)", ifAbsent: absence)
        } catch .noStream {
            return nil
        } catch {
            throw Failure(text: "\(error)")
        }
    }

    /// Whether the log is the one that these books have followed, as far as they have, so that nothing has to be done
    /// about it.
    func isLogWhole() throws(Failure) -> Bool {
        guard let log = try found() else { return false }
        defer { log.close() }
        let (found, last) = try orFail { (try log.generation(), try log.position()) }
        return found.number + 1 == generation.number && last >= mark.position
    }
}
