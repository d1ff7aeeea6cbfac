import Storage
import Synchronization

/// Tells the log what happens to the stores beside reading and writing, and who waits for it that one is lost.
public final class StoreWatch: Sendable {
    private struct State {
        var loss: String?

        /// Nothing is wrong with the stores: the process is to begin anew all the same.
        var beginsAnew = false
        var waiters: [CheckedContinuation<String?, Never>] = []
        var isOver = false

        /// Stores that have been warned about, as they are getting full.
        var nearlyFull: Set<String> = []
    }

    private let state = Mutex(State())

    init() {}

    func watch(_ name: String, _ environment: Environment, _ log: GatewayLog?) {
        if !environment.isReaderTableInMemory {
            log?.say(
                .warning,
                "no directory in memory (/dev/shm, /run, /tmp) has room for the table of readers: it is on the "
                    + "store's file system",
                .init("store", name))
        }
        // Weak: the environment would keep itself open.
        environment.observe { [weak self] event in
            switch event {
            case .reopened:
                log?.say(
                    .error, "the store was opened again, as a write to it had failed",
                    .init("store", name))
            case .grown(let bytes):
                log?.say(
                    .notice, "the map of the store was made larger",
                    .init("store", name), .init("bytes", "\(bytes)"))
            case .lost(let error):
                log?.say(
                    .critical, "the store can't be opened again",
                    .init("store", name), .init("error", "\(error)"))
                self?.lose("the store \(name) can't be opened again: \(error)")
            }
        }
    }

    /// Warns when a store is getting full, once until it is not any more.
    func warn(
        _ name: String, _ figures: EnvironmentFigures, above ratio: Double, _ log: GatewayLog?
    ) {
        let isNearlyFull = figures.usedRatio > ratio
        let isNews = state.withLock { state in
            guard isNearlyFull else {
                state.nearlyFull.remove(name)
                return false
            }
            return state.nearlyFull.insert(name).inserted
        }
        guard isNews else { return }
        log?.say(
            .warning,
            "the map of the store is getting full: without room, nothing can be written",
            .init("store", name),
            .init("percent", "\(Int(figures.usedRatio * 100))"),
            .init("bytes", "\(figures.maximumMapSizeBytes)"))
    }

    /// What is in memory is void, so that the process has to be started anew.
    func beginAnew(_ sentence: String) {
        state.withLock { $0.beginsAnew = true }
        lose(sentence)
    }

    var beginsAnew: Bool { state.withLock { $0.beginsAnew } }

    private func lose(_ sentence: String) {
        let waiters = state.withLock { state in
            if state.loss == nil { state.loss = sentence }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: sentence) }
    }

    /// Waits until a store is lost: a sentence that says so. `nil` after `end`.
    func loss() async -> String? {
        await withCheckedContinuation { continuation in
            let answer = state.withLock { state -> String?? in
                if let loss = state.loss { return .some(loss) }
                if state.isOver { return .some(nil) }
                state.waiters.append(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    /// Lets go of those that wait.
    func end() {
        let waiters = state.withLock { state in
            state.isOver = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: nil) }
    }
}
