import Bytes
import Storage
import Testing

@Suite struct RecordTests {
    @Test(
        "A varint is read back, in as many bytes as 7 bits each take",
        arguments: [(0, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (UInt64.max, 10)]
            as [(UInt64, Int)]
    )
    func varint(value: UInt64, count: Int) throws {
        var buffer = ByteBuffer()
        buffer.appendVarint(value)
        let written = buffer.count
        #expect(written == count)
        var reader = ByteReader(buffer.span)
        let read = try reader.takeVarint()
        #expect(read == value)
    }

    @Test("A signed varint is read back", arguments: [0, -1, 1, -64, 64, Int64.min, Int64.max])
    func signedVarint(value: Int64) throws {
        var buffer = ByteBuffer()
        buffer.appendSignedVarint(value)
        var reader = ByteReader(buffer.span)
        let read = try reader.takeSignedVarint()
        #expect(read == value)
    }

    @Test("Text, booleans, optionals and lists are read back in the order they were written")
    func parts() throws {
        var buffer = ByteBuffer()
        buffer.append(text: "é")
        buffer.append(true)
        buffer.append(optional: Int64?.none) { buffer, value in buffer.appendSignedVarint(value) }
        buffer.append(optional: "x") { buffer, value in buffer.append(text: value) }
        buffer.append(list: [1, 2, 300]) { buffer, value in buffer.appendVarint(value) }
        var reader = ByteReader(buffer.span)
        let text = try reader.takeText()
        let flag = try reader.takeBool()
        let none = try reader.takeOptional { reader throws(MalformedRecord) in
            try reader.takeSignedVarint()
        }
        let some = try reader.takeOptional { reader throws(MalformedRecord) in try reader.takeText()
        }
        let list = try reader.takeList { reader throws(MalformedRecord) in try reader.takeVarint() }
        let isAtEnd = reader.isAtEnd
        #expect(text == "é" && flag && none == nil && some == "x" && list == [1, 2, 300])
        #expect(isAtEnd)
    }

    @Test("Lengths past the end, endless varints and odd booleans are malformed, and not believed")
    func malformed() {
        func fails(_ bytes: [UInt8], _ body: (inout ByteReader) throws(MalformedRecord) -> Void)
            -> Bool
        {
            var reader = ByteReader(bytes.span)
            do throws(MalformedRecord) {
                try body(&reader)
                return false
            } catch {
                return true
            }
        }
        let endless = [UInt8](repeating: 0xFF, count: 11)
        #expect(fails(endless) { reader throws(MalformedRecord) in _ = try reader.takeVarint() })
        let wide = [UInt8](repeating: 0x80, count: 9) + [2]
        #expect(fails(wide) { reader throws(MalformedRecord) in _ = try reader.takeVarint() })
        #expect(fails([5, 0x61]) { reader throws(MalformedRecord) in _ = try reader.takeText() })
        #expect(fails([1, 0xFF]) { reader throws(MalformedRecord) in _ = try reader.takeText() })
        #expect(fails([2]) { reader throws(MalformedRecord) in _ = try reader.takeBool() })
        #expect(
            fails([0xFF, 0xFF, 0xFF, 0x7F, 0]) { reader throws(MalformedRecord) in
                _ = try reader.takeList { reader throws(MalformedRecord) in try reader.takeUInt8() }
            }
        )
    }
}
