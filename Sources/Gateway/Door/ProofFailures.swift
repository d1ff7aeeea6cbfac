import Ledger
import Synchronization

/// Which proofs were wrong of late, and so which are not looked at now.
struct ProofFailures {
    private var names: FailureGuard<ClaimedName>
    private var claims: FailureGuard<ClaimAtSource>
    private var sources: FailureGuard<SourceNetwork>

    init(_ limits: FailureLimits) {
        names = FailureGuard(
            failuresPerMinute: limits.perName,
            penaltyMaximumMilliseconds: limits.penaltyMilliseconds, capacity: limits.capacity)
        claims = FailureGuard(
            failuresPerMinute: limits.perName,
            penaltyMaximumMilliseconds: limits.penaltyMilliseconds, capacity: limits.capacity)
        sources = FailureGuard(
            failuresPerMinute: limits.perSource,
            penaltyMaximumMilliseconds: limits.penaltyMilliseconds, capacity: limits.capacity)
    }

    /// Whether no proof is looked at now, as too many were wrong: from that source, or of that name from
    /// there, or of that name from anywhere. The latter holds for sources that have failed themselves: to know
    /// a name must not be enough to keep its owner out.
    func holdsBack(
        _ name: ClaimedName,
        from source: SourceNetwork?,
        at now: ShardTime
    ) -> HoldingBack {
        let claim = source.map { ClaimAtSource(name: name, source: $0) }
        if let claim {
            if sources.isHeldBack(claim.source, at: now.monotonic)
                || claims.isHeldBack(claim, at: now.monotonic)
            {
                return .all
            }
        }
        guard name.countsEverywhere, names.isHeldBack(name, at: now.monotonic) else {
            return .none
        }
        if let claim, !claims.remembersFailure(claim, at: now.monotonic) { return .none }
        return .strangers
    }

    /// A proof of that name was looked at.
    mutating func note(
        _ name: ClaimedName,
        from source: SourceNetwork?,
        isRight: Bool,
        at now: ShardTime
    ) {
        let claim = source.map { ClaimAtSource(name: name, source: $0) }
        if isRight {
            // What others have guessed is not made good by that.
            if let claim { claims.noteSuccess(claim, at: now.monotonic) }
            return
        }
        if name.countsEverywhere { names.noteFailure(name, at: now.monotonic) }
        if let claim {
            claims.noteFailure(claim, at: now.monotonic)
            sources.noteFailure(claim.source, at: now.monotonic)
        }
    }
}

/// Whose proofs are not looked at now.
enum HoldingBack {
    case none

    /// All but those from where the name was last let in.
    case strangers
    case all
}

/// Wrong secrets, of all shards together, however they were brought: with a CONNECT, which its device's home looks at, or as
/// a pre-shared key, which the shard looks at that has accepted the connection, and any may be that. So who guesses in both
/// ways, and at many shards, has no more attempts.
///
/// It has a lock, taken twice for each CONNECT and each handshake with a pre-shared key, for a few look-ups in memory; no
/// other packet comes here.
final class WrongSecrets: Sendable {
    private let failures: Mutex<ProofFailures>

    init(_ limits: FailureLimits) { failures = Mutex(ProofFailures(limits)) }

    /// Whether a proof of that name is not looked at now.
    func holdsBack(
        _ name: ClaimedName, from source: SourceNetwork?, at now: ShardTime
    ) -> HoldingBack {
        failures.withLock { $0.holdsBack(name, from: source, at: now) }
    }

    /// A proof of that name was looked at.
    func note(
        _ name: ClaimedName, from source: SourceNetwork?, isRight: Bool, at now: ShardTime
    ) {
        failures.withLock { $0.note(name, from: source, isRight: isRight, at: now) }
    }
}
