import Ledger
import Reactor
import Storage
import Synchronization
import TLS
import Time

/// Keeps the shards told of the authorities that accounts have registered. Each certificate is parsed once, and shared
/// by all shards; a change is theirs from the next handshake on.
final class AuthorityKeeper: Sendable {
    private let mailboxes: [Mailbox<ShardMessage>]
    private let log: GatewayLog?
    private let parsed = Mutex<[AuthorityID: ClientAuthority]>([:])

    init(_ commons: GatewayCommons) {
        mailboxes = commons.mailboxes
        log = commons.log
    }

    func hear(_ change: Change, in ledger: Ledger) {
        guard case .authorities(let change) = change else { return }
        switch change {
        case .registered, .updated(_, _, isOn: true): tell(in: ledger)
        case .updated(let id, _, isOn: false):
            tell(in: ledger)
            tellAll(.authorityEnded(id))
        case .removed(let id, _):
            tell(in: ledger)
            tellAll(.authorityEnded(id))
        case .revoked(let id, _, _, _): tellAll(.certificatesRevoked(id))
        }
    }

    /// Reads them all. In a handshake those that are on are tried first, and of them those registered first: what is
    /// registered later, under another one's name, is in no one's way.
    func tell(in ledger: Ledger) {
        do throws(StoreError) {
            // Held to the end, so that the list that the shards are told last is the newest.
            try parsed.withLock { parsed throws(StoreError) in
                let records = try ledger.read { books, transaction throws(StoreError) in
                    try books.allAuthorities(in: transaction)
                }
                .sorted {
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
                tellAll(.authoritiesChanged(ClientAuthorities(list)))
            }
        } catch {
            log?.say(
                .error,
                "the accounts' authorities can't be read: handshakes go by those from before",
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

    /// `nil` of one that is longer than any in a list of revoked ones.
    let serial: AuthorityNumber?

    /// `nil` when it was verified by an authority of the gateway's.
    init?(_ peer: PeerIdentity) {
        guard let authority = peer.authority else { return nil }
        self.authority = AuthorityID(authority)
        serial = AuthorityNumber(peer.serialNumber)
    }
}

extension Door {
    /// What speaks against a certificate that a device of the product has shown. Its authority must be in force, and the
    /// product's account's, or that account's parent's; and it must not have revoked it. Asked with each CONNECT, as a
    /// TLS session that is resumed was verified when it began, and as only here the device can be told the reason.
    ///
    /// A product that is not there is answered like another account's: an authority must not be a way to look for names.
    static func refusal(
        of certificate: AccountCertificate,
        for product: ProductKey,
        in books: inout LedgerReader,
        at time: Timestamp
    ) throws(StoreError) -> Reason? {
        let product = try books.product(product)
        return try books.read { books, transaction throws(StoreError) in
            guard let authority = try books.authority(certificate.authority, in: transaction),
                authority.vouches(at: time)
            else { return .authorityNotActive }
            guard let product, !product.isDeleted else { return .authorityOfAnotherAccount }
            if product.account != authority.account {
                let parent = try books.account(product.account, in: transaction)?.parent
                guard parent == authority.account else { return .authorityOfAnotherAccount }
            }
            guard let serial = certificate.serial else { return nil }
            let isRevoked = try books.isRevoked(
                serial, by: certificate.authority, in: transaction)
            return isRevoked ? .certificateRevoked : nil
        }
    }
}
