extension Conformance.RefusedConnectTests {
    static let names = [
        Exchange(
            "[MQTT-3.1.2-2] a version after 5", .connect(level: 6), .connack(0x84)),
        Exchange("[MQTT-3.1.2-2] version 0x85", .connect(level: 0x85), .connack(0x84)),
        Exchange("[MQTT-3.1.2-1] another name", .connect(name: "MQTX"), .connack(0x84)),
        Exchange(
            "[MQTT-3.1.2-1] the name in small letters", .connect(name: "mqtt"), .connack(0x84)),
        Exchange("[MQTT-3.1.2-1] a longer name", .connect(name: "MQTTT"), .connack(0x84)),
        Exchange(
            "[MQTT-2.1.3-1] flags of the fixed header",
            .joined([0x11], Array([UInt8].connect().dropFirst())), .closed),
        Exchange(
            "[MQTT-1.5.5-1] a remaining length of more bytes than necessary",
            .joined([0x10, 0x90, 0], Array([UInt8].connect().dropFirst(2))), .closed),
    ]

    static let flags = [
        Exchange("[MQTT-3.1.2-3] the reserved flag", .connect(flags: 0b11), .connack(0x81)),
        Exchange(
            "[MQTT-3.1.2-11] Will QoS 1 without a will", .connect(flags: 0b1010), .connack(0x81)),
        Exchange(
            "[MQTT-3.1.2-11] Will QoS 2 without a will", .connect(flags: 0b1_0010), .connack(0x81)),
        Exchange(
            "[MQTT-3.1.2-12] a Will QoS of 3",
            .connect(flags: 0b1_1110, [0], .text("w"), .text("")), .connack(0x81)),
        Exchange(
            "[MQTT-3.1.2-13] Will Retain without a will", .connect(flags: 0b10_0010), .connack(0x81)
        ),
        Exchange(
            "[MQTT-3.1.2-9] a will is announced and missing", .connect(flags: 0b110), .connack(0x81)
        ),
        Exchange(
            "[MQTT-3.1.2-9] a will without a payload",
            .connect(flags: 0b110, [0], .text("w")), .connack(0x81)),
        Exchange(
            "[MQTT-3.1.2-16] a user name that was not announced", .connect(.text("u")),
            .connack(0x81)),
        Exchange(
            "[MQTT-3.1.2-17] an announced user name is missing", .connect(flags: 0x82),
            .connack(0x81)),
        Exchange(
            "[MQTT-3.1.2-18] a password that was not announced",
            .connect(flags: 0x82, .text("u"), .text("p")), .connack(0x81)),
        Exchange(
            "[MQTT-3.1.2-19] an announced password is missing",
            .connect(flags: 0xC2, .text("u")), .connack(0x81)),
    ]

    static let payloads = [
        Exchange("[MQTT-3.1.3-3] no client identifier", .connect(clientID: []), .connack(0x81)),
        Exchange(
            "[MQTT-3.1.3-4] [MQTT-1.5.4-1] an ill-formed client identifier",
            .connect(clientID: .counted([0xC3, 0x28])), .connack(0x81)),
        Exchange(
            "[MQTT-1.5.4-1] a surrogate in the client identifier",
            .connect(clientID: .counted([0x61, 0xED, 0xA0, 0x80])), .connack(0x81)),
        Exchange(
            "[MQTT-1.5.4-2] U+0000 in the client identifier",
            .connect(clientID: .counted([0x61, 0, 0x62])), .connack(0x81)),
        Exchange(
            "[MQTT-3.1.3-11] an ill-formed will topic",
            .connect(flags: 0b110, [0], .counted([0xFF]), .text("")), .connack(0x81)),
        Exchange(
            "[MQTT-4.7.3-1] an empty will topic",
            .connect(flags: 0b110, [0], .text(""), .text("")), .connack(0x81)),
        Exchange(
            "[MQTT-4.7.0-1] a wildcard in the will topic",
            .connect(flags: 0b110, [0], .text("w/#"), .text("")), .connack(0x81)),
        Exchange(
            "[MQTT-3.1.3-12] an ill-formed user name",
            .connect(flags: 0x82, .counted([0xC0, 0xAF])), .connack(0x81)),
        Exchange(
            "[MQTT-3.1.3-1] fields in another order: the will behind the user name",
            .connect(flags: 0x86, .text("user"), [0], .text("w"), .text("")), .connack(0x81)),
    ]

