import Ledger
import Storage
import TLS

/// A look at all connections of a shard for those whose certificates count no more, some in each turn.
struct CertificateSweep {
    /// Connections that are looked at in one turn.
    static var stepMaximum: Int { 128 }

    let authority: AuthorityID

    /// The event by which it was switched off or removed: all that it has vouched for before end. `nil`: only those that
    /// its list names.
    let endedAt: UInt64?

    var isOfAll: Bool { endedAt != nil }

    /// The first slot that is still to be looked at.
    var slot: UInt32 = 0
}

/// Certificates of connections that are open: what becomes of their authority ends them. A connection that comes
/// meanwhile is asked at its CONNECT, which reads books that have the change.
extension Shard {
    /// An account's authority was switched off, or removed: what it has vouched for until that event is worth nothing any
    /// more.
    mutating func authorityEnded(_ id: AuthorityID, at sequence: UInt64) {
        // The later event's are those of the one before, and more; a look by its list is about others with its key, too.
        certificateSweeps.removeAll { $0.authority == id && $0.isOfAll }
        certificateSweeps.append(CertificateSweep(authority: id, endedAt: sequence))
    }

    /// An account's authority has another list of revoked certificates: connections that one of these has opened end.
    mutating func certificatesRevoked(by id: AuthorityID) {
        // The one that is under way begins anew, and so there is at most one of each kind for an authority.
        certificateSweeps.removeAll { $0.authority == id && !$0.isOfAll }
        certificateSweeps.append(CertificateSweep(authority: id, endedAt: nil))
    }

    /// Goes on with the first of the sweeps, if there is one.
    mutating func sweepCertificates() {
        guard var sweep = certificateSweeps.first else { return }
        var shown: [ShownCertificate] = []
        var looked = 0
        var next = context.wire.nextSlot(from: sweep.slot)
        while let slot = next, looked < CertificateSweep.stepMaximum {
            looked += 1
            // One whose CONNECT is still to come is asked then.
            if context.wire[slot].hasConnected, let peer = context.wire[slot].certificateIdentity,
                let certificate = AccountCertificate(peer)
            {
                shown.append(ShownCertificate(slot: slot, certificate: certificate))
            }
            next = context.wire.nextSlot(from: slot + 1)
        }
        if let endedAt = sweep.endedAt {
            for one in shown
            where one.certificate.authority == sweep.authority
                && door.vouchedSequence(one.slot) < endedAt
            {
                end(one.slot, .authorityNotActive)
            }
        } else {
            endRevoked(among: shown, by: sweep.authority)
        }
        if let next {
            sweep.slot = next
            certificateSweeps[0] = sweep
        } else {
            certificateSweeps.removeFirst()
        }
    }

    /// The list may be about other authorities of the same name and key, too. Where the books can't say, all that an
    /// account's authority has vouched for have to come again.
    private mutating func endRevoked(among shown: [ShownCertificate], by id: AuthorityID) {
        if shown.isEmpty { return }
        do throws(StoreError) {
            let revoked = try context.books.read {
                books, transaction throws(StoreError) -> [UInt32] in
                guard let authority = try books.authority(id, in: transaction),
                    let holder = try books.listHolder(of: id, authority, in: transaction)
                else { return [] }
                let meant = [id] + (try books.namesakes(of: id, authority, in: transaction))
                var revoked: [UInt32] = []
                for one in shown where meant.contains(one.certificate.authority) {
                    if let serial = one.certificate.serial,
                        try books.isNamed(serial, inListOf: holder, in: transaction)
                    {
                        revoked.append(one.slot)
                    }
                }
                return revoked
            }
            for slot in revoked { end(slot, .certificateRevoked) }
        } catch {
            context.wire.journal.noteStoreFailure(.admission, error)
            for one in shown { end(one.slot, .kicked) }
        }
    }
}

/// A connection's certificate.
private struct ShownCertificate {
    let slot: UInt32
    let certificate: AccountCertificate
}
