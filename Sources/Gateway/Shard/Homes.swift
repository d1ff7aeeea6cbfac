import Ledger

/// Which shard a client lives on: a hash of its name that is the same on every shard and in every
/// run, so that everything about a device happens on one thread.
package struct Homes: Sendable {
    let shards: Int

    package init(shards: Int) { self.shards = shards }

    func shard(of device: DeviceIdentity) -> Int {
        guard shards > 1 else { return 0 }
        var hash = StableHash()
        hash.add(device.product.text.utf8Span.span)
        hash.add(0)
        hash.add(device.device.text.utf8Span.span)
        return hash.remainder(of: shards)
    }

    /// An application without a client identifier stays where it is: it is given one that lives there.
    func shard(of claim: Claim, clientID: Span<UInt8>, acceptedOn shard: Int) -> Int {
        if case .device(let identity, _) = claim { return self.shard(of: identity) }
        return clientID.isEmpty ? shard : self.shard(ofClientID: clientID)
    }

    package func shard(ofClientID clientID: Span<UInt8>) -> Int {
        guard shards > 1 else { return 0 }
        var hash = StableHash()
        hash.add(clientID)
        return hash.remainder(of: shards)
    }
}

/// FNV-1a with 64 bits.
struct StableHash {
    private var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }

    mutating func add(_ bytes: Span<UInt8>) {
        for index in bytes.indices { add(bytes[index]) }
    }

    func remainder(of count: Int) -> Int {
        Int(truncatingIfNeeded: (value ^ value >> 32) % UInt64(count))
    }
}
