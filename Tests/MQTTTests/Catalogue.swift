import Bytes
import MQTT

/// Valid packets of every type in both versions, and in MQTT 5.0 with every property each may have.
enum Catalogue {
    struct Sample: Sendable {
        let name: String
        let version: ProtocolVersion
        let sender: Sender
        let packet: [UInt8]
    }

    static let samples: [Sample] = ProtocolVersion.allCases.flatMap { version in
        connects(version) + publishes(version) + acknowledgements(version)
            + subscriptions(version) + endings(version)
    }

    /// A value for every property; those that may be repeated twice.
    static func write(_ id: PropertyID, in place: PropertyPlace, to writer: inout PropertyWriter) {
        let name = Array("name".utf8)
        let value = Array("wert ü".utf8)
        let nothing: [UInt8] = []
        switch id {
        case .payloadFormatIndicator: writer.payloadFormat(.utf8)
        case .messageExpiryInterval: writer.messageExpiryInterval(seconds: 0x0102_0304)
        case .contentType: writer.contentType(value.span)
        case .responseTopic: writer.responseTopic(value.span)
        case .correlationData: writer.correlationData([0, 0xFF, 0x80].span)
        case .subscriptionIdentifier:
            writer.subscriptionIdentifier(268_435_455)
            if place == .publish { writer.subscriptionIdentifier(1) }
        case .sessionExpiryInterval: writer.sessionExpiryInterval(seconds: .max)
        case .assignedClientIdentifier: writer.assignedClientIdentifier(value.span)
        case .serverKeepAlive: writer.serverKeepAlive(seconds: 0x0203)
        case .authenticationMethod: writer.authenticationMethod(value.span)
        case .authenticationData: writer.authenticationData([0, 1, 2].span)
        case .requestProblemInformation: writer.requestProblemInformation(false)
        case .willDelayInterval: writer.willDelayInterval(seconds: 7)
        case .requestResponseInformation: writer.requestResponseInformation(true)
        case .responseInformation: writer.responseInformation(value.span)
        case .serverReference: writer.serverReference(value.span)
        case .reasonString: writer.reasonString(value.span)
        case .receiveMaximum: writer.receiveMaximum(0xFFFF)
        case .topicAliasMaximum: writer.topicAliasMaximum(0)
        case .topicAlias: writer.topicAlias(1)
        case .maximumQoS: writer.maximumQoS(.atLeastOnce)
        case .retainAvailable: writer.retainAvailable(false)
        case .userProperty:
            writer.userProperty(name: name.span, value: value.span)
            writer.userProperty(name: name.span, value: nothing.span)
        case .maximumPacketSize: writer.maximumPacketSize(1)
        case .wildcardSubscriptionAvailable: writer.wildcardSubscriptionAvailable(true)
        case .subscriptionIdentifierAvailable: writer.subscriptionIdentifierAvailable(false)
        case .sharedSubscriptionAvailable: writer.sharedSubscriptionAvailable(true)
        }
    }

    /// Every property that can stand there.
    static func writeAll(in place: PropertyPlace, to writer: inout PropertyWriter) {
        for id in PropertyID.allCases where id.isAllowed(in: place) {
            write(id, in: place, to: &writer)
        }
    }

    private static func connects(_ version: ProtocolVersion) -> [Sample] {
        var willProperties = ByteBuffer()
        PropertyWriter.write(into: &willProperties, in: .will) { writeAll(in: .will, to: &$0) }
        let raw = array(willProperties.span)
        let full = bytes { buffer in
            // Without the length before the will's properties.
            let span = raw.span.extracting((raw[0] < 0x80 ? 1 : 2)..<raw.count)
            guard let properties = try? PropertyView(validating: span, in: .will) else { return }
            Connect.encode(
                clientID: Array("client".utf8).span, isCleanStart: false, keepAliveSeconds: 60,
                will: Will(
                    topic: Array("w/t".utf8).span, payload: [1, 2, 3].span, qos: .exactlyOnce,
                    isRetained: true, properties: properties),
                userName: Array("user".utf8).span, password: [0, 1].span, version: version,
                into: &buffer
            ) { writeAll(in: .connect, to: &$0) }
        }
        let nothing: [UInt8] = []
        let small = bytes { Connect.encode(clientID: nothing.span, version: version, into: &$0) }
        let accepted = bytes {
            Connack.encode(isSessionPresent: true, version: version, into: &$0) {
                writeAll(in: .connack, to: &$0)
            }
        }
        let refused = bytes {
            Connack.encode(reason: .notAuthorized, version: version, into: &$0)
        }
        return [
            Sample(name: "connect", version: version, sender: .client, packet: full),
            Sample(name: "connect, small", version: version, sender: .client, packet: small),
            Sample(name: "connack", version: version, sender: .server, packet: accepted),
            Sample(name: "connack, refusal", version: version, sender: .server, packet: refused),
        ]
    }

