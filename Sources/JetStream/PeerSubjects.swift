public import LedgerModel
public import Links
internal import Linux
internal import Synchronization

/// The datagrams between the nodes of a cluster, as messages of core NATS: no stream, no acknowledgement, nothing kept.
///
/// | subject | |
/// |---|---|
/// | `tollgate.CLUSTER.peer.NODE` | for one node; a dot in its name is written `=` |
/// | `tollgate.CLUSTER.peers` | for all |
///
/// The account needs permission to publish and to subscribe there. Its connection is its own, so that messages between
/// nodes and entries of the log don't wait for each other. What is sent while it is lost is lost too.
public final class PeerSubjects: PeerTransport {
    private let prefix: String
    private let link: Link
    private let readers: SubjectReaders
    private let lostCount = Atomic<UInt64>(0)

    /// Connects: to each server as long as `connectMilliseconds` say.
    ///
    /// - Parameters:
    ///   - settings: those of the cluster's log; its stream is not touched.
    ///   - cluster: the log's `clusterID`.
    public init(_ settings: JetStreamSettings, cluster: ClusterID) throws(JetStreamError) {
        try settings.check()
        var settings = settings
        // The thread that sends waits no longer for a server that stands still: the datagram comes again.
        settings.appendMilliseconds = min(settings.appendMilliseconds, 1_000)
        prefix = "tollgate.\(cluster)"
        link = try Link(settings)
        do throws(JetStreamError) {
            readers = try SubjectReaders(link)
        } catch {
            link.close()
            throw error
        }
    }

    /// Its threads end by themselves: one of them may be where the last reference was.
    deinit {
        link.close()
        readers.end()
    }

    public func receive(as node: NodeName, _ handler: @escaping @Sendable ([UInt8]) -> Void) {
        let subjects = [subject(of: node), "\(prefix).peers"]
        readers.begin(SubjectReaders.Receiver(subjects: subjects, handler: handler))
    }

    public func send(_ datagram: [UInt8], to node: NodeName) {
        publish(datagram, on: subject(of: node))
    }

    public func sendToAll(_ datagram: [UInt8]) { publish(datagram, on: "\(prefix).peers") }

    /// Datagrams that could not be sent, as there was no connection or no room.
    public var lost: UInt64 { lostCount.load(ordering: .relaxed) }

    public func close() {
        link.close()
        readers.end()
        readers.join()
    }

    private func publish(_ datagram: [UInt8], on subject: String) {
        do throws(NATSFailure) {
            try link.connection.publish(datagram, on: subject)
        } catch {
            lostCount.add(1, ordering: .relaxed)
        }
    }

    /// A name's dots would be the ends of words; `=` is in no name.
    private func subject(of node: NodeName) -> String {
        "\(prefix).peer.\(String(node.text.map { $0 == "." ? "=" : $0 }))"
    }
}

/// Hands on what is published on the subjects of a node, as soon as it is known which node that is.
private final class SubjectReaders: Sendable {
    struct Receiver: Sendable {
        let subjects: [String]
        let handler: @Sendable ([UInt8]) -> Void
    }

    private enum Stage { case idle, reading(Receiver), over }

    private let link: Link
    private let stage = Monitor(Stage.idle)
    private let workers = [Worker("peer-one"), Worker("peer-all")]

    init(_ link: Link) throws(JetStreamError) {
        self.link = link
        for (number, worker) in workers.enumerated() {
            try worker.start { self.run(number) }
        }
    }

    func begin(_ receiver: Receiver) {
        stage.change { stage in
            if case .idle = stage { stage = .reading(receiver) }
        }
    }

    /// The link is closed.
    func end() { stage.change { $0 = .over } }

    func join() { for worker in workers { worker.join() } }

    private func run(_ number: Int) {
        guard case .reading(let receiver) = awaitBegin() else { return }
        while !link.isClosed {
            do throws(NATSFailure) {
                try read(receiver.subjects[number], receiver.handler)
            } catch {
                // libnats has given the connection up. A refusal is tried again with the next turn.
                guard link.pause(milliseconds: 250) else { return }
                try? link.renew()
            }
        }
    }

    private func awaitBegin() -> Stage? {
        stage.wait { stage in
            switch stage {
            case .idle: nil
            case .reading, .over: stage
            }
        }
    }

    private func read(
        _ subject: String,
        _ handler: @Sendable ([UInt8]) -> Void
    ) throws(NATSFailure) {
        let subscription = try link.connection.subscribe(to: subject)
        while !link.isClosed {
            do throws(NATSFailure) {
                handler(try subscription.next(milliseconds: 60_000).bytes)
            } catch {
                switch error.kind {
                case .timeout: continue
                case .ended: throw error
                // Messages were dropped, as too many waited: they come again.
                case .noResponders, .other: guard link.pause(milliseconds: 1) else { return }
                }
            }
        }
    }
}
