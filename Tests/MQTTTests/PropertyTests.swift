import Bytes
import MQTT
import Testing

@Suite struct PropertyTests {
    private func rule(_ bytes: [UInt8], in place: PropertyPlace) -> Violation? {
        violation { () throws(DecodingError) in
            _ = try PropertyView(validating: bytes.span, in: place)
        }
    }

    /// One property as it is written, without the length before it.
    private func sample(_ id: PropertyID, in place: PropertyPlace) -> [UInt8] {
        let all = bytes {
            PropertyWriter.write(into: &$0, in: place) {
                Catalogue.write(id, in: place, to: &$0)
            }
        }
        return Array(all[1...])
    }

    private func anyPlace(of id: PropertyID) throws -> PropertyPlace {
        try #require(PropertyPlace.allCases.first { id.isAllowed(in: $0) })
    }

    @Test("2.2.2.2, table 2-4: each property is taken where it can stand, and only there")
    func places() throws {
        for id in PropertyID.allCases {
            var bytes = sample(id, in: try anyPlace(of: id))
            // A PUBLISH may have two subscription identifiers, a SUBSCRIBE one.
            if id == .subscriptionIdentifier { bytes = [0x0B, 1] }
            for place in PropertyPlace.allCases {
                let isAllowed = Self.allowed[id]?.contains(place) == true
                let isWithoutMethod = id == .authenticationData && isAllowed
                let expected: Violation? =
                    isAllowed
                    ? (isWithoutMethod ? .authenticationMethodMissing : nil) : .propertyNotAllowed
                #expect(rule(bytes, in: place) == expected, "\(id) in \(place)")
            }
        }
        #expect(Violation.propertyNotAllowed.reason == .malformedPacket)
    }

    /// Table 2-4, typed again from the standard.
    private static let allowed: [PropertyID: Set<PropertyPlace>] = [
        .payloadFormatIndicator: [.publish, .will], .messageExpiryInterval: [.publish, .will],
        .contentType: [.publish, .will], .responseTopic: [.publish, .will],
        .correlationData: [.publish, .will], .subscriptionIdentifier: [.publish, .subscribe],
        .sessionExpiryInterval: [.connect, .connack, .disconnect],
        .assignedClientIdentifier: [.connack], .serverKeepAlive: [.connack],
        .authenticationMethod: [.connect, .connack, .auth],
        .authenticationData: [.connect, .connack, .auth],
        .requestProblemInformation: [.connect], .willDelayInterval: [.will],
        .requestResponseInformation: [.connect], .responseInformation: [.connack],
        .serverReference: [.connack, .disconnect],
        .reasonString: [
            .connack, .puback, .pubrec, .pubrel, .pubcomp, .suback, .unsuback, .disconnect, .auth,
        ],
        .receiveMaximum: [.connect, .connack], .topicAliasMaximum: [.connect, .connack],
        .topicAlias: [.publish], .maximumQoS: [.connack], .retainAvailable: [.connack],
        .userProperty: Set(PropertyPlace.allCases), .maximumPacketSize: [.connect, .connack],
        .wildcardSubscriptionAvailable: [.connack], .subscriptionIdentifierAvailable: [.connack],
        .sharedSubscriptionAvailable: [.connack],
    ]

    @Test("2.2.2.2: a property given twice is a protocol error, but a user property anywhere")
    func duplicates() throws {
        for id in PropertyID.allCases where id != .userProperty && id != .subscriptionIdentifier {
            let bytes = sample(id, in: try anyPlace(of: id))
            #expect(rule(bytes + bytes, in: try anyPlace(of: id)) == .duplicateProperty, "\(id)")
        }
        #expect(rule([0x0B, 1, 0x0B, 2], in: .subscribe) == .duplicateProperty)
        #expect(rule([0x0B, 1, 0x0B, 2], in: .publish) == nil)
        for place in PropertyPlace.allCases {
            #expect(rule(sample(.userProperty, in: place), in: place) == nil)
        }
        #expect(Violation.duplicateProperty.reason == .protocolError)
    }

