import Synchronization

/// Brings what other nodes see of traced devices to those who read the traces here: a task for each.
final class TraceRelays: Sendable {
    private let tasks = Mutex<[ObjectIdentifier: Task<Void, Never>]>([:])

    func begin(_ trace: DeviceTrace, _ task: Task<Void, Never>) {
        tasks.withLock { $0[ObjectIdentifier(trace)] = task }
    }

    func end(_ trace: DeviceTrace) {
        tasks.withLock { $0.removeValue(forKey: ObjectIdentifier(trace)) }?.cancel()
    }
}

extension Gateway {
    /// Between two questions.
    private static var relayPause: Duration { .milliseconds(200) }

    /// Has the other nodes follow the device, too. When this returns, those that can be reached do.
    func beginElsewhere(_ trace: DeviceTrace) async {
        guard commons.neighbours != nil else { return }
        let number = TraceNumber.random()
        await takeTraced(trace, number)
        traceRelays.begin(trace, Task { await self.relay(trace, number) })
    }

    private func relay(_ trace: DeviceTrace, _ number: TraceNumber) async {
        while !Task.isCancelled, !trace.isOver {
            do {
                try await Task.sleep(for: Self.relayPause)
            } catch {
                break  // Cancelled.
            }
            await takeTraced(trace, number)
        }
        _ = await askOtherNodes(.endTrace(trace.device, number), home: trace.device)
    }

    private func takeTraced(_ trace: DeviceTrace, _ number: TraceNumber) async {
        let answers = await askOtherNodes(.trace(trace.device, number), home: trace.device)
        for case .traced(let events, let dropped) in answers {
            for event in events { trace.append(event) }
            trace.noteDropped(dropped)
        }
    }
}
