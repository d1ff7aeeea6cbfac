/// A number of JSON text (RFC 8259, 6): `-`, an integer without zeros in front, a fraction, an exponent.
package enum JSONNumber {
    /// Where the number ends that begins at `start`; `nil` when there is none. One that is too large for a `Double` is none:
    /// it would be read as infinite.
    package static func end(in bytes: [UInt8], from start: Int) -> Int? {
        var position = start
        func next() -> UInt8? { position < bytes.count ? bytes[position] : nil }

        /// How many digits follow, which are passed.
        func digits() -> Int {
            let first = position
            while let byte = next(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                position += 1
            }
            return position - first
        }

        if next() == UInt8(ascii: "-") { position += 1 }
        let isZero = next() == UInt8(ascii: "0")
        let whole = digits()
        guard whole == 1 || whole > 1 && !isZero else { return nil }
        if next() == UInt8(ascii: ".") {
            position += 1
            guard digits() > 0 else { return nil }
        }
        if next() == UInt8(ascii: "e") || next() == UInt8(ascii: "E") {
            position += 1
            if next() == UInt8(ascii: "+") || next() == UInt8(ascii: "-") { position += 1 }
            guard digits() > 0 else { return nil }
        }
        let number = Double(String(decoding: bytes[start..<position], as: UTF8.self))
        return number?.isFinite == true ? position : nil
    }
}
