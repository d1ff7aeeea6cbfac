import Ledger
import Synchronization

/// Brings what other nodes see of what is followed here: a task for each feed.
final class FeedRelays: Sendable {
    private let tasks = Mutex<[ObjectIdentifier: Task<Void, Never>]>([:])

    fileprivate func begin(_ source: some Followed, _ task: Task<Void, Never>) {
        tasks.withLock { $0[ObjectIdentifier(source)] = task }
    }

    func end(_ source: some Followed) {
        tasks.withLock { $0.removeValue(forKey: ObjectIdentifier(source)) }?.cancel()
    }
}

extension Gateway {
    /// Between two questions.
    private static var relayPause: Duration { .milliseconds(200) }

    /// Has the other nodes follow the device, too. When this returns, those that can be reached do.
    func beginElsewhere(_ trace: DeviceTrace) async {
        await relay(trace, of: .trace(trace.device)) {
            guard case .traced(let events, let dropped) = $0 else { return }
            for event in events {
                trace.feed.append(event, by: DeviceTrace.Writer.relay.rawValue)
            }
            trace.feed.noteDropped(dropped)
        }
    }

    /// The same of a product's devices.
    func beginElsewhere(_ watch: PresenceWatch) async {
        await relay(watch, of: .presence(watch.product)) {
            guard case .present(let events, let dropped) = $0 else { return }
            for event in events { watch.appendElsewhere(event) }
            watch.feed.noteDropped(dropped)
        }
    }

    private func relay<Source: Followed>(
        _ source: Source, of kind: LiveSource, _ take: @escaping @Sendable (NodeAnswer) -> Void
    ) async {
        guard commons.neighbours != nil else { return }
        let (number, home) = (FeedNumber.random(), kind.home)
        let question = NodeQuestion.follow(kind, number)
        for answer in await askOtherNodes(question, home: home) { take(answer) }
        let task = Task {
            while !Task.isCancelled, !source.feed.isOver {
                do {
                    try await Task.sleep(for: Self.relayPause)
                } catch {
                    break  // Cancelled.
                }
                for answer in await self.askOtherNodes(question, home: home) { take(answer) }
            }
            _ = await self.askOtherNodes(.endFollowing(kind, number), home: home)
        }
        feedRelays.begin(source, task)
    }
}
