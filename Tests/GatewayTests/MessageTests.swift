import Bytes
import MQTT
import Sessions
import Testing
import Time

@testable import Gateway

@Suite struct MessageTests {
    private func propertyBytes(_ body: (inout PropertyWriter) -> Void, in place: PropertyPlace)
        -> [UInt8]
    {
        var buffer = ByteBuffer()
        PropertyWriter.write(into: &buffer, in: place, body)
        // These are short: the length before them is one byte.
        buffer.removeFirst(1)
        return buffer.span.bytesArray
    }

    @Test("[MQTT-3.3.2-17] a message keeps its payload, QoS and properties wherever it goes")
    func travels() {
        let properties = propertyBytes(
            {
                $0.contentType("text/plain".utf8Span.span)
                $0.userProperty(name: "a".utf8Span.span, value: "b".utf8Span.span)
            }, in: .publish)
        let message = Message(
            topic: Array("a/b".utf8), payload: [0, 255, 1], qos: .atLeastOnce,
            properties: properties)
        #expect(message.byteCount == 6 + properties.count)
        var copies: [Message] = []
        message.withOutbound(isRetained: false) { copies.append(Message($0)) }
        #expect(copies.count == 1)
        for copy in copies {
            #expect(copy.topic == message.topic && copy.payload == message.payload)
            #expect(copy.qos == .atLeastOnce && copy.properties == properties)
        }
    }

    @Test("3.1.3.2: a will's properties are its message's, but for the delay")
    func will() throws {
        let sent = propertyBytes(
            {
                $0.willDelayInterval(seconds: 5)
                $0.contentType("x".utf8Span.span)
            }, in: .will)
        let expected = propertyBytes({ $0.contentType("x".utf8Span.span) }, in: .publish)
        let topic = Array("a/b".utf8)
        let payload = Array("gone".utf8)
        let will = Will(
            topic: topic.span, payload: payload.span, qos: .exactlyOnce, isRetained: false,
            properties: try PropertyView(validating: sent.span, in: .will))
        let message = Message(will)
        #expect(message.topic == topic && message.payload == payload)
        #expect(message.qos == .exactlyOnce && message.properties == expected)
    }

    @Test(
        "[MQTT-3.3.2-6] Of an expiry no more is left than was given, by any shard's clock",
        arguments: [(-1, 100), (0, 100), (1, 100), (1_000, 99), (99_000, 1), (99_999, 1)]
    )
    func remaining(milliseconds: Int64, seconds: UInt32) {
        let sent = Timestamp(seconds: 1_000)
        let message = Message(
            topic: Array("a".utf8), payload: [], qos: .atLeastOnce, properties: [],
            expiresAt: sent.adding(seconds: 100))
        message.withOutbound(isRetained: false) {
            let left = $0.remainingSeconds(at: sent.adding(milliseconds: milliseconds))
            #expect(left == seconds)
        }
    }
}
