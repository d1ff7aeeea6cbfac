import Bytes
import Testing

@Suite struct ByteBufferTests {
    @Test("What is appended is read back, integers big-endian")
    func roundTrip() {
        var buffer = ByteBuffer()
        buffer.append(UInt8(1))
        buffer.append(UInt16(0x0203))
        buffer.append(UInt32(0x0405_0607))
        buffer.append(UInt64(0x0809_0A0B_0C0D_0E0F))
        buffer.append(utf8: "é")
        #expect(buffer.count == 17)
        #expect((0..<15).map { buffer[$0] } == (1...15).map { UInt8($0) })

        var reader = ByteReader(buffer.span)
        let values = (
            reader.readUInt8(), reader.readUInt16(), reader.readUInt32(), reader.readUInt64()
        )
        #expect(values.0 == 1)
        #expect(values.1 == 0x0203)
        #expect(values.2 == 0x0405_0607)
        #expect(values.3 == 0x0809_0A0B_0C0D_0E0F)
        let rest = reader.readRemaining()
        #expect(rest.count == 2 && rest[0] == 0xC3 && rest[1] == 0xA9)
        let atEnd = reader.isAtEnd
        #expect(atEnd)
    }

    @Test("A read past the end answers nil and moves nothing")
    func shortRead() {
        var buffer = ByteBuffer()
        buffer.append(UInt16(7))
        var reader = ByteReader(buffer.span)
        let wide = reader.readUInt32()
        let slice = reader.readBytes(3) == nil
        let narrow = reader.readUInt16()
        #expect(wide == nil)
        #expect(slice)
        #expect(narrow == 7)
    }

    @Test("Taking from the front and appending at the end keeps the order, at any size")
    func sliding() {
        var buffer = ByteBuffer()
        var written = 0
        var taken = 0
        for step in 1...2_000 {
            for _ in 0..<step % 37 {
                buffer.append(UInt8(truncatingIfNeeded: written))
                written += 1
            }
            let removed = min(buffer.count, step % 31)
            for index in 0..<removed {
                #expect(buffer[index] == UInt8(truncatingIfNeeded: taken + index))
            }
            buffer.removeFirst(removed)
            taken += removed
        }
        #expect(buffer.count == written - taken)
    }

    @Test("A gap moves what comes after it, into a larger allocation too")
    func gap() {
        for count in 0...130 {
            for index in [0, count / 2, count] {
                var buffer = ByteBuffer()
                for value in 0..<count + 3 { buffer.append(UInt8(value)) }
                buffer.removeFirst(3)
                buffer.insertGap(of: 3, at: index)
                let values = (0..<buffer.count).map { buffer[$0] }
                let expected = (3..<count + 3).map { UInt8($0) }
                #expect(Array(values[0..<index]) == Array(expected[0..<index]))
                #expect(Array(values[(index + 3)...]) == Array(expected[index...]))
            }
        }
    }

    @Test("An empty buffer owns no memory")
    func empty() {
        var buffer = ByteBuffer()
        #expect(buffer.capacity == 0 && buffer.span.count == 0)
        buffer.append(UInt8(1))
        buffer.removeAll(keepingCapacity: false)
        #expect(buffer.capacity == 0 && buffer.isEmpty)
    }

    @Test("Prefix and equality look at each byte, whatever the length")
    func comparison() {
        for length in 0...40 {
            let bytes = (0..<length).map { UInt8($0 + 1) }
            let longer = bytes + [9]
            #expect(isEqual(bytes, bytes) && hasPrefix(longer, bytes))
            #expect(!hasPrefix(bytes, longer) && !isEqual(longer, bytes))
            for index in bytes.indices {
                var other = bytes
                other[index] ^= 0x80
                #expect(!isEqual(other, bytes) && !hasPrefix(other + [9], bytes))
            }
        }
    }

    @Test("Bytes of one value are counted, wherever they are and whatever is beside them")
    func counting() {
        var random = SystemRandomNumberGenerator()
        for length in 0...40 {
            // Few values, those among them that a borrow or a carry between bytes would confuse.
            let values: [UInt8] = [0x00, 0x01, 0x2E, 0x2F, 0x30, 0x7F, 0x80, 0xAF, 0xFF]
            let bytes = (0..<length).map { _ in values.randomElement(using: &random)! }
            for value in values {
                let known = bytes.filter { $0 == value }.count
                let found = bytes.span.count(of: value)
                #expect(found == known, "\(value) in \(bytes)")
            }
        }
    }

    private func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.span.isEqual(to: right.span)
    }

    private func hasPrefix(_ bytes: [UInt8], _ prefix: [UInt8]) -> Bool {
        bytes.span.hasPrefix(prefix.span)
    }
}
