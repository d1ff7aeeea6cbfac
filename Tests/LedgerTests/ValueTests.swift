import Testing

@testable import Ledger
@testable import LedgerModel

@Suite struct ValueTests {
    @Test("PK and DK: only the alphabets and lengths of Wire.md")
    func names() {
        #expect(ProductKey("a1B2") != nil)
        #expect(ProductKey("") == nil)
        #expect(ProductKey("a-b") == nil)
        #expect(ProductKey(String(repeating: "a", count: 32)) != nil)
        #expect(ProductKey(String(repeating: "a", count: 33)) == nil)
        #expect(DeviceKey("a_b.c:d@e-f9") != nil)
        #expect(DeviceKey("a/b") == nil)
        #expect(DeviceKey("é") == nil)
        #expect(DeviceKey(String(repeating: "z", count: 65)) == nil)
        let bytes: [UInt8] = Array("PK.1".utf8)
        #expect(ProductKey(utf8: bytes.span) == nil)
        #expect(DeviceKey(utf8: bytes.span)?.text == "PK.1")
    }

    @Test("A9: a printed code is read back, in small letters and without hyphens too")
    func codeText() {
        for serial: UInt64 in [0, 1, 31, 32, 1_000_000, 1 << 60, .max] {
            let code = ActivationCode(serial: serial)
            #expect(ActivationCode(code.description) == code)
            let plain = code.description.lowercased().filter { $0 != "-" }
            #expect(ActivationCode(plain) == code)
        }
        #expect(ActivationCode("") == nil)
        #expect(ActivationCode("ZZZZ-ZZZZ-ZZZZ-ZZ") == nil)
    }

    @Test("A9: the check character finds every wrong character and swaps of neighbours")
    func codeCheck() {
        let text = Array(ActivationCode(serial: 987_654_321_012).description.filter { $0 != "-" })
        let alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
        for position in text.indices {
            for wrong in alphabet where wrong != text[position] {
                var changed = text
                changed[position] = wrong
                #expect(ActivationCode(String(changed)) == nil, "\(String(changed))")
            }
        }
        for position in 0..<text.count - 2 where text[position] != text[position + 1] {
            var changed = text
            changed.swapAt(position, position + 1)
            #expect(ActivationCode(String(changed)) == nil, "\(String(changed))")
        }
    }

    @Test("A9: the check character is ISO 7064 MOD 37,36, as in the GRid A12425GABC1234002M")
    func codeCheckStandard() {
        let values = "A12425GABC1234002".utf8.map { byte in
            byte <= UInt8(ascii: "9") ? byte - UInt8(ascii: "0") : byte - UInt8(ascii: "A") + 10
        }
        #expect(ActivationCode.checkValue(of: values) == UInt8(ascii: "M") - UInt8(ascii: "A") + 10)
        #expect(ActivationCode(serial: 74).description == "0000-0000-0002-AO")
    }

    @Test("A sealed secret has 1 to 96 bytes, a sealing key a number and a fingerprint")
    func secrets() {
        #expect(SealedSecret([UInt8]()) == nil)
        #expect(SealedSecret([UInt8](repeating: 0, count: 96)) != nil)
        #expect(SealedSecret([UInt8](repeating: 0, count: 97)) == nil)
        let fingerprint = [UInt8](repeating: 1, count: 32)
        #expect(SealingKey(number: 255, fingerprint: fingerprint) != nil)
        #expect(SealingKey(number: 0, fingerprint: fingerprint) == nil)
        #expect(SealingKey(number: 1, fingerprint: fingerprint.dropLast()) == nil)
    }

    @Test("A5: an allowance that falls is named; no limit is the highest")
    func allowances() {
        let base = Allowance(validityDays: 5, messagesPerDay: 10, otaPerMonth: 1, storageDays: 7)!
        let unlimited = Allowance(
            validityDays: 5,
            messagesPerDay: nil,
            otaPerMonth: 1,
            storageDays: 7
        )!
        #expect(unlimited.lowered(from: base) == nil)
        #expect(base.lowered(from: unlimited) == "messagesPerDay")
        #expect(
            Allowance(validityDays: 4, messagesPerDay: 10, otaPerMonth: 1, storageDays: 7)!
                .lowered(from: base) == "validityDays"
        )
        #expect(
            Allowance(validityDays: 5, messagesPerDay: 10, otaPerMonth: 0, storageDays: 7)!
                .lowered(from: base) == "otaPerMonth"
        )
        #expect(
            Allowance(validityDays: 5, messagesPerDay: 10, otaPerMonth: 1, storageDays: 6)!
                .lowered(from: base) == "storageDays"
        )
        #expect(
            Allowance(validityDays: 0, messagesPerDay: 1, otaPerMonth: 1, storageDays: 1) == nil
        )
    }
}