    @Test("2.2.2.2: an identifier that is not in table 2-4 is malformed")
    func unknown() {
        for byte in UInt8.min...UInt8.max where PropertyID(rawValue: byte) == nil {
            #expect(rule([byte, 0, 0, 0, 0], in: .connect) == .unknownProperty)
        }
        #expect(PropertyID.allCases.count == 27)
        #expect(Violation.unknownProperty.reason == .malformedPacket)
    }

    @Test("A property cut short is malformed")
    func truncated() throws {
        for id in PropertyID.allCases where id != .userProperty && id != .subscriptionIdentifier {
            let place = try anyPlace(of: id)
            let bytes = sample(id, in: place)
            for count in 1..<bytes.count {
                #expect(rule(Array(bytes[0..<count]), in: place) == .truncated, "\(id), \(count)")
            }
        }
    }

    @Test("Values out of range have the reason code of their clause")
    func ranges() {
        let vectors: [([UInt8], PropertyPlace, Violation, ReasonCode)] = [
            ([0x01, 2], .publish, .booleanOutOfRange, .protocolError),
            ([0x17, 2], .connect, .booleanOutOfRange, .protocolError),
            ([0x19, 0xFF], .connect, .booleanOutOfRange, .protocolError),
            ([0x24, 2], .connack, .booleanOutOfRange, .protocolError),
            ([0x25, 2], .connack, .booleanOutOfRange, .protocolError),
            ([0x28, 2], .connack, .booleanOutOfRange, .protocolError),
            ([0x29, 2], .connack, .booleanOutOfRange, .protocolError),
            ([0x2A, 2], .connack, .booleanOutOfRange, .protocolError),
            ([0x21, 0, 0], .connect, .receiveMaximumZero, .protocolError),
            ([0x27, 0, 0, 0, 0], .connect, .maximumPacketSizeZero, .protocolError),
            ([0x0B, 0], .subscribe, .subscriptionIdentifierZero, .protocolError),
            ([0x23, 0, 0], .publish, .topicAliasZero, .topicAliasInvalid),
            ([0x08, 0, 1, 0x23], .publish, .responseTopicInvalid, .protocolError),
            ([0x08, 0, 0], .will, .responseTopicInvalid, .protocolError),
            ([0x1F, 0, 1, 0xFF], .puback, .illFormedString, .malformedPacket),
            ([0x26, 0, 1, 0x61, 0, 1, 0x00], .puback, .nullCharacter, .malformedPacket),
            ([0x16, 0, 1, 0x61], .auth, .authenticationMethodMissing, .protocolError),
            ([0x0B, 0x81, 0x00], .publish, .variableByteIntegerNotMinimal, .malformedPacket),
        ]
        for (bytes, place, expected, reason) in vectors {
            #expect(rule(bytes, in: place) == expected, "\(bytes)")
            #expect(expected.reason == reason)
        }
    }

