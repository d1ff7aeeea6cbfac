import Bytes
import MQTT
import Testing

@Suite struct PublishFanOutTests {
    private let forms = ProtocolVersion.allCases.flatMap { version in
        QoS.allCases.flatMap { qos in
            [false, true].flatMap { isRetained in
                (qos == .atMostOnce ? [false] : [false, true]).map { isDuplicate in
                    PublishForm(
                        version: version, qos: qos, isRetained: isRetained,
                        isDuplicate: isDuplicate)
                }
            }
        }
    }

    private func encodedAnew(
        _ topic: [UInt8],
        _ payload: [UInt8],
        _ form: PublishForm,
        _ packetID: UInt16?,
        expirySeconds: UInt32?
    ) -> [UInt8] {
        bytes { buffer in
            Publish.encode(
                topic: topic.span,
                payload: payload.span,
                qos: form.qos,
                packetID: packetID,
                isRetained: form.isRetained,
                isDuplicate: form.isDuplicate,
                version: form.version,
                into: &buffer
            ) { properties in
                properties.contentType("x".utf8Span.span)
                properties.userProperty(name: "n".utf8Span.span, value: "2".utf8Span.span)
                properties.userProperty(name: "n".utf8Span.span, value: "1".utf8Span.span)
                if let expirySeconds {
                    properties.messageExpiryInterval(seconds: expirySeconds)
                }
            }
        }
    }

    @Test("Each form of a message is what encoding it anew gives, for each packet identifier")
    func same() throws {
        #expect(forms.count == 20)
        // Properties as they came: an expiry interval and an alias among them, which are not passed on.
        let received: [UInt8] =
            [0x03, 0, 1, 0x78, 0x02, 0, 0, 0, 99, 0x26, 0, 1, 0x6E, 0, 1, 0x32, 0x23, 0, 7]
            + [0x26, 0, 1, 0x6E, 0, 1, 0x31]
        let properties = try PropertyView(validating: received.span, in: .publish)
        let topic = Array("a/ü".utf8)
        var fanOut = PublishFanOut()
        // Around the lengths where the remaining length grows by a byte.
        for size in [0, 1, 90, 97, 98, 99, 112, 113, 120, 121, 16_350, 16_384, 70_000] {
            let payload = [UInt8](repeating: UInt8(size & 0xFF), count: size)
            let expirySeconds: UInt32? = size % 2 == 0 ? nil : UInt32(size)
            fanOut.begin()
            for packetID in [1, 0xFF, 0x100, 0xFFFF] as [UInt16] {
                for form in forms {
                    let packetID = form.qos == .atMostOnce ? nil : packetID
                    var output = ByteBuffer()
                    output.append(0xAA as UInt8)
                    fanOut.append(
                        topic: topic.span,
                        payload: payload.span,
                        properties: properties,
                        expirySeconds: expirySeconds,
                        form: form,
                        packetID: packetID,
                        to: &output
                    )
                    let expected = encodedAnew(
                        topic, payload, form, packetID, expirySeconds: expirySeconds)
                    let isSame = output.span.bytesArray == [0xAA] + expected
                    #expect(isSame, "\(form), \(size) bytes")
                }
            }
        }
    }

    @Test("A template is empty until it is encoded, and takes the next packet in its place")
    func template() {
        var template = PublishTemplate()
        let wasEmpty = template.isEmpty
        let topic = Array("a".utf8)
        let form = PublishForm(version: .v3_1_1, qos: .atLeastOnce)
        template.encode(topic: topic.span, payload: Span(), form: form)
        let count = template.count
        template.encode(topic: topic.span, payload: topic.span, form: form)
        var output = ByteBuffer()
        template.append(to: &output, packetID: 0x0102)
        let packet = output.span.bytesArray
        #expect(wasEmpty && count == 7 && packet == [0x32, 6, 0, 1, 0x61, 1, 2, 0x61])
        template.removeAll()
        let isEmpty = template.isEmpty
        #expect(isEmpty)
    }

    @Test(
        """
        [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] Retain Handling 0: sent; 1: sent for a new \
        subscription; 2: not sent; and never for a shared one
        """
    )
    func retainHandling() {
        let table: [(RetainHandling, isNew: Bool, sends: Bool)] = [
            (.sendAtSubscribe, true, true), (.sendAtSubscribe, false, true),
            (.sendIfNew, true, true), (.sendIfNew, false, false),
            (.doNotSend, true, false), (.doNotSend, false, false),
        ]
        for (handling, isNew, sends) in table {
            #expect(handling.sendsRetained(isNew: isNew, isShared: false) == sends)
            #expect(!handling.sendsRetained(isNew: isNew, isShared: true))
        }
    }
}
