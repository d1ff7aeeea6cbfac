public import MQTT

// MQTT's verbs: each sends a packet and waits for its answer.
extension TestClient {
    /// Opens the connection and connects as `credentials`; throws unless it is accepted.
    public static func connected(
        port: UInt16,
        certificates: TestCertificates? = nil,
        version: ProtocolVersion = .v5,
        as credentials: TestCredentials,
        keepAliveSeconds: UInt16 = 60,
        will: TestWill? = nil
    ) throws -> TestClient {
        let client = try TestClient(port: port, certificates: certificates, version: version)
        let answer = try client.connect(
            as: credentials, keepAliveSeconds: keepAliveSeconds, will: will)
        guard answer.code == 0 else { throw TestRefusal(connack: answer) }
        return client
    }

    /// Sends CONNECT and waits for CONNACK.
    public func connect(
        as credentials: TestCredentials,
        isCleanStart: Bool = true,
        keepAliveSeconds: UInt16 = 60,
        will: TestWill? = nil,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) throws(TestClientError) -> TestPacket.Connack {
        try sendConnect(
            as: credentials, isCleanStart: isCleanStart, keepAliveSeconds: keepAliveSeconds,
            will: will, properties: properties)
        return try first("CONNACK") { packet in
            if case .connack(let connack) = packet { connack } else { nil }
        }
    }

    /// Sends CONNECT and does not wait.
    public func sendConnect(
        as credentials: TestCredentials,
        isCleanStart: Bool = true,
        keepAliveSeconds: UInt16 = 60,
        will: TestWill? = nil,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) throws(TestClientError) {
        let clientID = Array(credentials.clientID.utf8)
        let userName = credentials.userName.map { Array($0.utf8) }
        let password = credentials.password.map { Array($0.utf8) }
        let topic = Array((will?.topic ?? "").utf8)
        let payload = Array((will?.payload ?? "").utf8)
        let willProperties = will?.properties ?? []
        let version = version
        try send { buffer in
            var wire: Will?
            if let will {
                do throws(DecodingError) {
                    wire = Will(
                        topic: topic.span,
                        payload: payload.span,
                        qos: will.qos,
                        isRetained: will.isRetained,
                        properties: try PropertyView(validating: willProperties.span, in: .will)
                    )
                } catch {
                    preconditionFailure("\(error)")
                }
            }
            Connect.encode(
                clientID: clientID.span,
                isCleanStart: isCleanStart,
                keepAliveSeconds: keepAliveSeconds,
                will: wire,
                userName: userName?.span,
                password: password?.span,
                version: version,
                into: &buffer,
                properties: properties
            )
        }
    }

    /// Publishes; at QoS 1 answers the PUBACK, at QoS 2 the PUBREC if it refuses, else the PUBCOMP.
    @discardableResult
    public func publish(
        _ topic: String,
        _ payload: String,
        qos: QoS = .atMostOnce,
        isRetained: Bool = false,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) throws(TestClientError) -> TestPacket.Acknowledgement? {
        try publish(
            topic, bytes: Array(payload.utf8), qos: qos, isRetained: isRetained,
            properties: properties)
    }

    /// Publishes; at QoS 1 answers the PUBACK, at QoS 2 the PUBREC if it refuses, else the PUBCOMP.
    @discardableResult
    public func publish(
        _ topic: String,
        bytes: [UInt8],
        qos: QoS = .atMostOnce,
        isRetained: Bool = false,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) throws(TestClientError) -> TestPacket.Acknowledgement? {
        let packetID = qos == .atMostOnce ? nil : nextPacketID()
        try sendPublish(
            topic, bytes, qos: qos, packetID: packetID, isRetained: isRetained,
            properties: properties)
        guard let packetID else { return nil }
        guard qos == .exactlyOnce else {
            let answer = try acknowledgement(.puback, packetID)
            return answer.code == 0x10 && !tellsUnheard ? answer.heard : answer
        }
        let received = try acknowledgement(.pubrec, packetID)
        if received.code >= 0x80 { return received }
        let version = version
        try send { Pubrel.encode(packetID: packetID, version: version, into: &$0) }
        return try acknowledgement(.pubcomp, packetID)
    }

