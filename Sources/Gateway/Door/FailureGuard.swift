import Ledger
package import Linux

/// Holds back those who fail to prove their identity too often: more than a number of failures in a minute
/// are answered with a time in which no proof is looked at, one second the first time, twice as long each
/// next one, up to a limit. Being refused meanwhile does not extend it.
package struct FailureGuard<Key: Hashable> {
    private struct Record {
        /// What the failures weigh together, in milliseconds: it lessens as time goes by.
        var weight: Int64 = 0
        var weighedAt: MonotonicInstant
        var penalties = 0
        var refusedUntil: MonotonicInstant?
    }

    private var records: BoundedTable<Key, Record>

    /// Milliseconds that one failure weighs.
    private let failureWeight: Int64
    private let penaltyMaximumMilliseconds: Int64

    private static var minuteMilliseconds: Int64 { 60_000 }
    private static var firstPenaltyMilliseconds: Int64 { 1_000 }

    /// - Parameters:
    ///   - failuresPerMinute: as many may come at once.
    ///   - capacity: how many keys are remembered.
    package init(
        failuresPerMinute: Int, penaltyMaximumMilliseconds: Int64, capacity: Int = 16_384
    ) {
        failureWeight = Self.minuteMilliseconds / Int64(max(1, failuresPerMinute))
        self.penaltyMaximumMilliseconds = penaltyMaximumMilliseconds
        records = BoundedTable(limit: capacity)
    }

    /// Whether a proof is not looked at now.
    func isHeldBack(_ key: Key, at time: MonotonicInstant) -> Bool {
        heldBackUntil(key, at: time) != nil
    }

    /// When one is looked at again; `nil`: now.
    package func heldBackUntil(_ key: Key, at time: MonotonicInstant) -> MonotonicInstant? {
        guard let until = records.value(of: key)?.refusedUntil, time < until else { return nil }
        return until
    }

    /// Whether a wrong proof of late has not been followed by a right one.
    func remembersFailure(_ key: Key, at time: MonotonicInstant) -> Bool {
        guard let record = records.value(of: key) else { return false }
        return record.weight > time.milliseconds(since: record.weighedAt)
    }

    /// A proof was wrong.
    package mutating func noteFailure(_ key: Key, at time: MonotonicInstant) {
        let (failureWeight, maximum) = (failureWeight, penaltyMaximumMilliseconds)
        records.update(key, orInsert: Record(weighedAt: time)) { record in
            record.weight = max(0, record.weight - time.milliseconds(since: record.weighedAt))
            record.weighedAt = time
            if record.weight == 0 { record.penalties = 0 }
            record.weight += failureWeight
            guard record.weight > Self.minuteMilliseconds else { return }
            let doubled = Self.firstPenaltyMilliseconds << Int64(min(record.penalties, 20))
            record.penalties += 1
            record.refusedUntil = time.adding(milliseconds: min(doubled, maximum))
        }
    }

    /// A proof was right: earlier failures are forgotten.
    mutating func noteSuccess(_ key: Key, at time: MonotonicInstant) {
        guard records.value(of: key) != nil else { return }
        records.update(key, orInsert: Record(weighedAt: time)) { record in
            record = Record(weighedAt: time)
        }
    }
}

/// Who somebody says they are, whether there is such a one or not.
enum ClaimedName: Hashable {
    case device(DeviceIdentity)
    case key(KeyID)

    /// Of a device that registers: what it proves is its product's secret.
    case product(ProductKey)

    init(_ identity: DeviceIdentity, _ credential: Claim.Credential) {
        self =
            switch credential {
            case .registration, .alibabaRegistration: .product(identity.product)
            case .signature, .secret, .certificate, .alibaba, .accessToken, .plainSecret,
                .webToken, .preSharedKey:
                .device(identity)
            }
    }

    /// Whether failures count wherever they come from. A product has many devices that have not been let in
    /// anywhere yet: what is guessed at one place must not keep them out at all others.
    var countsEverywhere: Bool {
        switch self {
        case .device, .key: true
        case .product: false
        }
    }
}

/// The same, as it is said from one place.
struct ClaimAtSource: Hashable {
    let name: ClaimedName
    let source: SourceNetwork
}

/// How many wrong secrets are too many, of all shards together.
struct FailureLimits {
    /// In a minute: of one name, and from one source.
    var perName = 10
    var perSource = 300

    /// The longest time in which none is looked at then.
    var penaltyMilliseconds: Int64 = 60_000

    /// How many names, sources, and names from a source are remembered.
    var capacity = 16_384
}
