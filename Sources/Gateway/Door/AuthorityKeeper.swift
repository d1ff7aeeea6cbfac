import Ledger
import Reactor
import Storage
import Synchronization
import TLS
import Time

/// Keeps the shards told of the authorities that accounts have registered. Each certificate is parsed once, and shared
/// by all shards; a change is theirs from the next handshake on.
///
/// What the shards are told is this node's reading of its books: the names of devices by an authority's pattern, and who
/// may have signed a certificate. All that decides whether a device may come in is asked of the books with its CONNECT.
final class AuthorityKeeper: Sendable {
    private let mailboxes: [Mailbox<ShardMessage>]
    private let log: GatewayLog?
    private let parsed = Mutex<[AuthorityID: ClientAuthority]>([:])

    /// The shards have been told less than the books say, as these could not be read.
    private let isBehind = Atomic<Bool>(false)

    init(_ commons: GatewayCommons) {
        mailboxes = commons.mailboxes
        log = commons.log
    }

    func hear(_ event: Event, in ledger: Ledger) {
        guard case .authorities(let change) = event.change else {
            return catchUp(in: ledger)
        }
        switch change {
        case .registered, .updated(_, _, isOn: true), .rulesSet: tell(in: ledger)
        case .updated(let id, _, isOn: false), .removed(let id, _):
            tell(in: ledger)
            tellAll(.authorityEnded(id, event.sequence))
        case .removedWithHeir(let id, _, let heir):
            tell(in: ledger)
            tellAll(.authorityEnded(id, event.sequence))
            // A look by the list that it had may be under way.
            tellAll(.certificatesRevoked(heir))
        case .revoked(let id, _, _, _): tellAll(.certificatesRevoked(id))
        // Asked with each CONNECT.
        case .pinningSet: break
        }
    }

    /// Tells them what they could not be told before: with each event, and every few seconds.
    func catchUp(in ledger: Ledger) {
        if isBehind.load(ordering: .relaxed) { tell(in: ledger) }
    }

    /// Reads them all. What can't be read is tried again (`catchUp`).
    func tell(in ledger: Ledger) {
        tell { () throws(StoreError) in
            try ledger.read { books, transaction throws(StoreError) in
                (
                    try books.allAuthorities(in: transaction),
                    try books.allAuthorityRules(in: transaction)
                )
            }
        }
    }

    /// The same of what `read` gives. In a handshake those that are on are tried first, and of them those registered
    /// first: what is registered later, under another one's name, is in no one's way.
    func tell(
        _ read: () throws(StoreError) -> (
            [(id: AuthorityID, record: AuthorityRecord)], [AuthorityID: AuthorityRules]
        )
    ) {
        do throws(StoreError) {
            // Held to the end, so that the list that the shards are told last is the newest.
            try parsed.withLock { parsed throws(StoreError) in
                let (all, rules) = try read()
                let records = all.sorted {
                    ($0.record.isOn ? 0 : 1, $0.record.registeredAt, $0.id)
                        < ($1.record.isOn ? 0 : 1, $1.record.registeredAt, $1.id)
                }
                var found: [AuthorityID: ClientAuthority] = [:]
                var list: [ClientAuthority] = []
                for (id, record) in records {
                    guard let authority = parsed[id] ?? ClientAuthority(der: record.certificate)
                    else { continue }
                    found[id] = authority
                    list.append(authority)
                }
                parsed = found
                tellAll(.authoritiesChanged(ClientAuthorities(list), rules: rules))
                isBehind.store(false, ordering: .relaxed)
            }
        } catch {
            // Said once.
            guard !isBehind.exchange(true, ordering: .relaxed) else { return }
            log?.say(
                .error,
                "the accounts' authorities can't be read: until they can, handshakes go by those from before",
                .init("error", "\(error)"))
        }
    }

    private func tellAll(_ message: ShardMessage) {
        for mailbox in mailboxes { mailbox.post(message) }
    }
}

/// A certificate that an account's authority has vouched for.
struct AccountCertificate: Equatable {
    let authority: AuthorityID
    let fingerprint: CertificateFingerprint

    /// `nil` of one that is longer than any in a list of revoked ones.
    let serial: AuthorityNumber?

    /// `nil` when it was verified by an authority of the gateway's.
    init?(_ peer: PeerIdentity) {
        guard let authority = peer.authority else { return nil }
        self.authority = AuthorityID(authority)
        fingerprint = CertificateFingerprint(peer.fingerprint)
        serial = AuthorityNumber(peer.serialNumber)
    }

    /// As the books are told of it.
    var shown: ShownCertificate {
        ShownCertificate(authority: authority, fingerprint: fingerprint)
    }
}

extension Door {
    /// What its authority says of a certificate that a device of the product has shown. It must be in force, and the
    /// product's account's, or that account's parent's; it must not have revoked it; and the device must not be pinned to
    /// others. Asked with each CONNECT, as a TLS session that is resumed was verified when it began, and as only here the
    /// device can be told the reason.
    ///
    /// A product that is not there is answered like another account's: an authority must not be a way to look for names.
    static func standing(
        of certificate: AccountCertificate,
        for identity: DeviceIdentity,
        in books: inout LedgerReader,
        at time: Timestamp
    ) throws(StoreError) -> Result<AccountCertificateStanding, Reason> {
        let product = try books.product(identity.product)
        return try books.read { books, transaction throws(StoreError) in
            let vouching = try books.vouching(
                by: certificate.authority, for: product, at: time, in: transaction)
            switch vouching {
            case .notActive: return .failure(.authorityNotActive)
            case .ofAnotherAccount: return .failure(.authorityOfAnotherAccount)
            case .vouched(let authority, let rules):
                if let serial = certificate.serial,
                    try books.isRevoked(
                        serial, by: certificate.authority, authority, in: transaction)
                {
                    return .failure(.certificateRevoked)
                }
                let verdict = try books.pinVerdict(
                    on: certificate.shown, of: identity, in: transaction)
                guard verdict != .differs else { return .failure(.certificateNotPinned) }
                return .success(
                    AccountCertificateStanding(
                        certificate: certificate.shown, bringsDevices: rules.registersDevices,
                        isToBePinned: verdict == .pins,
                        sequence: try books.lastSequence(in: transaction)))
            }
        }
    }
}

/// What its authority says of a certificate that is as good as it says.
struct AccountCertificateStanding {
    let certificate: ShownCertificate

    /// A device that is not known is registered.
    let bringsDevices: Bool

    /// It is the first one of a device that is pinned to that.
    let isToBePinned: Bool

    /// The last event of the books that said so.
    let sequence: UInt64

    /// The certificate, where the books have to decide by it once more.
    var forBooks: ShownCertificate? { bringsDevices || isToBePinned ? certificate : nil }
}
