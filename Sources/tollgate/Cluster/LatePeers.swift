import JetStream
import Ledger
import Links
import Linux
import Synchronization

/// Peers that are spoken to when their servers can be reached: a node starts without them.
final class LatePeers: PeerTransport {
    /// Between two tries, in milliseconds.
    private static let retryMilliseconds: Int64 = 1_000

    private enum Stage {
        case waiting
        case open(PeerSubjects)
        case over
    }

    private let settings: JetStreamSettings
    private let cluster: ClusterID
    private let stage = Monitor(Stage.waiting)
    private let thread = Mutex<Thread?>(nil)

    init(_ settings: JetStreamSettings, _ cluster: ClusterID) {
        self.settings = settings
        self.cluster = cluster
    }

    func receive(as node: NodeName, _ handler: @escaping @Sendable ([UInt8]) -> Void) {
        do throws(Errno) {
            let opener = try Thread(name: "peers") { [weak self] in self?.open(as: node, handler) }
            thread.withLock { $0 = opener }
        } catch {
            preconditionFailure("no thread to open the way to other nodes with: \(error)")
        }
    }

    private func open(as node: NodeName, _ handler: @escaping @Sendable ([UInt8]) -> Void) {
        while true {
            if case .over = stage.look({ $0 }) { return }
            do throws(JetStreamError) {
                let subjects = try PeerSubjects(settings, cluster: cluster)
                let isOver = stage.change { stage in
                    if case .over = stage { return true }
                    stage = .open(subjects)
                    return false
                }
                if isOver { return subjects.close() }
                return subjects.receive(as: node, handler)
            } catch {
                // The log, which is on the same servers, says so.
                let again = MonotonicInstant.now().adding(milliseconds: Self.retryMilliseconds)
                let isOver = stage.wait(until: again) { stage -> Bool? in
                    if case .over = stage { true } else { nil }
                }
                if isOver == true { return }
            }
        }
    }

    func send(_ datagram: [UInt8], to node: NodeName) { subjects?.send(datagram, to: node) }

    func sendToAll(_ datagram: [UInt8]) { subjects?.sendToAll(datagram) }

    func close() {
        let subjects = subjects
        stage.change { $0 = .over }
        thread.withLock { $0 }?.join()
        subjects?.close()
    }

    private var subjects: PeerSubjects? {
        if case .open(let subjects) = stage.look({ $0 }) { subjects } else { nil }
    }
}