    private static func publishes(_ version: ProtocolVersion) -> [Sample] {
        let topic = Array("d/product/device/up/temperature".utf8)
        var samples: [Sample] = []
        for qos in QoS.allCases {
            for size in [0, 64, 200] {
                let packet = bytes {
                    Publish.encode(
                        topic: topic.span, payload: [UInt8](repeating: 0x20, count: size).span,
                        qos: qos, packetID: qos == .atMostOnce ? nil : 0xFFFF,
                        isRetained: size == 64, isDuplicate: qos != .atMostOnce && size == 200,
                        version: version, into: &$0
                    ) { if size == 200 { writeAll(in: .publish, to: &$0) } }
                }
                let name = "publish, \(qos), \(size)"
                samples.append(
                    Sample(name: name, version: version, sender: .server, packet: packet))
            }
        }
        return samples
    }

    private static func acknowledgements(_ version: ProtocolVersion) -> [Sample] {
        let puback = bytes {
            Puback.encode(packetID: 1, reason: .quotaExceeded, version: version, into: &$0) {
                writeAll(in: .puback, to: &$0)
            }
        }
        let pubrec = bytes {
            Pubrec.encode(packetID: 2, reason: .topicNameInvalid, version: version, into: &$0) {
                writeAll(in: .pubrec, to: &$0)
            }
        }
        let pubrel = bytes {
            Pubrel.encode(
                packetID: 3, reason: .packetIdentifierNotFound, version: version, into: &$0
            ) { writeAll(in: .pubrel, to: &$0) }
        }
        let pubcomp = bytes {
            Pubcomp.encode(packetID: 4, version: version, into: &$0) {
                writeAll(in: .pubcomp, to: &$0)
            }
        }
        return zip(["puback", "pubrec", "pubrel", "pubcomp"], [puback, pubrec, pubrel, pubcomp])
            .map { Sample(name: $0, version: version, sender: .client, packet: $1) }
    }

    private static func subscriptions(_ version: ProtocolVersion) -> [Sample] {
        let plain = Array("d/+/x/#".utf8)
        let shared = Array("$share/group/d/+/up/#".utf8)
        let subscribe = bytes {
            Subscribe.encode(packetID: 5, version: version, into: &$0) {
                $0.append(
                    plain.span,
                    SubscriptionOptions(
                        qos: .atLeastOnce, noLocal: true, retainAsPublished: true,
                        retainHandling: .doNotSend))
                $0.append(shared.span, qos: .exactlyOnce)
            } properties: {
                writeAll(in: .subscribe, to: &$0)
            }
        }
        let suback = bytes {
            Suback.encode(
                packetID: 5, reasons: [.grantedQoS1, .grantedQoS2, .notAuthorized].span,
                version: version, into: &$0
            ) { writeAll(in: .suback, to: &$0) }
        }
        let unsubscribe = bytes {
            Unsubscribe.encode(packetID: 6, version: version, into: &$0) {
                $0.append(plain.span)
                $0.append(shared.span)
            } properties: {
                writeAll(in: .unsubscribe, to: &$0)
            }
        }
        let unsuback = bytes {
            Unsuback.encode(
                packetID: 6, reasons: [.success, .noSubscriptionExisted].span, version: version,
                into: &$0
            ) { writeAll(in: .unsuback, to: &$0) }
        }
        return [
            Sample(name: "subscribe", version: version, sender: .client, packet: subscribe),
            Sample(name: "suback", version: version, sender: .server, packet: suback),
            Sample(name: "unsubscribe", version: version, sender: .client, packet: unsubscribe),
            Sample(name: "unsuback", version: version, sender: .server, packet: unsuback),
        ]
    }

    private static func endings(_ version: ProtocolVersion) -> [Sample] {
        let disconnect = bytes {
            Disconnect.encode(reason: .disconnectWithWillMessage, version: version, into: &$0) {
                writeAll(in: .disconnect, to: &$0)
            }
        }
        let plain = bytes { Disconnect.encode(version: version, into: &$0) }
        let packets: [(String, Sender, [UInt8])] = [
            ("pingreq", .client, bytes { Pingreq.encode(into: &$0) }),
            ("pingresp", .server, bytes { Pingresp.encode(into: &$0) }),
            ("disconnect", .client, disconnect), ("disconnect, plain", .client, plain),
        ]
        var samples = packets.map {
            Sample(name: $0.0, version: version, sender: $0.1, packet: $0.2)
        }
        if version == .v5 {
            let auth = bytes {
                Auth.encode(reason: .continueAuthentication, into: &$0) {
                    writeAll(in: .auth, to: &$0)
                }
            }
            samples.append(Sample(name: "auth", version: .v5, sender: .client, packet: auth))
        }
        return samples
    }
}
