import Bytes
import Encoding

/// Refusals about top-up packs and OTA upgrades.
extension Refusal {
    var packDescription: String {
        switch self {
        case .noTopUpLeft(let account):
            "account \(account) has nothing left in its message packs"
        case .expiryPassed(let time): "\(time) is not after now; a pack expires later"
        case .unknownLease(let id): "there is no lease \(id), or it has ended"
        case .leaseExceeded(let lease, let units):
            "more was used than the \(units) units of lease \(lease)"
        case .deviceNotActive(let identity):
            "device \(identity) is not active, and only an active one has OTA upgrades"
        case .otaExhausted(let needed, let allowance, let packs):
            "the upgrade needs \(needed) attempts; \(allowance) are left of this month's "
                + "allowance and \(packs) in OTA packs"
        case .unknownUpgrade(let identity, let id): "device \(identity) has no upgrade \(id)"
        case .upgradeReported(_, let id, let state):
            "upgrade \(id) was reported before: it has \(state.name)"
        default: name
        }
    }

    func encodePacks(into buffer: inout ByteBuffer) {
        switch self {
        case .noTopUpLeft(let account):
            buffer.append(UInt8(50))
            buffer.append(account)
        case .expiryPassed(let time):
            buffer.append(UInt8(51))
            buffer.append(time)
        case .unknownLease(let id):
            buffer.append(UInt8(52))
            buffer.appendVarint(id)
        case .leaseExceeded(let lease, let units):
            buffer.append(UInt8(53))
            buffer.appendVarint(lease)
            buffer.appendVarint(units)
        default: encodeUpgrades(into: &buffer)
        }
    }

    private func encodeUpgrades(into buffer: inout ByteBuffer) {
        switch self {
        case .deviceNotActive(let identity):
            buffer.append(UInt8(54))
            buffer.append(identity)
        case .otaExhausted(let needed, let allowance, let packs):
            buffer.append(UInt8(55))
            buffer.appendVarint(needed)
            buffer.appendVarint(allowance)
            buffer.appendVarint(packs)
        case .unknownUpgrade(let identity, let id):
            buffer.append(UInt8(56))
            buffer.append(identity)
            buffer.append(id)
        case .upgradeReported(let identity, let id, let state):
            buffer.append(UInt8(57))
            buffer.append(identity)
            buffer.append(id)
            buffer.append(case: state)
        default: encodeImports(into: &buffer)
        }
    }

    @_lifetime(reader: copy reader)
    static func decodePacks(
        _ tag: UInt8,
        from reader: inout ByteReader
    ) throws(MalformedRecord) -> Refusal {
        switch tag {
        case 50:
            .noTopUpLeft(try reader.take(AccountID.self))
        case 51:
            .expiryPassed(try reader.takeTimestamp())
        case 52:
            .unknownLease(try reader.takeVarint())
        case 53:
            .leaseExceeded(lease: try reader.takeVarint(), units: try reader.takeVarint())
        case 54:
            .deviceNotActive(try reader.takeIdentity())
        case 55:
            .otaExhausted(
                needed: try reader.takeVarint(),
                allowance: try reader.takeVarint(),
                packs: try reader.takeVarint()
            )
        case 56:
            .unknownUpgrade(try reader.takeIdentity(), try reader.take(UpgradeID.self))
        case 57:
            .upgradeReported(
                try reader.takeIdentity(),
                try reader.take(UpgradeID.self),
                try reader.take(case: UpgradeState.self)
            )
        default: try Self.decodeImports(tag, from: &reader)
        }
    }
}