    static let properties = [
        Exchange(
            "[MQTT-1.5.5-1] a property length of more bytes than necessary",
            .packet(0x10, .text("MQTT"), [5, 2, 0, 60, 0x80, 0], .text("hex")), .connack(0x81)),
        Exchange("2.2.2.2: an unknown property", .connect(properties: [0x7F, 0]), .connack(0x81)),
        Exchange(
            "2.2.2.2: a property of another packet, Topic Alias",
            .connect(properties: [0x23, 0, 1]), .connack(0x81)),
        Exchange(
            "3.1.2.11.2: Session Expiry Interval twice",
            .connect(properties: [0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 1]), .connack(0x82)),
        Exchange(
            "3.1.2.11.3: a Receive Maximum of 0", .connect(properties: [0x21, 0, 0]), .connack(0x82)
        ),
        Exchange(
            "3.1.2.11.4: a Maximum Packet Size of 0",
            .connect(properties: [0x27, 0, 0, 0, 0]), .connack(0x82)),
        Exchange(
            "3.1.2.11.6: Request Response Information 2", .connect(properties: [0x19, 2]),
            .connack(0x82)),
        Exchange(
            "3.1.2.11.7: Request Problem Information 2", .connect(properties: [0x17, 2]),
            .connack(0x82)),
        Exchange(
            "[MQTT-1.5.7-1] an ill-formed name of a user property",
            .connect(properties: .joined([0x26], .counted([0xFF]), .text("v"))), .connack(0x81)),
        Exchange(
            "[MQTT-1.5.7-1] U+0000 in the value of a user property",
            .connect(properties: .joined([0x26], .text("n"), .counted([0]))), .connack(0x81)),
        Exchange(
            "3.1.2.11.10: Authentication Data without a method",
            .connect(properties: [0x16, 0, 1, 0]), .connack(0x82)),
        Exchange(
            "[MQTT-4.12.0-1] an authentication method that is not offered",
            .connect(properties: [0x15] + .text("SCRAM-SHA-1")), .connack(0x8C)),
        Exchange(
            "3.1.3.2.4: a will's payload format of 2",
            .connect(flags: 0b110, .properties([1, 2]), .text("w"), .text("")), .connack(0x82)),
        Exchange(
            "[MQTT-3.3.2-14] a wildcard in a will's response topic",
            .connect(flags: 0b110, .properties([8] + .text("a/+")), .text("w"), .text("")),
            .connack(0x82)),
        Exchange(
            "2.2.2.2: a property of the CONNECT in a will",
            .connect(flags: 0b110, .properties([0x11, 0, 0, 0, 1]), .text("w"), .text("")),
            .connack(0x81)),
    ]

    /// Of 3.1.1.
    static let ofVersion3 = [
        Exchange(
            "[MQTT-3.1.2-2] of 3.1.1: an older version", .connect(level: 3, name: "MQTT"),
            .connack(1)),
        Exchange(
            "[MQTT-3.1.2-1] of 3.1.1: the name of 3.1", .connect(level: 3, name: "MQIsdp"),
            .connack(1)),
        Exchange(
            "[MQTT-3.1.2-3] of 3.1.1: the reserved flag", .connect(level: 4, flags: 3), .closed),
        Exchange(
            "[MQTT-3.1.2-13] of 3.1.1: Will QoS without a will", .connect(level: 4, flags: 0b1010),
            .closed),
        Exchange(
            "[MQTT-3.1.2-14] of 3.1.1: a Will QoS of 3",
            .connect(level: 4, flags: 0b1_1110, .text("w"), .text("")), .closed),
        Exchange(
            "[MQTT-3.1.2-15] [MQTT-3.1.2-11] of 3.1.1: Will Retain without a will",
            .connect(level: 4, flags: 0b10_0010), .closed),
        Exchange(
            "[MQTT-3.1.2-9] of 3.1.1: a will is announced and missing",
            .connect(level: 4, flags: 0b110), .closed),
        Exchange(
            "[MQTT-3.1.2-18] of 3.1.1: a user name that was not announced",
            .connect(level: 4, .text("u")), .closed),
        Exchange(
            "[MQTT-3.1.2-19] of 3.1.1: an announced user name is missing",
            .connect(level: 4, flags: 0x82), .closed),
        Exchange(
            "[MQTT-3.1.2-20] of 3.1.1: a password that was not announced",
            .connect(level: 4, flags: 0x82, .text("u"), .text("p")), .closed),
        Exchange(
            "[MQTT-3.1.2-21] of 3.1.1: an announced password is missing",
            .connect(level: 4, flags: 0xC2, .text("u")), .closed),
        Exchange(
            "[MQTT-3.1.2-22] of 3.1.1: a password without a user name",
            .connect(level: 4, flags: 0x42, .text("p")), .closed),
        Exchange(
            "[MQTT-3.1.3-1] of 3.1.1: fields in another order: the user name before the will",
            .connect(level: 4, flags: 0x86, .text("a+b"), .text("w"), .text("x")), .closed),
        Exchange(
            "[MQTT-3.1.3-3] of 3.1.1: no client identifier", .connect(level: 4, clientID: []),
            .closed),
        Exchange(
            "[MQTT-3.1.3-4] [MQTT-1.5.3-1] of 3.1.1: an ill-formed client identifier",
            .connect(level: 4, clientID: .counted([0x80])), .closed),
        Exchange(
            "[MQTT-1.5.3-2] of 3.1.1: U+0000 in the client identifier",
            .connect(level: 4, clientID: .counted([0])), .closed),
        Exchange(
            "[MQTT-3.1.3-7] [MQTT-3.1.3-8] [MQTT-3.2.2-4] [MQTT-3.2.2-5] of 3.1.1: an empty client identifier for a session to be kept",
            .connect(level: 4, flags: 0, clientID: .text("")), .connack(2)),
        Exchange(
            "[MQTT-3.1.3-10] of 3.1.1: an ill-formed will topic",
            .connect(level: 4, flags: 0b110, .counted([0xFF]), .text("")), .closed),
        Exchange(
            "[MQTT-4.7.1-1] of 3.1.1: a wildcard in the will topic",
            .connect(level: 4, flags: 0b110, .text("w/+"), .text("")), .closed),
        Exchange(
            "[MQTT-3.1.3-11] of 3.1.1: an ill-formed user name",
            .connect(level: 4, flags: 0x82, .counted([0xC0, 0xAF])), .closed),
        Exchange(
            "[MQTT-2.2.2-2] [MQTT-2.2.2-1] of 3.1.1: flags of the fixed header",
            .joined([0x1F], Array([UInt8].connect(level: 4).dropFirst())), .closed),
    ]
}