    /// Sends PUBLISH and does not wait.
    public func sendPublish(
        _ topic: String,
        _ payload: [UInt8],
        qos: QoS = .atMostOnce,
        packetID: UInt16? = nil,
        isRetained: Bool = false,
        isDuplicate: Bool = false,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) throws(TestClientError) {
        let topic = Array(topic.utf8)
        let version = version
        try send { buffer in
            Publish.encode(
                topic: topic.span,
                payload: payload.span,
                qos: qos,
                packetID: packetID,
                isRetained: isRetained,
                isDuplicate: isDuplicate,
                version: version,
                into: &buffer,
                properties: properties
            )
        }
    }

    /// Waits for the acknowledgement of that type and packet identifier.
    public func acknowledgement(
        _ type: PacketType,
        _ packetID: UInt16
    ) throws(TestClientError) -> TestPacket.Acknowledgement {
        try first("\(type) \(packetID)") { packet in
            if case .acknowledgement(let found) = packet, found.type == type,
                found.packetID == packetID
            {
                found
            } else {
                nil
            }
        }
    }

    /// Subscribes to filters; answers SUBACK's codes.
    @discardableResult
    public func subscribe(
        _ filters: String...,
        qos: QoS = .atLeastOnce
    ) throws(TestClientError) -> [UInt8] {
        let packetID = nextPacketID()
        let filters = filters.map { Array($0.utf8) }
        let version = version
        try send { buffer in
            Subscribe.encode(packetID: packetID, version: version, into: &buffer) { writer in
                for filter in filters { writer.append(filter.span, qos: qos) }
            }
        }
        return try codes(.suback, packetID)
    }

    /// Subscribes to a filter with all options; answers SUBACK's codes.
    @discardableResult
    public func subscribe(
        _ filter: String,
        _ options: SubscriptionOptions,
        identifier: UInt32? = nil
    ) throws(TestClientError) -> [UInt8] {
        let packetID = nextPacketID()
        let filter = Array(filter.utf8)
        let version = version
        try send { buffer in
            Subscribe.encode(packetID: packetID, version: version, into: &buffer) { writer in
                writer.append(filter.span, options)
            } properties: { properties in
                if let identifier { properties.subscriptionIdentifier(identifier) }
            }
        }
        return try codes(.suback, packetID)
    }

    /// Unsubscribes; answers UNSUBACK's codes, none in 3.1.1.
    @discardableResult
    public func unsubscribe(_ filters: String...) throws(TestClientError) -> [UInt8] {
        let packetID = nextPacketID()
        let filters = filters.map { Array($0.utf8) }
        let version = version
        try send { buffer in
            Unsubscribe.encode(packetID: packetID, version: version, into: &buffer) { writer in
                for filter in filters { writer.append(filter.span) }
            }
        }
        return try codes(.unsuback, packetID)
    }

    private func codes(
        _ type: PacketType,
        _ packetID: UInt16
    ) throws(TestClientError) -> [UInt8] {
        try first("\(type)") { packet in
            if case .subscription(type, packetID, let codes) = packet { codes } else { nil }
        }
    }

    /// The next message.
    public func message(seconds: Double? = nil) throws(TestClientError) -> TestPacket.Message {
        try first("a message", seconds: seconds) { packet in
            if case .publish(let message) = packet { message } else { nil }
        }
    }

    /// Asks for a sign of life and waits for it: all that the gateway did before has arrived then.
    public func ping() throws(TestClientError) {
        try send { Pingreq.encode(into: &$0) }
        try first("PINGRESP") { $0 == .pingresp ? () : nil }
    }

    /// Says that it goes, and goes.
    public consuming func disconnect(
        _ reason: ReasonCode = .normalDisconnection,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) throws(TestClientError) {
        let version = version
        try send {
            Disconnect.encode(
                reason: reason, version: version, into: &$0, properties: properties)
        }
        finishWriting()
    }

    /// Says that it goes, and waits until the gateway has closed the connection. Nothing is sent behind
    /// DISCONNECT ([MQTT-3.14.4-2] of 3.1.1, [MQTT-3.14.4-1]).
    public consuming func leave(
        _ reason: ReasonCode = .normalDisconnection,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) throws(TestClientError) {
        let version = version
        try send {
            Disconnect.encode(
                reason: reason, version: version, into: &$0, properties: properties)
        }
        acknowledgesMessages = false
        _ = try untilClosed()
    }

    /// The code of the DISCONNECT that must come now, followed by the end; `nil` for an end without.
    public func endingCode(seconds: Double? = nil) throws(TestClientError) -> UInt8? {
        for packet in try untilClosed(seconds: seconds) {
            if case .disconnect(let code, _) = packet { return code }
        }
        return nil
    }
}
