import Bytes
import Cryptography
import Ledger
import Reactor
import Storage
import TLS

// TLS-PSK: the handshake proves who a device is. Its secret is looked up while OpenSSL shakes hands, by the shard that has
// accepted the connection, and compared again at CONNECT, by the device's home.
extension Shard {
    /// Takes what has come of a handshake, in which a device may name itself.
    mutating func shakeHands(
        _ slot: UInt32,
        _ ciphertext: Span<UInt8>,
        into plaintext: inout ByteBuffer
    ) throws(TLSError) -> TLSSessionState {
        let source = context.wire.source(ofSlot: slot)
        let now = context.now
        let wrongSecrets = context.commons.wrongSecrets
        var failure: StoreError?
        defer {
            if let failure { context.wire.noteStoreFailure(.admission, failure, slot) }
        }
        return try Self.shakeHands(
            slot, ciphertext, into: &plaintext, &context.wire, &door, &context.books, &failure,
            wrongSecrets, from: source, at: now)
    }

    /// The same, with what it takes from different organs.
    private static func shakeHands(
        _ slot: UInt32,
        _ ciphertext: Span<UInt8>,
        into plaintext: inout ByteBuffer,
        _ wire: inout Wire,
        _ door: inout Door,
        _ books: inout LedgerReader,
        _ failure: inout StoreError?,
        _ wrongSecrets: WrongSecrets,
        from source: SourceNetwork?,
        at now: ShardTime
    ) throws(TLSError) -> TLSSessionState {
        try wire.decrypt(slot, ciphertext, into: &plaintext) { identity, key in
            do throws(StoreError) {
                return try door.findKey(
                    of: identity, from: source, wrongSecrets, in: &books, at: now, into: &key)
            } catch {
                failure = error
                return false
            }
        }
    }

    /// A handshake has failed. When a device was named in it, and its client did not have the key that is in the books, or
    /// that was not looked at, that is a wrong secret as in a CONNECT, and as such logged, counted and remembered.
    mutating func endHandshake(_ slot: UInt32, _ failure: TLSError) {
        guard let device = deviceOfWrongKey(slot, failure) else {
            context.wire.journal.noteHandshakeFailure(context.wire[slot], failure)
            return end(slot, .handshakeFailed)
        }
        let name = ClaimedName.device(device)
        let source = context.wire.source(ofSlot: slot)
        let wrongSecrets = context.commons.wrongSecrets
        let isHeldBack = wrongSecrets.holdsBack(name, from: source, at: context.now) != .none
        if !isHeldBack {
            wrongSecrets.note(name, from: source, isRight: false, at: context.now)
        }
        let reason = isHeldBack ? Reason.tooManyFailures : .badCredentials
        context.wire[slot].settings.client = .device(DeviceClient(device))
        context.wire.journal.noteHandshakeFailure(context.wire[slot], failure)
        end(slot, reason)
        context.wire[slot].settings.client = .unknown
        context.quota.count(ending: reason, of: device.product)
        let home = context.commons.homes.shard(of: device)
        guard home != context.index else { return }
        let outcome = DeviceHistory.Outcome(
            reason: reason, at: context.now.wall, address: context.wire[slot].peer,
            listener: context.wire[slot].listener)
        context.commons.mailboxes[home].post(.refusedElsewhere(device, outcome))
    }

    /// The device that a client has named and not proved to be; `nil` when that is not why the handshake has failed.
    private func deviceOfWrongKey(_ slot: UInt32, _ failure: TLSError) -> DeviceIdentity? {
        guard failure.reason == .unprovenKeys else { return nil }
        return context.wire[slot].namedIdentity.flatMap {
            DeviceIdentity(plainUserName: $0.span)
        }
    }
}

extension Door {
    /// The key of a device that names itself `{PK}.{DK}` or `{PK}/{DK}` in a handshake. False: the identity has no such
    /// form. A device that does not exist, and one whose proofs are not looked at now, gets a key that none knows, for
    /// the same work.
    ///
    /// Of a name that is guessed elsewhere, an address that has failed with it itself is not heard either, also when its
    /// device was there last: that is asked of a CONNECT only.
    mutating func findKey(
        of identity: Span<UInt8>,
        from source: SourceNetwork?,
        _ wrongSecrets: WrongSecrets,
        in books: inout LedgerReader,
        at now: ShardTime,
        into key: inout PreSharedKey
    ) throws(StoreError) -> Bool {
        guard let identity = DeviceIdentity(plainUserName: identity) else { return false }
        let name = ClaimedName.device(identity)
        let isHeldBack = wrongSecrets.holdsBack(name, from: source, at: now) != .none
        let decoy = RandomBytes.make(PreSharedKey.decoyLength)
        let isFound = try books.withDevice(identity) { product, view throws(StoreError) in
            try secrets.open(view, of: identity)
            let hasSecret = if let view { !view.sealedSecret.isEmpty } else { false }
            return hasSecret && product?.record.isDeleted == false
        }
        key.set(secret: secrets.secret)
        if !isFound || isHeldBack { key.set(decoy.span) }
        return true
    }
}

extension PreSharedKey {
    /// Bytes of a key that stands for none.
    fileprivate static var decoyLength: Int { 32 }

    /// The key of a device with that DeviceSecret: the bytes that it is the hexadecimal of, as those are that the gateway
    /// makes (64 digits, 32 bytes); else the characters themselves.
    mutating func set(secret: Span<UInt8>) {
        if !set(hexadecimal: secret) { set(secret) }
    }

    /// Of that key.
    static func digest(ofSecret secret: Span<UInt8>) -> SHA256Digest {
        var key = PreSharedKey()
        key.set(secret: secret)
        defer { key.wipe() }
        return key.digest
    }
}
