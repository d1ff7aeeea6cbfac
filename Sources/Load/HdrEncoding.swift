internal import Cryptography
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
        return Base64.encoded(bytes + content)
    }

    /// The counts of all buckets; `nil` when the text is no such histogram.
    static func counts(of text: String) -> [UInt64]? {
        guard let bytes = Base64.decoded(text), bytes.count >= headBytes else { return nil }
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
