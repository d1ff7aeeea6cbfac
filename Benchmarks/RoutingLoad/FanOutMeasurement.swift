import Bytes
import MQTT

/// What a message's packets for many receivers cost: encoded once each form, against anew for each
/// receiver.
public enum FanOutMeasurement {
    /// Nanoseconds for each receiver.
    public static func nanoseconds(
        receivers: Int,
        payload size: Int,
        rounds: Int = 100
    ) throws -> (fanOut: Double, anew: Double) {
        let topic = Array("d/pk/device-0001/up/temperature".utf8)
        let payload = [UInt8](repeating: 0x55, count: size)
        let received: [UInt8] = [0x01, 1, 0x03, 0, 1, 0x78, 0x26, 0, 1, 0x6E, 0, 1, 0x32]
        let properties = try PropertyView(validating: received.span, in: .publish)
        var output = ByteBuffer(capacity: receivers * (size + 80))
        var fanOut = PublishFanOut()
        let once = ProcessorTime.least(of: rounds) {
            output.removeAll()
            fanOut.begin()
            for number in 0..<receivers {
                fanOut.append(
                    topic: topic.span,
                    payload: payload.span,
                    properties: properties,
                    expirySeconds: 60,
                    form: form(number),
                    packetID: UInt16(1 + number % 65_535),
                    to: &output
                )
            }
        }
        let length = output.count
        let anew = ProcessorTime.least(of: rounds) {
            output.removeAll()
            for number in 0..<receivers {
                let form = form(number)
                Publish.encode(
                    topic: topic.span,
                    payload: payload.span,
                    qos: form.qos,
                    packetID: UInt16(1 + number % 65_535),
                    version: form.version,
                    into: &output
                ) { writer in
                    writer.append(
                        contentsOf: properties, excluding: PropertySet(.messageExpiryInterval))
                    writer.messageExpiryInterval(seconds: 60)
                }
            }
        }
        precondition(output.count == length, "the same packets")
        return (once / Double(receivers), anew / Double(receivers))
    }

    /// Every fourth receiver is of MQTT 3.1.1.
    private static func form(_ number: Int) -> PublishForm {
        PublishForm(version: number % 4 == 0 ? .v3_1_1 : .v5, qos: .atLeastOnce)
    }
}
