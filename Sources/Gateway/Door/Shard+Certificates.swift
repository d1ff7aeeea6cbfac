import Bytes
import Ledger
import MQTT
import Reactor
import Storage
import TLS
import Time

// Which device a certificate is of.
extension Shard {
    /// Who shows a certificate that was verified; `nil` when it names no device, and its authority does not say how one is
    /// named: the client may prove itself otherwise.
    func certificateClaim(
        _ peer: PeerIdentity, _ connect: borrowing Connect
    ) -> Result<Claim, Reason>? {
        guard let identity = certificateDevice(peer, connect) else {
            return patterned(peer) == nil ? nil : .failure(.certificateNamesNoDevice)
        }
        // A session that is resumed was verified when it began.
        guard context.now.wall.milliseconds <= peer.notAfterSeconds * 1_000 else {
            return .failure(.certificateExpired)
        }
        return .success(.device(identity, proof: .certificate(AccountCertificate(peer))))
    }

    /// The device that a certificate names, by its authority's pattern if that has one.
    func certificateDevice(_ peer: PeerIdentity, _ connect: borrowing Connect) -> DeviceIdentity? {
        guard let (pattern, product) = patterned(peer) else {
            return DeviceIdentity(certificate: peer)
        }
        return pattern.device(of: peer, product, connect)
    }

    /// How its authority says that devices are named, and whose they are where the pattern does not say it.
    private func patterned(_ peer: PeerIdentity) -> (CertificatePattern, ProductKey?)? {
        guard let authority = AccountCertificate(peer)?.authority,
            let rules = door.authorityRules[authority], let pattern = rules.pattern
        else { return nil }
        return (pattern, rules.product)
    }
}

// Which certificate it may show.
extension Shard {
    /// Why a device that has waited, for the books, another node or its older connection, is not let in after all: its
    /// certificate was taken off its list meanwhile, when it was not found among those that are connected.
    mutating func refusalOfPins(_ slot: UInt32) -> Reason? {
        guard case .device(let device) = context.wire[slot].settings.client,
            let peer = context.wire[slot].certificateIdentity,
            let shown = AccountCertificate(peer)?.shown
        else { return nil }
        do throws(StoreError) {
            return try context.books.read { books, transaction throws(StoreError) in
                try books.pinVerdict(on: shown, of: device.identity, in: transaction) == .differs
                    ? .certificateNotPinned : nil
            }
        } catch {
            context.wire.noteStoreFailure(.admission, error, slot)
            return .ledgerUnavailable
        }
    }

    /// A device that is connected by a certificate which it may not show any more goes. Where the books can't say, it has to
    /// come again.
    mutating func pinsSet(_ identity: DeviceIdentity) {
        guard let token = broker.connection(of: identity, in: &context),
            let peer = context.wire[token.slot].certificateIdentity,
            let shown = AccountCertificate(peer)?.shown
        else { return }
        do throws(StoreError) {
            let verdict = try context.books.read { books, transaction throws(StoreError) in
                try books.pinVerdict(on: shown, of: identity, in: transaction)
            }
            switch verdict {
            case .fits: break
            // Nothing is pinned any more: this one would be, when it comes again.
            case .pins: break
            case .differs: end(token.slot, .certificateNotPinned)
            }
        } catch {
            context.wire.journal.noteStoreFailure(.admission, error)
            end(token.slot, .kicked)
        }
    }
}

extension CertificatePattern {
    /// The device that a certificate names, by the first of its names that has the pattern's form.
    ///
    /// - Parameter product: whose devices they are where the pattern does not say it; `nil`: the user name or the client
    ///   identifier of CONNECT does, in one of the forms that devices sign with, and names the same device.
    fileprivate func device(
        of peer: PeerIdentity, _ product: ProductKey?, _ connect: borrowing Connect
    ) -> DeviceIdentity? {
        let names =
            switch place {
            case .commonName: [peer.commonName].compactMap { $0 }
            case .dnsName: peer.dnsNames
            case .uri: peer.uniformResourceIdentifiers
            }
        for name in names {
            guard let found = reading(name) else { continue }
            if let product = found.product ?? product {
                return DeviceIdentity(product: product, device: found.device)
            }
            return DeviceIdentity(namedIn: connect).flatMap {
                $0.device == found.device ? $0 : nil
            }
        }
        return nil
    }
}

extension DeviceIdentity {
    /// Of CONNECT: by its user name, else by its client identifier.
    fileprivate init?(namedIn connect: borrowing Connect) {
        if let userName = connect.userName {
            if let named = DeviceIdentity(userName: userName)
                ?? DeviceIdentity(plainUserName: userName)
            {
                self = named
                return
            }
            if let hub = HubUserName(userName) {
                self = hub.identity
                return
            }
        }
        if let signed = SignedClientIdentifier(connect.clientID) {
            self.init(plainUserName: signed.name)
        } else {
            self.init(plainUserName: connect.clientID)
        }
    }

    /// From a verified certificate: subject CN `{PK}.{DK}`, or SAN URI
    /// `urn:tollgate:device:{PK}:{DK}` (Wire.md).
    init?(certificate peer: PeerIdentity) {
        let names =
            peer.uniformResourceIdentifiers.compactMap { uri -> (Substring, Substring)? in
                let parts = uri.split(
                    separator: ":", maxSplits: 4, omittingEmptySubsequences: false)
                guard parts.count == 5, parts[0] == "urn", parts[1] == "tollgate",
                    parts[2] == "device"
                else { return nil }
                return (parts[3], parts[4])
            }
            + [peer.commonName].compactMap { name -> (Substring, Substring)? in
                guard let name, let dot = name.firstIndex(of: ".") else { return nil }
                return (name[..<dot], name[name.index(after: dot)...])
            }
        for (product, device) in names {
            if let product = ProductKey(String(product)), let device = DeviceKey(String(device)) {
                self.init(product: product, device: device)
                return
            }
        }
        return nil
    }
}
