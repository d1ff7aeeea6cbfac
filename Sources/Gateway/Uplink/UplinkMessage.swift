import Bytes
import Ledger
import MQTT
import Replication
import Sessions
import Time

/// A device's message for the stream that its product names.
struct UplinkMessage: Sendable {
    let device: DeviceIdentity
    let stream: UplinkStream
    let message: Message

    /// When it was received.
    let at: Timestamp

    /// What it was counted as (rule C2).
    let units: UInt32

    /// Of QoS 1 and 2.
    let packetID: UInt16?

    /// It came with DUP: it may be one that is there already.
    let isDuplicate: Bool

    /// Whether the same was sent again: a message whose acknowledgement did not reach its device. Until then a device
    /// uses its packet identifier for nothing else.
    func isRepetition(of other: UplinkMessage) -> Bool {
        isDuplicate && packetID != nil && packetID == other.packetID
            && message.topic == other.message.topic && message.payload == other.message.payload
    }

    /// What keeping it costs, for the limits.
    var byteCount: Int { message.byteCount + 256 }

    /// As the stream gets it (Wire.md, "Uplink into a stream").
    func streamMessage(id: String) -> StreamMessage {
        StreamMessage(words: words, headers: headers, payload: message.payload, id: id)
    }

    // MARK: Subject

    /// The most bytes of the words of a topic: of a longer one the levels that fit. NATS has 4,096 for all of a line.
    private static let wordsMaximumBytes = 1_024

    private var words: [String] {
        var words = [device.product.text, StreamText.word(Array(device.device.text.utf8))]
        var left = Self.wordsMaximumBytes
        let rest = message.topic.dropFirst(device.topicPrefix.count)
        for level in rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            let word = StreamText.word(level)
            left -= word.utf8.count + 1
            if left < 0 { break }
            words.append(word)
        }
        return words
    }

    // MARK: Header

    /// The most bytes of the lines that are left out when there are more.
    private static let propertiesMaximumBytes = 65_536

    private var headers: [StreamMessage.Header] {
        var lines: [StreamMessage.Header] = [
            .init("Tollgate-Product", device.product.text),
            .init("Tollgate-Device", device.device.text),
            .init("Tollgate-Topic", StreamText.value(message.topic)),
            .init("Tollgate-Time", at.description),
            .init("Tollgate-QoS", "\(message.qos.rawValue)"),
            .init("Tollgate-Units", "\(units)"),
        ]
        if let packetID { lines.append(.init("Tollgate-Packet", "\(packetID)")) }
        if isDuplicate { lines.append(.init("Tollgate-Duplicate", "1")) }
        if let expiresAt = message.expiresAt {
            lines.append(.init("Tollgate-Expires", expiresAt.description))
        }
        return message.properties.isEmpty ? lines : lines + properties
    }

    /// Those of MQTT 5 that travel with a message.
    private var properties: [StreamMessage.Header] {
        message.withOutbound(isRetained: false) { outbound in
            var lines: [StreamMessage.Header] = []
            let view = outbound.properties
            func add(_ name: String, _ value: Span<UInt8>?) {
                guard let value else { return }
                lines.append(.init(name, StreamText.value(value.bytesArray)))
            }
            add("Content-Type", view.contentType)
            add("Tollgate-Response-Topic", view.responseTopic)
            add("Tollgate-Correlation", view.correlationData)
            var own = view.userProperties
            while let property = own.next() {
                let name = StreamText.value(property.name.bytesArray, escaping: UInt8(ascii: "="))
                let value = StreamText.value(property.value.bytesArray)
                lines.append(.init("Tollgate-Property", "\(name)=\(value)"))
            }
            var left = Self.propertiesMaximumBytes
            return lines.filter { line in
                left -= line.name.utf8.count + line.value.utf8.count
                return left >= 0
            }
        }
    }
}

/// Bytes as text that NATS takes: what it does not is `%` and two hexadecimal digits.
enum StreamText {
    /// A word of a subject: of `[A-Za-z0-9_-]` and `%XX`; `%` alone for nothing.
    static func word(_ bytes: some Collection<UInt8>) -> String {
        if bytes.isEmpty { return "%" }
        return encode(bytes) { byte, _ in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    /// The value of a header: printable ASCII stays, but for `%`, `escaping`, and spaces at its ends.
    static func value(_ bytes: some Collection<UInt8>, escaping: UInt8? = nil) -> String {
        let last = bytes.count - 1
        return encode(bytes) { byte, position in
            if byte == UInt8(ascii: "%") || byte == escaping { return false }
            if byte == UInt8(ascii: " ") { return position > 0 && position < last }
            return (0x21...0x7E).contains(byte)
        }
    }

    private static func encode(
        _ bytes: some Collection<UInt8>, where stays: (UInt8, Int) -> Bool
    ) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        for (position, byte) in bytes.enumerated() {
            if stays(byte, position) {
                text.append(byte)
            } else {
                text += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
