import MQTT
import Sessions
import Time

/// Values for tests.
enum Sample {
    static let time = Timestamp(seconds: 1_800_000_000)

    static func message(
        _ text: String = "x",
        qos: QoS = .atLeastOnce,
        expiresAt: Timestamp? = nil
    ) -> Message {
        Message(
            topic: Array("a/b".utf8),
            payload: Array(text.utf8),
            qos: qos,
            expiresAt: expiresAt
        )
    }

    static func queued(
        _ text: String = "x",
        qos: QoS = .atLeastOnce,
        expiresAt: Timestamp? = nil,
        sharedFilter: String? = nil,
        units: UInt32 = 1
    ) -> QueuedMessage {
        QueuedMessage(
            message(text, qos: qos, expiresAt: expiresAt),
            qos: qos,
            sharedFilter: sharedFilter.map { Array($0.utf8) },
            units: units
        )
    }

    static func name(_ number: Int) -> SessionName {
        SessionName(product: "PK".utf8Span.span, device: "d\(number)".utf8Span.span)
    }

    static func application(_ clientID: String) -> SessionName {
        guard let name = SessionName(key: "key".utf8Span.span, clientID: clientID.utf8Span.span)
        else { preconditionFailure("tests' identifiers are short") }
        return name
    }

    static func record(
        _ number: SessionNumber,
        expiryIntervalSeconds: UInt32 = 600,
        connectedAt time: Timestamp = time
    ) -> SessionRecord {
        SessionRecord(
            number: number,
            version: .v5,
            expiryIntervalSeconds: expiryIntervalSeconds,
            connectedAt: time
        )
    }
}
