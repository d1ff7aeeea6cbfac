import Bytes
import Storage

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
        default: encodeImports(into: &buffer)
        }
    }

    @_lifetime(reader: copy reader)
    static func decodePacks(
        _ tag: UInt8,
        from reader: inout ByteReader
    ) throws(StoreError) -> Refusal {
        switch tag {
        case 50:
            .noTopUpLeft(try reader.take(AccountID.self))
        case 51:
            .expiryPassed(try reader.takeTimestamp())
        case 52:
            .unknownLease(try reader.takeVarint())
        case 53:
            .leaseExceeded(lease: try reader.takeVarint(), units: try reader.takeVarint())
        default: try Self.decodeImports(tag, from: &reader)
        }
    }
}
