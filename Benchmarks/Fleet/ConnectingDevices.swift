import Ledger
import Synchronization

/// Devices in reserve that connect for the first time, each consuming a code durably, as fast as the
/// ledger takes them, until they are told to stop or none is left.
public final class ConnectingDevices: Sendable {
    private let store: FleetStore
    private let submitter: Submitter
    private let isStopped = Atomic<Bool>(false)

    /// - Parameter window: how many wait for their answer at a time.
    public init(_ store: FleetStore, window: Int = 64) {
        self.store = store
        submitter = Submitter(store.ledger, window: window)
    }

    /// How many have their code.
    public var count: Int { submitter.count }

    public func run(seed: UInt64) {
        var random = Dice(seed: seed)
        var numbers = Array(0..<store.plan.largeDevices).filter(FleetPlan.isInReserve)
        numbers.shuffle(using: &random)
        for number in numbers where !isStopped.load(ordering: .relaxed) {
            let identity = DeviceIdentity(
                product: FleetPlan.large, device: FleetPlan.device(number))
            submitter.submit(
                .devices(.activate(identity, confirmsSecret: FleetBuilder.secret?.fingerprint)),
                at: FleetPlan.now)
        }
        submitter.finish()
    }

    public func stop() { isStopped.store(true, ordering: .relaxed) }
}
