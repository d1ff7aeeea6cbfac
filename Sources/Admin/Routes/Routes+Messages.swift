import Gateway
import Hummingbird
import Ledger

/// Messages to devices (rule C10).
extension Routes {
    mutating func registerMessages() {
        on(
            .post, "products/:pk/devices/:dk/messages",
            Operation(
                "sendMessage", "Send a message to a device, if it is connected (rule C10)",
                access: .everyone,
                body: .json(.message),
                answers: .ok(.delivery),
                problems: [
                    .notConnected, .noSubscription, .quotaExceeded, .packetTooLarge,
                    .queueFull, .messageExpired, .notStored,
                ])
        ) { call in
            let (identity, _, _) = try call.device()
            let downlink = try Downlink(try await call.fields())
            let fate = await call.controlPlane.send(downlink, to: identity)
            if let reason = fate.refusal { throw Problem(reason, "\(identity): \(reason.text)") }
            return .json(Documents.delivery(fate))
        }
    }
}

extension Downlink {
    /// What the body of a request says; QoS 1 unless it says otherwise.
    fileprivate init(_ fields: Fields) throws(Problem) {
        let payload: [UInt8]
        if let bytes = try fields.optional("payloadBase64", Base64.decoded) {
            payload = bytes
        } else {
            payload = Array(try fields.text("payload").utf8)
        }
        self.init(
            topic: try fields.required("topic", Topic.init),
            payload: payload,
            isAtLeastOnce: try fields.optionalNumber("qos") != 0
        )
    }
}
