import Ledger
import Reactor
import Storage
import Synchronization
import Time

/// Brings the devices of committed imports to where they stay, and removes what abandoned ones have
/// left: one command after the other, so that activations come in between. Nothing that the books
/// say depends on when this is done.
final class StagedDeviceMover: Sendable {
    private let ledger: Ledger
    private let time: TimeSource
    private let log: GatewayLog?
    private let state = Mutex(State.idle)

    private enum State { case idle, moving, askedAgain }

    /// Of one command: what an activation waits for at most, besides its own commit.
    private static var rowsAtOnce: UInt32 { 1_000 }

    init(ledger: Ledger, time: TimeSource, log: GatewayLog?) {
        self.ledger = ledger
        self.time = time
        self.log = log
    }

    /// Moves until nothing waits, or the ledger can't. One at a time: asked while it is at it, it
    /// goes on when it has done, and the later caller does not wait for that.
    func moveAll() async {
        let isFirst = state.withLock { state in
            defer { state = state == .idle ? .moving : .askedAgain }
            return state == .idle
        }
        guard isFirst else { return }
        var isAsked = true
        while isAsked {
            while await moveSome() {}
            isAsked = state.withLock { state in
                defer { state = state == .askedAgain ? .moving : .idle }
                return state == .askedAgain
            }
        }
    }

    /// True when there is more.
    private func moveSome() async -> Bool {
        let command = Command(
            at: time.wall,
            actor: Command.gatewayActor,
            action: .imports(.move(limit: Self.rowsAtOnce))
        )
        do throws(StoreError) {
            guard case .moved(_, more: true) = try await ledger.submit(command).effect else {
                return false
            }
            return true
        } catch {
            log?.say(.error, "imported devices can't be moved now", .init("error", "\(error)"))
            return false
        }
    }
}
