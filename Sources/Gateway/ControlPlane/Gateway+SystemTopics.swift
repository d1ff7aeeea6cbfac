import Ledger
import Linux
import MQTT
import Reactor
import Sessions
import Storage
import Telemetry

// The gateway's own figures for applications: `$SYS` (Wire.md). Made when somebody has subscribed, and not else.
extension Gateway {
    /// Seconds between two publications.
    static var systemTopicSeconds: Int64 { 10 }

    /// Publishes them at once and then every ten seconds, until its task is cancelled.
    ///
    /// - Parameter version: what is said to run here.
    func publishSystemTopics(version: String) async {
        var load = SystemLoad(at: time.monotonic) { total(of: $0) }
        while !Task.isCancelled {
            load.look(at: time.monotonic) { total(of: $0) }
            await publishSystemTopics(version: version, load)
            do {
                try await Task.sleep(for: .seconds(Self.systemTopicSeconds))
            } catch {
                return  // Cancelled.
            }
        }
    }

    private func publishSystemTopics(version: String, _ load: SystemLoad) async {
        guard await ask(0, orElse: false, { .wantsSystemTopics($0) }) else { return }
        let gauges = await gaugesOfShards()
        let uptime = time.monotonic.milliseconds(since: load.startedAt) / 1_000
        let topics =
            [("version", version), ("uptime", "\(uptime) seconds")]
            + present(gauges) + counted + ofStores + load.topics
        let root = systemRoot
        let messages = topics.map { name, value in
            Message(
                topic: Array("\(root)/\(name)".utf8), payload: Array(value.utf8),
                qos: .atMostOnce)
        }
        commons.mailboxes[0].post(.systemTopics(messages))
    }

    /// What the topics begin with: a node of a cluster is named in them, as its applications get those of all nodes.
    private var systemRoot: String {
        commons.neighbours.map { "$SYS/brokers/\($0.node)" } ?? "$SYS/broker"
    }

    private typealias SystemTopics = [(name: String, value: String)]

    /// What there is at the moment.
    private func present(_ shards: [ShardGauges]) -> SystemTopics {
        func sum(_ value: (ShardGauges) -> Int) -> String {
            "\(shards.reduce(0) { $0 + value($1) })"
        }
        return [
            ("clients/connected", sum { $0.clients }),
            ("devices/connected", sum { $0.online.values.reduce(0, +) }),
            ("sessions/count", sum { $0.sessions }),
            // Each shard has all of them.
            ("subscriptions/count", "\(shards.first?.subscriptions ?? 0)"),
        ]
    }

    /// What has happened since the start.
    private var counted: SystemTopics {
        let counters: [(name: String, counter: GatewayCounter)] = [
            ("messages/received", .publishesReceived), ("messages/sent", .publishesDelivered),
            ("messages/dropped", .deliveriesDropped), ("packets/received", .packetsReceived),
            ("bytes/received", .bytesReceived), ("bytes/sent", .bytesSent),
            ("tollgate/units/counted", .unitsCounted),
            ("tollgate/units/topped-up", .unitsToppedUp),
            ("tollgate/messages/over-quota", .publishesOverQuota),
        ]
        return counters.map { ($0.name, "\(total(of: $0.counter))") }
    }

    /// What the stores say; what can't be read is left out.
    private var ofStores: SystemTopics {
        var topics: SystemTopics = []
        do throws(StoreError) {
            topics.append(("retained messages/count", "\(try commons.retained.count())"))
            var left: UInt64 = 0
            try ledger.read { (books, transaction) throws(StoreError) in
                try books.forEachFigures(in: transaction) { _, figures in
                    left += figures.remaining
                }
            }
            topics.append(("tollgate/codes/remaining", "\(left)"))
        } catch {
            // Readiness and the log say why.
        }
        return topics
    }

    private func total(of counter: GatewayCounter) -> UInt64 {
        counters.reduce(0) { $0 + $1.events.value(of: counter) }
    }
}