    @Test("The values of a CONNECT, a CONNACK and a PUBLISH are read by name")
    func values() throws {
        let connack = sampleOfAll(in: .connack)
        let view = try PropertyView(validating: connack.span, in: .connack)
        let numbers: [UInt32?] = [
            view.sessionExpiryIntervalSeconds, view.serverKeepAliveSeconds.map(UInt32.init),
            view.receiveMaximum.map(UInt32.init), view.topicAliasMaximum.map(UInt32.init),
            view.maximumPacketSize, view.messageExpiryIntervalSeconds,
        ]
        #expect(numbers == [.max, 0x0203, 0xFFFF, 0, 1, nil])
        let flags = [
            view.retainAvailable, view.wildcardSubscriptionAvailable,
            view.subscriptionIdentifierAvailable, view.sharedSubscriptionAvailable,
            view.requestProblemInformation,
        ]
        #expect(flags == [false, true, false, true, nil])
        let texts = [
            text(view.assignedClientIdentifier), text(view.authenticationMethod),
            text(view.responseInformation), text(view.serverReference), text(view.reasonString),
        ]
        #expect(texts == [String?](repeating: "wert ü", count: 5))
        let maximumQoS = view.maximumQoS
        let data = arrayIfPresent(view.authenticationData)
        #expect(maximumQoS == .atLeastOnce && data == [0, 1, 2])

        let connect = sampleOfAll(in: .connect)
        let asked = try PropertyView(validating: connect.span, in: .connect)
        let wishes = [asked.requestProblemInformation, asked.requestResponseInformation]
        #expect(wishes == [false, true])

        let publish = sampleOfAll(in: .publish)
        let message = try PropertyView(validating: publish.span, in: .publish)
        let format = message.payloadFormat
        let alias = message.topicAlias
        let expiry = message.messageExpiryIntervalSeconds
        let first = message.subscriptionIdentifier
        let response = [text(message.responseTopic), text(message.contentType)]
        let correlation = arrayIfPresent(message.correlationData)
        #expect(format == .utf8 && alias == 1 && expiry == 0x0102_0304 && first == 268_435_455)
        #expect(response == ["wert ü", "wert ü"] && correlation == [0, 0xFF, 0x80])

        let will = sampleOfAll(in: .will)
        let delay = try PropertyView(validating: will.span, in: .will).willDelayIntervalSeconds
        #expect(delay == 7)
    }

    @Test("[MQTT-3.3.2-18] User properties, and subscription identifiers, come in their order")
    func order() throws {
        let raw = bytes {
            PropertyWriter.write(into: &$0, in: .publish) { writer in
                for number in 1...5 {
                    let name = Array("n\(number)".utf8)
                    let value = Array("v\(number)".utf8)
                    writer.userProperty(name: name.span, value: value.span)
                    writer.subscriptionIdentifier(UInt32(number * 100))
                }
            }
        }
        let view = try PropertyView(validating: raw.span.extracting(1..<raw.count), in: .publish)
        var users = view.userProperties
        var identifiers = view.subscriptionIdentifiers
        for number in 1...5 {
            var pair = ""
            if let user = users.next() {
                pair = (text(user.name) ?? "") + "=" + (text(user.value) ?? "")
            }
            let identifier = identifiers.next()
            #expect(pair == "n\(number)=v\(number)")
            #expect(identifier == UInt32(number * 100))
        }
        let isAtEnd = users.next() == nil && identifiers.next() == nil
        #expect(isAtEnd)
    }

    @Test("A message is forwarded without what belongs to one hop, the rest as it was")
    func forwarding() throws {
        let raw = sampleOfAll(in: .publish)
        let view = try PropertyView(validating: raw.span, in: .publish)
        let forwarded = bytes {
            PropertyWriter.write(into: &$0, in: .publish) {
                $0.append(contentsOf: view, excluding: .ofOneHop)
                $0.subscriptionIdentifier(9)
            }
        }
        let again = try PropertyView(
            validating: forwarded.span.extracting(1..<forwarded.count), in: .publish)
        let difference = view.present.symmetricDifference(again.present)
        let identifier = again.subscriptionIdentifier
        let contentType = text(again.contentType)
        #expect(difference == PropertySet(.topicAlias))
        #expect(identifier == 9 && contentType == "wert ü")
    }

    @Test("2.2.2.1: a property length of two bytes is made room for")
    func longProperties() throws {
        let value = [UInt8](repeating: 0x61, count: 300)
        let raw = bytes {
            PropertyWriter.write(into: &$0, in: .puback) { $0.reasonString(value.span) }
        }
        #expect(Array(raw[0..<5]) == [0xAF, 0x02, 0x1F, 0x01, 0x2C] && raw.count == 305)
    }

    private func sampleOfAll(in place: PropertyPlace) -> [UInt8] {
        let all = bytes {
            PropertyWriter.write(into: &$0, in: place) { Catalogue.writeAll(in: place, to: &$0) }
        }
        return Array(all[(all[0] < 0x80 ? 1 : 2)...])
    }
}
