import Glibc
import Ledger
import Linux
import Storage
import Time

/// Activates devices, so many at a time, until it is told to rest.
final class NodeLoad: Sendable {
    private struct Progress {
        var underWay = 0
        var isResting = false

        /// One was not taken: it waits a little before the next.
        var hasFailed = false
    }

    private let ledger: Ledger
    private let fleet: RacingFleet
    private let codes: UInt64
    private let inFlight: Int
    private let progress = Monitor(Progress())

    init(_ ledger: Ledger, _ fleet: RacingFleet, codes: UInt64, inFlight: Int) {
        self.ledger = ledger
        self.fleet = fleet
        self.codes = codes
        self.inFlight = inFlight
    }

    func rest() { progress.change { $0.isResting = true } }

    func run() {
        for (step, action) in RacingFleet.foundation(codes: codes).enumerated() {
            found(action, key: "foundation-\(step)")
        }
        while mayGoOn() { activate(fleet.next()) }
        progress.wait { $0.underWay == 0 ? () : nil }
        LedgerNode.say("resting")
    }

    /// Waits for room; false when it is to rest.
    private func mayGoOn() -> Bool {
        let (goes, mustPause) =
            progress.wait { progress -> (Bool, Bool)? in
                if progress.isResting { return (false, false) }
                guard progress.underWay < inFlight else { return nil }
                defer { progress.hasFailed = false }
                progress.underWay += 1
                return (true, progress.hasFailed)
            } ?? (false, false)
        if mustPause { usleep(50_000) }
        return goes
    }

    private func activate(_ number: Int) {
        submit(fleet.activation(of: number), key: nil) { [progress] result in
            let time = MonotonicInstant.now().nanoseconds / 1_000_000
            LedgerNode.say("\(time) \(number) \(Self.text(result))")
            progress.change { progress in
                progress.underWay -= 1
                if case .failure = result { progress.hasFailed = true }
            }
        }
    }

    private static func text(_ result: Result<Outcome, StoreError>) -> String {
        switch result {
        case .success(.done(.entitled(let entitlement, let consumed))),
            .success(.repeated(.entitled(let entitlement, let consumed))):
            "\(entitlement.code) \(consumed ? "new" : "known")"
        case .success(.refused(let refusal)): "refused \(refusal)"
        case .success(.done(let effect)), .success(.repeated(let effect)): "failed \(effect)"
        case .failure(let error): "failed \(error)"
        }
    }

    /// Asks until it is answered, as long as it is not to rest.
    private func found(_ action: Action, key: String) {
        while !progress.look({ $0.isResting }) {
            let answer = Monitor<Result<Outcome, StoreError>?>(nil)
            submit(action, key: key) { result in answer.change { $0 = result } }
            switch answer.wait(for: { $0 }) {
            case .success(.done), .success(.repeated), nil: return
            case .success(.refused(let refusal)): return LedgerNode.say("unfounded: \(refusal)")
            case .failure(let error): LedgerNode.say("unfounded as yet: \(error)")
            }
            usleep(50_000)
        }
    }

    private func submit(
        _ action: Action, key: String?,
        completion: @escaping @Sendable (Result<Outcome, StoreError>) -> Void
    ) {
        let now = Timestamp.now()
        ledger.submit(
            Command(at: now, actor: "gateway", idempotencyKey: key, action: action),
            completion: completion)
    }
}
