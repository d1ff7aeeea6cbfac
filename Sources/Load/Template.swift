internal import Bytes

/// A text with places: `%d` is the client's number, `%06d` the same in six digits, `%P` and `%D` a device's
/// ProductKey and DeviceKey, `%%` a percent sign.
public struct Template: Sendable, Equatable {
    enum Part: Sendable, Equatable {
        case text([UInt8])
        case number(digits: Int)
        case productKey
        case deviceKey
    }

    let parts: [Part]

    /// `nil` when something else follows a percent sign.
    public init?(_ text: String) {
        var parts: [Part] = []
        var literal: [UInt8] = []
        var bytes = Array(text.utf8)[...]
        while let byte = bytes.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                literal.append(byte)
                continue
            }
            guard let part = Self.place(&bytes) else { return nil }
            if case .text(let more) = part {
                literal += more
                continue
            }
            if !literal.isEmpty { parts.append(.text(literal)) }
            literal = []
            parts.append(part)
        }
        if !literal.isEmpty { parts.append(.text(literal)) }
        self.parts = parts
    }

    /// What stands behind a percent sign.
    private static func place(_ bytes: inout ArraySlice<UInt8>) -> Part? {
        guard let byte = bytes.popFirst() else { return nil }
        switch byte {
        case UInt8(ascii: "%"): return .text([byte])
        case UInt8(ascii: "d"): return .number(digits: 1)
        case UInt8(ascii: "P"): return .productKey
        case UInt8(ascii: "D"): return .deviceKey
        case UInt8(ascii: "0"):
            guard let digit = bytes.popFirst(), (49...57).contains(digit),
                bytes.popFirst() == UInt8(ascii: "d")
            else { return nil }
            return .number(digits: Int(digit) - 48)
        default: return nil
        }
    }

    /// Whether it names a device's keys, which only those of a fleet have.
    public var needsDevice: Bool { parts.contains(.productKey) || parts.contains(.deviceKey) }

    /// Whether it has the client's number in it.
    var needsNumber: Bool {
        parts.contains { part in
            switch part {
            case .number: true
            case .text, .productKey, .deviceKey: false
            }
        }
    }

    /// The text, when it has no places.
    public var constant: String? {
        guard !needsDevice, !needsNumber else { return nil }
        return text(0, nil)
    }

    /// Whether each client has another text.
    public var differs: Bool {
        parts.contains { part in
            switch part {
            case .text, .productKey: false
            case .number, .deviceKey: true
            }
        }
    }

    /// Appends the text of the client with that number.
    func append(_ number: Int, _ device: Device?, to buffer: inout ByteBuffer) {
        for part in parts {
            switch part {
            case .text(let bytes): buffer.append(bytes.span)
            case .number(let digits): Self.append(number, digits: digits, to: &buffer)
            case .productKey: if let device { buffer.append(device.productKey.span) }
            case .deviceKey: if let device { buffer.append(device.deviceKey.span) }
            }
        }
    }

    /// The text of the client with that number.
    func text(_ number: Int, _ device: Device?) -> String {
        var buffer = ByteBuffer()
        append(number, device, to: &buffer)
        return String(decoding: buffer.span.bytesArray, as: UTF8.self)
    }

    private static func append(_ number: Int, digits: Int, to buffer: inout ByteBuffer) {
        var divisor = 1
        var count = 1
        while number / divisor >= 10 || count < digits {
            divisor *= 10
            count += 1
        }
        while divisor > 0 {
            buffer.append(UInt8(48 + number / divisor % 10))
            divisor /= 10
        }
    }
}
