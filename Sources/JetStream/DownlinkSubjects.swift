internal import Linux
public import Replication
internal import Synchronization

/// Downlink requests as requests of core NATS: no stream, nothing kept.
///
/// A request for device DK of product PK comes on `tollgate.downlink.PK.DK`, and its answer goes to the inbox that the
/// sender named. Gateways share the subjects as a queue group. The connection is made when servers can be reached.
public final class DownlinkSubjects: DownlinkRequests {
    private static let prefix = "tollgate.downlink"

    /// Between two tries at a connection, in milliseconds.
    private static let retryMilliseconds: Int64 = 1_000

    private let settings: JetStreamSettings
    private let stage = Monitor(Stage.waiting)
    private let worker = Worker("downlink")

    private enum Stage {
        case waiting
        case open(Link)
        case over

        var isOver: Bool { if case .over = self { true } else { false } }
    }

    /// - Parameter settings: their stream and subject are not looked at.
    public init(_ settings: JetStreamSettings) throws(JetStreamError) {
        try settings.check()
        self.settings = settings
    }

    public func serve(_ handler: @escaping @Sendable (DownlinkRequest) -> Void) {
        do throws(JetStreamError) {
            try worker.start { self.run(handler) }
        } catch {
            preconditionFailure("no thread to serve downlink requests with: \(error)")
        }
    }

    public func close() {
        let link = stage.change { stage -> Link? in
            defer { stage = .over }
            if case .open(let link) = stage { return link }
            return nil
        }
        link?.close()
        worker.join()
    }

    // MARK: The thread

    private func run(_ handler: @escaping @Sendable (DownlinkRequest) -> Void) {
        guard let link = connect() else { return }
        while !link.isClosed {
            do throws(NATSFailure) {
                try read(link, handler)
            } catch {
                // libnats has given the connection up. A refusal is tried again with the next turn.
                guard link.pause(milliseconds: 250) else { return }
                try? link.renew()
            }
        }
    }

    /// `nil` when it is over before.
    private func connect() -> Link? {
        while !stage.look({ $0.isOver }) {
            if let link = try? Link(settings) {
                let isOver = stage.change { stage in
                    if stage.isOver { return true }
                    stage = .open(link)
                    return false
                }
                if !isOver { return link }
                link.close()
                return nil
            }
            let again = MonotonicInstant.now().adding(milliseconds: Self.retryMilliseconds)
            _ = stage.wait(until: again) { $0.isOver ? true : nil }
        }
        return nil
    }

    private func read(
        _ link: Link, _ handler: @Sendable (DownlinkRequest) -> Void
    ) throws(NATSFailure) {
        let subscription = try link.connection.subscribe(to: "\(Self.prefix).>", in: "tollgate")
        while !link.isClosed {
            do throws(NATSFailure) {
                handler(request(try subscription.next(milliseconds: 60_000), over: link))
            } catch {
                switch error.kind {
                case .timeout: continue
                case .ended: throw error
                // Requests were dropped, as too many waited: their senders hear nothing.
                case .noResponders, .other: guard link.pause(milliseconds: 1) else { return }
                }
            }
        }
    }

    private func request(_ message: borrowing NATSMessage, over link: Link) -> DownlinkRequest {
        let words = message.subject.dropFirst(Self.prefix.utf8.count + 1)
            .split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let inbox = message.reply
        return DownlinkRequest(
            product: words.count == 2 ? words[0] : nil,
            device: words.count == 2 ? words[1] : nil,
            topic: message.header("Tollgate-Topic"),
            qos: message.header("Tollgate-QoS"),
            payload: message.bytes
        ) { answer in
            guard !inbox.isEmpty else { return }
            // One that can't be sent is a request that was not answered: its sender's time is over some time.
            try? link.connection.publish(answer, on: inbox)
        }
    }
}
