import Bytes
import MQTT
import Testing

@Suite struct ConnectTests {
    /// A CONNECT body of the level with those flags, and what follows the keep alive.
    private func body(level: UInt8, flags: UInt8, _ rest: [UInt8]) -> [UInt8] {
        counted("MQTT") + [level, flags, 0, 10] + (level == 5 ? [0] : []) + rest
    }

    private func rule(_ body: [UInt8]) -> Violation? {
        violation { () throws(DecodingError) in _ = try Connect(decoding: body.span) }
    }

    @Test("3.1.2: the variable header of the standard's example, in both versions")
    func example() throws {
        let payload = counted("c") + [0] + counted("w") + [0, 1, 7] + counted("u") + [0, 1, 9]
        let five =
            [0x00, 0x04, 0x4D, 0x51, 0x54, 0x54, 0x05, 0xCE, 0x00, 0x0A]
            + [0x05, 0x11, 0x00, 0x00, 0x00, 0x0A] + payload
        let connect = try Connect(decoding: five.span)
        let expiry = connect.properties.sessionExpiryIntervalSeconds
        let keepAlive = connect.keepAliveSeconds
        let version = connect.version
        let isCleanStart = connect.isCleanStart
        let texts = [text(connect.clientID), text(connect.userName)]
        let password = arrayIfPresent(connect.password)
        #expect(version == .v5 && isCleanStart && keepAlive == 10 && expiry == 10)
        #expect(texts == ["c", "u"] && password == [9])
        guard let will = connect.will else {
            Issue.record("no will")
            return
        }
        let (qos, isRetained, topic) = (will.qos, will.isRetained, text(will.topic))
        let willPayload = array(will.payload)
        #expect(qos == .atLeastOnce && !isRetained && topic == "w" && willPayload == [7])

        // The same without properties: 3.1.1.
        let four =
            [0x00, 0x04, 0x4D, 0x51, 0x54, 0x54, 0x04, 0xCE, 0x00, 0x0A] + counted("c")
            + counted("w") + [0, 1, 7] + counted("u") + [0, 1, 9]
        let old = try Connect(decoding: four.span)
        let oldVersion = old.version
        let oldTopic = text(old.will?.topic)
        #expect(oldVersion == .v3_1_1 && oldTopic == "w")
    }

    @Test("[MQTT-3.1.2-1] [MQTT-3.1.2-2] Another protocol name or level is told apart, with 0x84")
    func otherProtocols() {
        let old = counted("MQIsdp") + [3, 2, 0, 10] + counted("c")
        #expect(rule(old) == .unsupportedProtocolName)
        #expect(Connect.protocolLevel(of: old.span) == 3)
        for level in UInt8.min...UInt8.max where level != 4 && level != 5 {
            let body = body(level: level, flags: 2, [0xFF])
            #expect(rule(body) == .unsupportedProtocolVersion)
            #expect(Connect.protocolLevel(of: body.span) == level)
        }
        #expect(rule(counted("mqtt") + [5]) == .unsupportedProtocolName)
        #expect(rule(counted("MQTT")) == .truncated)
        #expect(Connect.protocolLevel(of: counted("MQTT").span) == nil)
        for rule in [Violation.unsupportedProtocolName, .unsupportedProtocolVersion] {
            #expect(rule.reason == .unsupportedProtocolVersion)
            #expect(ConnectReturnCode(rule.reason) == .unacceptableProtocolVersion)
        }
    }

    /// The body of a CONNECT of MQTT 3.1.
    private func old(_ flags: UInt8, level: UInt8 = 3, _ payload: [UInt8]) -> [UInt8] {
        counted("MQIsdp") + [level, flags, 0, 10] + payload
    }

    private func oldRule(_ body: [UInt8]) -> Violation? {
        violation { () throws(DecodingError) in
            _ = try Connect(decoding: body.span, acceptsMQTT31: true)
        }
    }

