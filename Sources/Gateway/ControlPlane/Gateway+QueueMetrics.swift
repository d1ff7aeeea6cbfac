import Ledger
import Linux
import Reactor
import Sessions
import Telemetry

// What waits for clients, within `limits.queueMessages` and `queueBytes`: of devices all together, of applications by
// their keys, as one that falls behind holds up or loses what devices send to it.
extension Gateway {
    /// So many keys of applications have figures of their own: those whose fullest queue has least room left.
    static let shownApplications = 20

    func writeQueues(into page: inout PrometheusText) async {
        queues.look { found in Task { found(await askForQueues()) } }
        let seen = await queues.value(by: .endOfPatienceWithShards)
        let ofApplications = seen.applications.values.reduce(into: QueueFigures()) { $0.merge($1) }
        let sums = [("applications", ofApplications), ("devices", seen.devices)]
        let families: [(name: String, help: String, value: (QueueFigures) -> Int)] = [
            ("messages", "Messages of QoS 1 and 2 that wait in sessions", { $0.messages }),
            ("bytes", "Bytes of messages of QoS 1 and 2 that wait in sessions", { $0.bytes }),
        ]
        for family in families {
            page.begin(
                "tollgate_queued_\(family.name)", help: "\(family.help), by kind of client.",
                kind: .gauge)
            for (client, figures) in sums {
                page.sample(family.value(figures), labels: [PrometheusLabel("client", client)])
            }
        }
        let shown = seen.byRoom(upTo: Self.shownApplications)
        for family in families {
            page.begin(
                "tollgate_application_queued_\(family.name)",
                help:
                    "\(family.help) of applications, by key, of those with least room; without one: of all others.",
                kind: .gauge)
            for (application, figures) in shown {
                page.sample(
                    family.value(figures), labels: [PrometheusLabel("application", application)])
            }
        }
        page.begin(
            "tollgate_application_queue_used_ratio",
            help:
                "How full the fullest queue of an application is, of limits.queueMessages or queueBytes, by key.",
            kind: .gauge)
        for (application, figures) in shown {
            page.sample(figures.usedRatio, labels: [PrometheusLabel("application", application)])
        }
    }

    private func askForQueues() async -> QueuesSeen {
        let parts = await commons.mailboxes.indices.mapAtOnce { shard in
            var seen = QueuesSeen()
            var next: UInt32? = 0
            // Part by part, so that no turn of the shard takes long.
            while let slot = next {
                let part = await self.ask(shard, orElse: QueuesSeen()) { .queues(from: slot, $0) }
                seen.merge(part)
                next = part.next
            }
            return seen
        }
        return parts.reduce(into: QueuesSeen()) { $0.merge($1) }
    }
}

/// What waits in some sessions.
struct QueueFigures: Sendable, Equatable {
    var messages = 0
    var bytes = 0

    /// Of the fullest of them: 1 is all that its limit allows; what is beyond the limit counts as well.
    var usedRatio = 0.0

    mutating func merge(_ other: QueueFigures) {
        messages += other.messages
        bytes += other.bytes
        usedRatio = max(usedRatio, other.usedRatio)
    }

    /// Of one session.
    init(messages: Int, bytes: Int, limits: QueueLimits) {
        self.messages = messages
        self.bytes = bytes
        usedRatio = max(
            Double(messages) / Double(max(1, limits.messages)),
            Double(bytes) / Double(max(1, limits.bytes)))
    }

    init() {}
}

/// What waits in a part of a shard's sessions, where anything does.
struct QueuesSeen: Sendable, Equatable {
    /// By key; `nil`: of listeners without authentication.
    var applications: [KeyID?: QueueFigures] = [:]
    var devices = QueueFigures()

    /// Where the next part begins; `nil` at the end.
    var next: UInt32?

    /// Sessions of one part: some 100 us.
    static let partMaximum = 4_096

    mutating func merge(_ other: QueuesSeen) {
        for (key, figures) in other.applications {
            applications[key, default: QueueFigures()].merge(figures)
        }
        devices.merge(other.devices)
    }

    /// So many keys whose fullest queues have least room left, that first which has least; behind them all others without a
    /// name, if there are any, and those that came without a key.
    func byRoom(upTo count: Int) -> [(application: String, figures: QueueFigures)] {
        let keys = applications.compactMap { key, figures in key.map { ($0, figures) } }
            .sorted { one, other in
                (one.1.usedRatio, one.1.messages, other.0)
                    > (other.1.usedRatio, other.1.messages, one.0)
            }
        var shown = keys.prefix(count).map { ($0.0.text, $0.1) }
        var others = applications[nil]
        for (_, figures) in keys.dropFirst(count) {
            others = others ?? QueueFigures()
            others?.merge(figures)
        }
        if let others { shown.append(("", others)) }
        return shown
    }
}

extension Broker {
    /// What waits in the sessions from that slot on, `QueuesSeen.partMaximum` of them.
    func queues(from slot: UInt32, in context: borrowing ShardContext) -> QueuesSeen {
        let limits = context.commons.queueLimits
        var seen = QueuesSeen()
        var count = 0
        seen.next = sessions.occupiedSlot(from: slot)
        while let slot = seen.next, count < QueuesSeen.partMaximum {
            count += 1
            seen.next = sessions.occupiedSlot(from: slot + 1)
            let (messages, bytes) = sessions[slot: slot].waiting
            guard messages > 0 else { continue }
            let figures = QueueFigures(messages: messages, bytes: bytes, limits: limits)
            switch sessions[slot: slot].client {
            case .unknown: break
            case .device: seen.devices.merge(figures)
            case .application(let application):
                seen.applications[application.key, default: QueueFigures()].merge(figures)
            }
        }
        return seen
    }
}
