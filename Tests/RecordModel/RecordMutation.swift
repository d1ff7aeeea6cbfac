/// What becomes of records on the wire, between an honest client and the server.
public enum RecordMutation: Int, CaseIterable, Sendable {
    case none
    case flippedBit
    case changedByte
    case endCutOff
    case bytesLeftOut
    case bytesTwice
    case otherLength
    case otherType
    case otherVersion
    case swapped
    case replayed
    case missing
    case foreign
    case randomBytes
    case unprotected
    case shortened
    case lengthened
    case spliced
    case randomPayload

    /// The records as they arrive, one after the other. `foreign` are those of another connection.
    public func applied(
        to records: [[UInt8]],
        foreign: [[UInt8]],
        _ random: inout RecordRandom
    ) -> [UInt8] {
        switch self {
        case .none, .flippedBit, .changedByte, .endCutOff, .bytesLeftOut, .bytesTwice:
            changed(records.flatMap { $0 }, &random)
        case .otherLength, .otherType, .otherVersion, .swapped, .replayed, .missing, .foreign,
            .randomBytes, .unprotected, .shortened, .lengthened, .spliced, .randomPayload:
            rearranged(records, foreign, &random).flatMap { $0 }
        }
    }

    /// Those that take no notice of where records begin.
    private func changed(_ bytes: [UInt8], _ random: inout RecordRandom) -> [UInt8] {
        var bytes = bytes
        let place = random.next(below: bytes.count)
        let end = min(place + 1 + random.next(below: 30), bytes.count)
        switch self {
        case .flippedBit: bytes[place] ^= 1 << UInt8(random.next(below: 8))
        case .changedByte: bytes[place] = random.byte()
        case .endCutOff: bytes.removeLast(bytes.count - place)
        case .bytesLeftOut: bytes.removeSubrange(place..<end)
        case .bytesTwice: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case .none, .otherLength, .otherType, .otherVersion, .swapped, .replayed, .missing,
            .foreign, .randomBytes, .unprotected, .shortened, .lengthened, .spliced,
            .randomPayload:
            break
        }
        return bytes
    }

    /// Those of whole records.
    private func rearranged(
        _ records: [[UInt8]],
        _ foreign: [[UInt8]],
        _ random: inout RecordRandom
    ) -> [[UInt8]] {
        var records = records
        let (first, second) = (
            random.next(below: records.count), random.next(below: records.count)
        )
        switch self {
        case .otherLength:
            let field = [random.byte(), random.byte()]
            records[first].replaceSubrange(3..<5, with: field)
        case .otherType: records[first][0] = random.byte()
        case .otherVersion: records[first][1 + random.next(below: 2)] = random.byte()
        case .swapped: records.swapAt(first, second)
        case .replayed: records.insert(records[first], at: second)
        case .missing: records.remove(at: first)
        case .foreign: records.insert(foreign[random.next(below: foreign.count)], at: first)
        case .randomBytes: records.insert(random.bytes(1 + random.next(below: 80)), at: first)
        case .unprotected: records.insert(Self.unprotected(&random), at: first)
        case .shortened:
            records[first].removeLast(1 + random.next(below: records[first].count - 5))
            Self.writeLength(&records[first])
        case .lengthened:
            records[first] += random.bytes(1 + random.next(below: 20))
            Self.writeLength(&records[first])
        case .spliced:
            records[first] = Array(records[first].prefix(5) + records[second].dropFirst(5))
            Self.writeLength(&records[first])
        case .randomPayload:
            let payload = random.bytes(records[first].count - 5)
            records[first].replaceSubrange(5..., with: payload)
        case .none, .flippedBit, .changedByte, .endCutOff, .bytesLeftOut, .bytesTwice: break
        }
        return records
    }

    /// A record in the clear: change_cipher_spec, alert, handshake or data, as they may look.
    private static func unprotected(_ random: inout RecordRandom) -> [UInt8] {
        switch random.next(below: 4) {
        case 0: [20, 3, 3, 0, 1, 1]
        case 1: [21, 3, 3, 0, 2, 1 + random.byte() % 2, random.byte() % 120]
        case 2: [22, 3, 3, 0, 5, 24, 0, 0, 1, 0]
        default: [23, 3, 3, 0, 4] + random.bytes(4)
        }
    }

    private static func writeLength(_ record: inout [UInt8]) {
        let length = record.count - 5
        record[3] = UInt8(truncatingIfNeeded: length >> 8)
        record[4] = UInt8(truncatingIfNeeded: length)
    }
}
