internal import Telemetry

/// Histograms as text: the V2 encoding of HdrHistogram, not compressed, in base64. Its buckets for three significant
/// digits are those of `PreciseHistogramScale`, so all counts are kept; other programs can read them.
///
/// 40 bytes of head (big endian: a cookie, the content's length, 0, the digits, the lowest and the highest value, and
/// 1.0), then the counts of all buckets up to the last that has any, as zigzag numbers of seven bits a byte (LEB128), the
/// least significant first; of a number's ninth byte all eight bits count. A negative number is so many empty buckets.
enum HdrEncoding {
    private static let cookie: UInt32 = 0x1C84_9303 | 0x10
    private static let digits: UInt32 = 3
    private static let highestValue: UInt64 = (1 << 41) - 1
    private static let headBytes = 40

    static func text(of snapshot: PreciseHistogramSnapshot) -> String {
        let counts = snapshot.counts
        let end = counts.lastIndex { $0 > 0 }.map { $0 + 1 } ?? 0
        var content: [UInt8] = []
        var index = 0
        while index < end {
            if counts[index] > 0 {
                append(Int64(counts[index]), to: &content)
                index += 1
                continue
            }
            let next = counts[index..<end].firstIndex { $0 > 0 } ?? end
            append(-Int64(next - index), to: &content)
            index = next
        }
        var bytes: [UInt8] = []
        for word in [cookie, UInt32(content.count), 0, digits] { append(word, to: &bytes) }
        for word in [1, highestValue, 1.0.bitPattern] as [UInt64] { append(word, to: &bytes) }
        return Base64.text(of: bytes + content)
    }

    /// The counts of all buckets; `nil` when the text is no such histogram.
    static func counts(of text: String) -> [UInt64]? {
        guard let bytes = Base64.bytes(of: text), bytes.count >= headBytes else { return nil }
        func word(_ offset: Int, _ count: Int = 4) -> UInt64 {
            bytes[offset..<offset + count].reduce(0) { $0 << 8 | UInt64($1) }
        }
        guard word(0) == UInt64(cookie), word(4) == UInt64(bytes.count - headBytes), word(8) == 0,
            word(12) == UInt64(digits), word(16, 8) == 1, word(24, 8) == highestValue
        else { return nil }
        var counts: [UInt64] = []
        var rest = bytes[headBytes...]
        while !rest.isEmpty {
            guard let number = next(&rest) else { return nil }
            if number >= 0 {
                counts.append(UInt64(number))
            } else {
                guard number >= -Int64(PreciseHistogramScale.bucketCount) else { return nil }
                counts += Array(repeating: 0, count: Int(-number))
            }
            guard counts.count <= PreciseHistogramScale.bucketCount else { return nil }
        }
        return counts
            + Array(repeating: 0, count: PreciseHistogramScale.bucketCount - counts.count)
    }

    private static func append<Word: FixedWidthInteger>(_ word: Word, to bytes: inout [UInt8]) {
        for shift in stride(from: Word.bitWidth - 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: word >> Word(shift)))
        }
    }

    private static func append(_ number: Int64, to bytes: inout [UInt8]) {
        var rest = UInt64(bitPattern: number << 1 ^ number >> 63)
        for _ in 0..<8 where rest >= 128 {
            bytes.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private static func next(_ bytes: inout ArraySlice<UInt8>) -> Int64? {
        var value: UInt64 = 0
        for place in 0..<9 {
            guard let byte = bytes.popFirst() else { return nil }
            let isLast = place == 8
            value |= UInt64(isLast ? byte : byte & 127) << UInt64(7 * place)
            if isLast || byte < 128 { break }
        }
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }
}

/// Bytes as text (RFC 4648, 4).
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func text(of bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                text.append(
                    place <= group.count
                        ? alphabet[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `nil` for anything else.
    static func bytes(of text: String) -> [UInt8]? {
        let text = Array(text.utf8)
        guard text.count % 4 == 0 else { return nil }
        let digits = text.prefix { $0 != UInt8(ascii: "=") }
        guard text.count - digits.count <= 2,
            text[digits.count...].allSatisfy({ $0 == UInt8(ascii: "=") })
        else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 4 * 3)
        var (bits, count) = (0, 0)
        for digit in digits {
            guard let value = value(of: digit) else { return nil }
            bits = bits << 6 | value
            count += 6
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> count))
            bits &= 1 << count - 1
        }
        return bytes
    }

    private static func value(of digit: UInt8) -> Int? {
        switch digit {
        case 65...90: Int(digit) - 65
        case 97...122: Int(digit) - 71
        case 48...57: Int(digit) + 4
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
