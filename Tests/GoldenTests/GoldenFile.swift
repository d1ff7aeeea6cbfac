import Linux
import Testing

/// A file of golden bytes: lines of `name: hex`, `#` before a remark.
///
/// What a line says was on somebody's disk, so a line is never changed: a kind of record that gets a
/// new layout gets new lines, and its old ones are still read.
struct GoldenFile {
    let path: String
    private(set) var lines: [String: [UInt8]] = [:]

    /// The file of that name in `Tests/Golden`; every line has to be understood.
    init(_ name: String) throws {
        path = try Self.place(of: name)
        let bytes = try FileSystem.read(path, maximumBytes: 1 << 20)
        let text = try #require(String(validating: bytes, as: UTF8.self))
        for line in text.split(separator: "\n") where line.first != "#" {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            try #require(parts.count == 2, "\(name): \(line)")
            let bytes = try #require(Self.bytes(parts[1].drop { $0 == " " }), "\(name): \(line)")
            try #require(lines.updateValue(bytes, forKey: String(parts[0])) == nil, "\(line)")
        }
    }

    static func place(of name: String) throws -> String {
        let here = #filePath
        let end = try #require(here.firstRange(of: "GoldenTests/")).lowerBound
        return "\(here[..<end])Golden/\(name)"
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func bytes(_ hex: Substring) -> [UInt8]? {
        let digits = hex.compactMap(\.hexDigitValue)
        guard digits.count == hex.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }
}