    @Test("MQTT 3.1 is decoded where it is taken: its own rules, and long client identifiers")
    func mqtt31() throws {
        let long = String(repeating: "x", count: 200)
        let whole = old(0xF6, counted(long) + counted("w") + [0, 1, 7] + counted("u") + [0, 1, 9])
        let connect = try Connect(decoding: whole.span, acceptsMQTT31: true)
        let (isOld, version, isClean) = (
            connect.isMQTT31, connect.version, connect.isCleanStart
        )
        #expect(isOld && version == .v3_1_1 && isClean)
        let (name, topic, user) = (
            text(connect.clientID), text(connect.will?.topic), text(connect.userName)
        )
        #expect(name == long && topic == "w" && user == "u")
        let (hasPassword, isRetained) = (connect.password?.count, connect.will?.isRetained)
        #expect(hasPassword == 1 && isRetained == true)
        // Without a name it is refused, whatever it says of its session.
        for flags: UInt8 in [0, 2] {
            #expect(oldRule(old(flags, counted(""))) == .clientIdentifierMissing)
        }
        // The flags of a will without one, and the reserved flag, are disregarded.
        for flags: UInt8 in [0x39, 0x20, 0x18, 1] {
            #expect(oldRule(old(flags, counted("c"))) == nil)
        }
        #expect(oldRule(old(0x1C, counted("c"))) == .willQoSReserved)
        #expect(oldRule(old(0x40, counted("c") + [0, 1, 9])) == .passwordWithoutUserName)
        // What the flags say may be missing.
        for flags: UInt8 in [0x80, 0xC0] { #expect(oldRule(old(flags, counted("c"))) == nil) }
        #expect(oldRule(old(0xC0, counted("c") + counted("u"))) == nil)
        #expect(oldRule(old(0xC0, counted("c") + counted("u") + [0])) == .truncated)
        #expect(oldRule(old(0, counted("c") + [0])) == .trailingBytes)
        // Nothing else is of that name, and the others are as strict as ever.
        for level: UInt8 in [0, 2, 4, 5, 0x83] {
            #expect(oldRule(old(2, level: level, counted("c"))) == .unsupportedProtocolName)
        }
        #expect(oldRule(body(level: 4, flags: 0x20, counted("c"))) == .willRetainWithoutWill)
        let four = body(level: 4, flags: 2, counted("c"))
        let today = try Connect(decoding: four.span, acceptsMQTT31: true)
        let isToday = !today.isMQTT31
        #expect(isToday)
        // Without the password, and without the user name too, it is whole.
        for count in 0..<whole.count {
            let isWhole = count == whole.count - 3 || count == whole.count - 6
            #expect((oldRule(Array(whole.prefix(count))) == nil) == isWhole, "\(count)")
        }
    }

    @Test("[MQTT-3.1.2-3] [MQTT-3.1.2-11] [MQTT-3.1.2-12] [MQTT-3.1.2-13] Connect flags agree")
    func flags() {
        for level: UInt8 in [4, 5] {
            for flags in UInt8.min...UInt8.max {
                let hasWill = flags & 4 != 0
                var expected: Violation?
                if level == 4 && flags & 0xC0 == 0x40 { expected = .passwordWithoutUserName }
                if !hasWill && flags & 0x20 != 0 { expected = .willRetainWithoutWill }
                if !hasWill && flags & 0x18 != 0 { expected = .willQoSWithoutWill }
                if hasWill && flags & 0x18 == 0x18 { expected = .willQoSReserved }
                if flags & 1 != 0 { expected = .connectFlagReserved }
                var rest = counted("c")
                if hasWill { rest += (level == 5 ? [0] : []) + counted("w") + [0, 0] }
                if flags & 0x80 != 0 { rest += counted("u") }
                if flags & 0x40 != 0 { rest += counted("p") }
                #expect(rule(body(level: level, flags: flags, rest)) == expected, "\(flags)")
                if let expected { #expect(expected.reason == .malformedPacket) }
            }
        }
    }

    @Test("[MQTT-3.1.3-8] of 3.1.1: an empty client identifier is taken with a clean session only")
    func emptyClientID() {
        #expect(rule(body(level: 4, flags: 0, [0, 0])) == .clientIdentifierMissing)
        #expect(rule(body(level: 4, flags: 2, [0, 0])) == nil)
        #expect(rule(body(level: 5, flags: 0, [0, 0])) == nil)
        let reason = Violation.clientIdentifierMissing.reason
        #expect(reason == .clientIdentifierNotValid)
        #expect(ConnectReturnCode(reason) == .identifierRejected)
    }

    @Test("[MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT-3.1.3-12] Identifier, topic, user are strings")
    func strings() {
        #expect(rule(body(level: 4, flags: 2, [0, 1, 0xFF])) == .illFormedString)
        #expect(rule(body(level: 4, flags: 2, [0, 1, 0])) == .nullCharacter)
        #expect(rule(body(level: 4, flags: 6, [0, 0, 0, 1, 0xFF, 0, 0])) == .illFormedString)
        #expect(rule(body(level: 4, flags: 6, [0, 0, 0, 1, 0x23, 0, 0])) == .topicNameWildcard)
        #expect(rule(body(level: 4, flags: 6, [0, 0, 0, 0, 0, 0])) == .topicNameEmpty)
        #expect(rule(body(level: 4, flags: 0x82, [0, 0, 0, 1, 0xFF])) == .illFormedString)
    }

    @Test("4.13: bytes that are missing or left over make it malformed, and the error says where")
    func ends() {
        let whole = body(level: 4, flags: 2, counted("client"))
        #expect(rule(whole) == nil)
        do throws(DecodingError) {
            _ = try Connect(decoding: (whole + [1]).span)
            Issue.record("taken")
        } catch {
            #expect(error == DecodingError(.trailingBytes, at: whole.count))
            #expect(error.description.hasPrefix("4.13"))
        }
        for count in 0..<whole.count {
            #expect(rule(Array(whole[0..<count])) == .truncated)
        }
    }

    @Test("[MQTT-3.2.2-1] [MQTT-3.2.2-6] CONNACK: flags, codes of each version")
    func connack() {
        func rule(_ body: [UInt8], _ version: ProtocolVersion) -> Violation? {
            violation { () throws(DecodingError) in
                _ = try Connack(decoding: body.span, version: version)
            }
        }
        #expect(rule([2, 0], .v3_1_1) == .connackFlagReserved)
        #expect(rule([1, 5], .v3_1_1) == .sessionPresentOnFailure)
        #expect(rule([1, 0x87, 0], .v5) == .sessionPresentOnFailure)
        #expect(rule([0, 6], .v3_1_1) == .reasonCodeNotAllowed)
        #expect(rule([0, 1, 0], .v5) == .reasonCodeNotAllowed)
        #expect(rule([0, 0], .v5) == .truncated)
        #expect(rule([0, 0, 0, 0], .v5) == .trailingBytes)
        for code in ConnectReturnCode.allCases {
            #expect(ConnectReturnCode(code.reason) == code)
            #expect(rule([0, code.rawValue], .v3_1_1) == nil)
        }
    }

    @Test("The nearest 3.1.1 return code of each refusal")
    func returnCodes() {
        let codes: [(ReasonCode, ConnectReturnCode)] = [
            (.success, .accepted), (.unsupportedProtocolVersion, .unacceptableProtocolVersion),
            (.clientIdentifierNotValid, .identifierRejected),
            (.badUserNameOrPassword, .badUserNameOrPassword), (.notAuthorized, .notAuthorized),
            (.quotaExceeded, .notAuthorized), (.serverUnavailable, .serverUnavailable),
            (.serverBusy, .serverUnavailable), (.connectionRateExceeded, .serverUnavailable),
        ]
        for (reason, code) in codes { #expect(ConnectReturnCode(reason) == code) }
    }
}
