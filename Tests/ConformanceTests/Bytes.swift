// Packets written by hand, without the codec that is under test.
extension [UInt8] {
    /// A packet: its first byte, the length of the rest, the rest.
    static func packet(_ first: UInt8, _ parts: [UInt8]...) -> [UInt8] {
        let body = parts.flatMap { $0 }
        return [first] + length(body.count) + body
    }

    /// A variable byte integer.
    static func length(_ count: Int) -> [UInt8] {
        count < 128
            ? [UInt8(count)] : [UInt8(count % 128) | 0x80] + length(count / 128)
    }

    /// A string with its length in front.
    static func text(_ text: String) -> [UInt8] { counted(Array(text.utf8)) }

    /// Bytes with their length in front.
    static func counted(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
    }

    /// One after the other.
    static func joined(_ parts: [UInt8]...) -> [UInt8] { parts.flatMap { $0 } }

    /// Properties with their length in front.
    static func properties(_ bytes: [UInt8]...) -> [UInt8] {
        let all = bytes.flatMap { $0 }
        return length(all.count) + all
    }

    /// A CONNECT.
    static func connect(
        level: UInt8 = 5,
        name: String = "MQTT",
        flags: UInt8 = 0b10,
        properties: [UInt8] = [],
        clientID: [UInt8] = .text("hex"),
        _ rest: [UInt8]...
    ) -> [UInt8] {
        .packet(
            0x10,
            .text(name), [level, flags, 0, 60],
            level >= 5 ? .properties(properties) : [],
            clientID,
            rest.flatMap { $0 }
        )
    }

    /// As two digits each.
    var hexadecimal: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}
