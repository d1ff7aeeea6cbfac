import MQTT
import Testing

@Suite struct UTF8RulesTests {
    private func rule(_ bytes: [UInt8]) -> Violation? { UTF8Rules.violation(in: bytes.span) }

    /// The bytes alone, and behind and before enough ASCII to be met at any place of a word.
    private func everywhere(_ bytes: [UInt8]) -> [[UInt8]] {
        (0..<18).flatMap { before in
            [0, 1, 9].map { after in
                [UInt8](repeating: 0x61, count: before) + bytes
                    + [UInt8](repeating: 0x7A, count: after)
            }
        }
    }

    @Test("[MQTT-1.5.4-1] Ill-formed UTF-8 is refused: overlong, surrogates, stray and cut bytes")
    func illFormed() {
        let vectors: [[UInt8]] = [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xE0, 0x80, 0x80],
            [0xE0, 0x9F, 0xBF], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],
            [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0x98],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF],
        ]
        for vector in vectors {
            for bytes in everywhere(vector) { #expect(rule(bytes) == .illFormedString, "\(bytes)") }
        }
        #expect(Violation.illFormedString.reason == .malformedPacket)
    }

    @Test("[MQTT-1.5.4-2] U+0000 is refused")
    func nullCharacter() {
        for bytes in everywhere([0]) { #expect(rule(bytes) == .nullCharacter, "\(bytes)") }
        #expect(Violation.nullCharacter.reason == .malformedPacket)
    }

    @Test("Well-formed UTF-8 is taken: every scalar value but U+0000, U+FEFF [MQTT-1.5.4-3] too")
    func wellFormed() {
        // Every 37th scalar, and those at the edges of the forms.
        let edges: [UInt32] = [
            1, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFEFF, 0xFFFF, 0x10000, 0x10FFFF,
        ]
        for value in edges + stride(from: 1, through: 0x10FFFF, by: 37).map({ UInt32($0) }) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let bytes = Array(String(scalar).utf8)
            if rule(bytes) != nil { Issue.record("U+\(String(value, radix: 16))") }
        }
        for bytes in everywhere(Array("A𪛔".utf8)) { #expect(rule(bytes) == nil) }
        #expect(rule([]) == nil)
    }
}
