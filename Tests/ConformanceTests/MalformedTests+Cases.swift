extension Conformance.MalformedTests {
    private static let subscription: [UInt8] = .text("t") + [0]

    static let headers = [
        Exchange("2.1.2: packet type 0", [0, 0], .disconnect(0x81)),
        Exchange("[MQTT-3.1.0-2] a second CONNECT", .connect(), .disconnect(0x82)),
        Exchange("a CONNACK from a client", .packet(0x20, [0, 0, 0]), .disconnect(0x82)),
        Exchange("a SUBACK from a client", .packet(0x90, [0, 1, 0, 0]), .disconnect(0x82)),
        Exchange("an UNSUBACK from a client", .packet(0xB0, [0, 1, 0, 0]), .disconnect(0x82)),
        Exchange("a PINGRESP from a client", [0xD0, 0], .disconnect(0x82)),
        Exchange("[MQTT-2.1.3-1] flags of PUBACK", [0x41, 2, 0, 1], .disconnect(0x81)),
        Exchange("[MQTT-2.1.3-1] flags of PUBREC", [0x52, 2, 0, 1], .disconnect(0x81)),
        Exchange("[MQTT-3.6.1-1] flags of PUBREL", [0x60, 2, 0, 1], .disconnect(0x81)),
        Exchange("[MQTT-2.1.3-1] flags of PUBCOMP", [0x72, 2, 0, 1], .disconnect(0x81)),
        Exchange(
            "[MQTT-3.8.1-1] flags of SUBSCRIBE", .packet(0x80, [0, 1, 0], subscription),
            .disconnect(0x81)),
        Exchange(
            "[MQTT-3.10.1-1] flags of UNSUBSCRIBE", .packet(0xA0, [0, 1, 0], .text("t")),
            .disconnect(0x81)),
        Exchange("[MQTT-2.1.3-1] flags of PINGREQ", [0xC1, 0], .disconnect(0x81)),
        Exchange("[MQTT-3.14.1-1] flags of DISCONNECT", [0xE2, 0], .disconnect(0x81)),
        Exchange("[MQTT-3.15.1-1] flags of AUTH", [0xF4, 0], .disconnect(0x81)),
        Exchange("a PINGREQ with a body", [0xC0, 1, 0], .disconnect(0x81)),
        Exchange(
            "1.5.5: a remaining length of five bytes", [0x30, 0x80, 0x80, 0x80, 0x80, 1],
            .disconnect(0x81)),
        Exchange(
            "[MQTT-1.5.5-1] a remaining length with a needless byte", [0xC0, 0x80, 0],
            .disconnect(0x81)),
    ]

    static let publishes = [
        Exchange("[MQTT-3.3.1-4] QoS 3", .packet(0x36, .text("t"), [0, 1, 0]), .disconnect(0x81)),
        Exchange(
            "[MQTT-3.3.1-2] DUP with QoS 0", .packet(0x38, .text("t"), [0]), .disconnect(0x81)),
        Exchange(
            "[MQTT-2.2.1-3] QoS 1 with packet identifier 0", .packet(0x32, .text("t"), [0, 0, 0]),
            .disconnect(0x82)),
        Exchange(
            "[MQTT-2.2.1-2] a packet identifier in QoS 0 would be the property length",
            .packet(0x30, .text("t"), [0xFF, 0xFF]), .disconnect(0x81)),
        Exchange("[MQTT-3.3.2-1] no topic", .packet(0x30), .disconnect(0x81)),
        Exchange(
            "[MQTT-3.3.2-1] an ill-formed topic", .packet(0x30, .counted([0x74, 0xC1, 0xBF]), [0]),
            .disconnect(0x81)),
        Exchange(
            "[MQTT-4.7.3-2] U+0000 in a topic", .packet(0x30, .counted([0x74, 0, 0x74]), [0]),
            .disconnect(0x81)),
        Exchange(
            "[MQTT-3.3.2-2] [MQTT-4.7.0-1] + in a topic", .packet(0x30, .text("a/+/b"), [0]),
            .disconnect(0x81)),
        Exchange(
            "[MQTT-3.3.2-2] [MQTT-4.7.0-1] # in a topic", .packet(0x32, .text("a/#"), [0, 1, 0]),
            .disconnect(0x81)),
        Exchange(
            "[MQTT-4.7.3-1] an empty topic without an alias", .packet(0x30, .text(""), [0]),
            .disconnect(0x82)),
    ]

    static let publishProperties = [
        Exchange(
            "[MQTT-3.3.2-8] Topic Alias 0", .packet(0x30, .text("t"), .properties([0x23, 0, 0])),
            .disconnect(0x94)),
        Exchange(
            "[MQTT-3.3.2-9] a Topic Alias that is too high",
            .packet(0x30, .text("t"), .properties([0x23, 0xFF, 0xFF])), .disconnect(0x94)),
        Exchange(
            "3.3.2.3.4: an alias that stands for nothing",
            .packet(0x30, .text(""), .properties([0x23, 0, 1])), .disconnect(0x82)),
        Exchange(
            "[MQTT-3.3.4-6] a Subscription Identifier from a client",
            .packet(0x30, .text("t"), .properties([0x0B, 1])), .disconnect(0x82)),
        Exchange(
            "[MQTT-3.3.2-14] a wildcard in the response topic",
            .packet(0x30, .text("t"), .properties([8] + .text("a/#"))), .disconnect(0x82)),
        Exchange(
            "[MQTT-3.3.2-13] an ill-formed response topic",
            .packet(0x30, .text("t"), .properties([8] + .counted([0xFF]))), .disconnect(0x81)),
        Exchange(
            "[MQTT-3.3.2-19] an ill-formed content type",
            .packet(0x30, .text("t"), .properties([3] + .counted([0xFF]))), .disconnect(0x81)),
        Exchange(
            "3.3.2.3.2: a payload format of 2", .packet(0x30, .text("t"), .properties([1, 2])),
            .disconnect(0x82)),
        Exchange(
            "3.3.2.3.2: Payload Format Indicator twice",
            .packet(0x30, .text("t"), .properties([1, 0, 1, 0])), .disconnect(0x82)),
        Exchange(
            "3.3.2.3.3: Message Expiry Interval twice",
            .packet(0x30, .text("t"), .properties([2, 0, 0, 0, 1, 2, 0, 0, 0, 1])),
            .disconnect(0x82)),
        Exchange(
            "[MQTT-1.5.7-1] an ill-formed value of a user property",
            .packet(0x30, .text("t"), .properties(.joined([0x26], .text("n"), .counted([0xC0])))),
            .disconnect(0x81)),
        Exchange(
            "2.2.2.2: a property of CONNECT", .packet(0x30, .text("t"), .properties([0x21, 0, 1])),
            .disconnect(0x81)),
        Exchange(
            "2.2.2.1: properties longer than the packet", .packet(0x30, .text("t"), [9, 1, 0]),
            .disconnect(0x81)),
        Exchange(
            "2.2.2.1: properties end inside one", .packet(0x30, .text("t"), [2, 2, 0, 0, 0, 0]),
            .disconnect(0x81)),
    ]

    static let subscribes = [
        Exchange("[MQTT-3.8.3-2] no filter", .packet(0x82, [0, 1, 0]), .disconnect(0x82)),
        Exchange(
            "[MQTT-2.2.1-3] SUBSCRIBE with identifier 0", .packet(0x82, [0, 0, 0], subscription),
            .disconnect(0x82)),
        Exchange(
            "[MQTT-3.8.3-1] an ill-formed filter", .packet(0x82, [0, 1, 0], .counted([0xFF]), [0]),
            .disconnect(0x81)),
        Exchange(
            "[MQTT-4.7.3-2] U+0000 in a filter", .packet(0x82, [0, 1, 0], .counted([0]), [0]),
            .disconnect(0x81)),
        Exchange(
            "[MQTT-3.8.3-5] reserved option bit 6", .packet(0x82, [0, 1, 0], .text("t"), [0x40]),
            .disconnect(0x81)),
        Exchange(
            "[MQTT-3.8.3-5] reserved option bit 7", .packet(0x82, [0, 1, 0], .text("t"), [0x80]),
            .disconnect(0x81)),
        Exchange("3.8.3.1: QoS 3", .packet(0x82, [0, 1, 0], .text("t"), [3]), .disconnect(0x82)),
        Exchange(
            "3.8.3.1: Retain Handling 3", .packet(0x82, [0, 1, 0], .text("t"), [0x30]),
            .disconnect(0x82)),
        Exchange(
            "[MQTT-3.8.3-4] No Local on a shared subscription",
            .packet(0x82, [0, 1, 0], .text("$share/g/t"), [4]), .disconnect(0x82)),
        Exchange(
            "3.8.2.1.2: Subscription Identifier 0",
            .packet(0x82, [0, 1], .properties([0x0B, 0]), subscription), .disconnect(0x82)),
        Exchange(
            "3.8.2.1.2: two Subscription Identifiers",
            .packet(0x82, [0, 1], .properties([0x0B, 1, 0x0B, 2]), subscription), .disconnect(0x82)),
        Exchange(
            "a filter without its options", .packet(0x82, [0, 1, 0], .text("t")), .disconnect(0x81)),
        Exchange(
            "[MQTT-4.7.3-1] an empty filter", .packet(0x82, [0, 1, 0], .text(""), [0]),
            .disconnect(0x81)),
        Exchange(
            "[MQTT-4.7.1-1] # before the end", .packet(0x82, [0, 1, 0], .text("a/#/b"), [0]),
            .disconnect(0x81)),
        Exchange(
            "[MQTT-4.7.1-1] # in a level", .packet(0x82, [0, 1, 0], .text("a/b#"), [0]),
            .disconnect(0x81)),
        Exchange(
            "[MQTT-4.7.1-2] + in a level", .packet(0x82, [0, 1, 0], .text("a/b+/c"), [0]),
            .disconnect(0x81)),
        Exchange(
            "[MQTT-4.8.2-1] a share without a name",
            .packet(0x82, [0, 1, 0], .text("$share//t"), [0]),
            .disconnect(0x81)),
        Exchange(
            "[MQTT-4.8.2-2] a wildcard in a share's name",
            .packet(0x82, [0, 1, 0], .text("$share/g+/t"), [0]), .disconnect(0x81)),
        Exchange(
            "[MQTT-4.8.2-2] a share without a filter",
            .packet(0x82, [0, 1, 0], .text("$share/g"), [0]),
            .disconnect(0x81)),
        Exchange(
            "[MQTT-4.8.2-2] a share with an empty filter",
            .packet(0x82, [0, 1, 0], .text("$share/g/"), [0]), .disconnect(0x81)),
        Exchange("[MQTT-3.10.3-2] no filter", .packet(0xA2, [0, 1, 0]), .disconnect(0x82)),
        Exchange(
            "[MQTT-2.2.1-3] UNSUBSCRIBE with identifier 0", .packet(0xA2, [0, 0, 0], .text("t")),
            .disconnect(0x82)),
        Exchange(
            "[MQTT-3.10.3-1] an ill-formed filter", .packet(0xA2, [0, 1, 0], .counted([0xFF])),
            .disconnect(0x81)),
    ]

    static let acknowledgements = [
        Exchange(
            "[MQTT-3.4.2-1] a PUBACK with a code that it can't have", .packet(0x40, [0, 1, 0x81]),
            .disconnect(0x82)),
        Exchange("[MQTT-2.2.1-3] PUBACK 0", .packet(0x40, [0, 0]), .disconnect(0x82)),
        Exchange("a PUBACK that is cut", .packet(0x40, [0]), .disconnect(0x81)),
        Exchange(
            "[MQTT-3.5.2-1] a PUBREC with a code that it can't have", .packet(0x50, [0, 1, 0x92]),
            .disconnect(0x82)),
        Exchange(
            "[MQTT-3.6.2-1] a PUBREL with a code that it can't have", .packet(0x62, [0, 1, 0x80]),
            .disconnect(0x82)),
        Exchange(
            "[MQTT-3.7.2-1] a PUBCOMP with a code that it can't have", .packet(0x70, [0, 1, 0x10]),
            .disconnect(0x82)),
        Exchange(
            "3.14.2.1: a DISCONNECT with a server's code", .packet(0xE0, [0x8E, 0]),
            .disconnect(0x82)),
        Exchange(
            "3.14.2.2.2: a session expiry, where CONNECT had none",
            .packet(0xE0, [0], .properties([0x11, 0, 0, 0, 9])), .disconnect(0x82)),
        Exchange("[MQTT-4.12.0-7] AUTH without a method in CONNECT", [0xF0, 0], .disconnect(0x82)),
        Exchange(
            "[MQTT-4.12.1-2] AUTH to authenticate again",
            .packet(0xF0, [0x19], .properties([0x15] + .text("m"))), .disconnect(0x82)),
    ]

    /// Of 3.1.1.
    static let ofVersion3 = [
        Exchange("2.2.1 of 3.1.1: packet type 0", [0, 0], .closed),
        Exchange("2.2.1 of 3.1.1: packet type 15", [0xF0, 0], .closed),
        Exchange("[MQTT-3.1.0-2] of 3.1.1: a second CONNECT", .connect(level: 4), .closed),
        Exchange("[MQTT-2.2.2-2] of 3.1.1: flags of PUBACK", [0x42, 2, 0, 1], .closed),
        Exchange("[MQTT-2.2.2-2] of 3.1.1: flags of PINGREQ", [0xC8, 0], .closed),
        Exchange("[MQTT-3.6.1-1] of 3.1.1: flags of PUBREL", [0x60, 2, 0, 1], .closed),
        Exchange(
            "[MQTT-3.8.1-1] of 3.1.1: flags of SUBSCRIBE", .packet(0x80, [0, 1], subscription),
            .closed),
        Exchange(
            "[MQTT-3.10.1-1] of 3.1.1: flags of UNSUBSCRIBE", .packet(0xA0, [0, 1], .text("t")),
            .closed),
        Exchange("[MQTT-3.14.1-1] of 3.1.1: flags of DISCONNECT", [0xE1, 0], .closed),
        Exchange("[MQTT-3.3.1-4] of 3.1.1: QoS 3", .packet(0x36, .text("t"), [0, 1]), .closed),
        Exchange("[MQTT-3.3.1-2] of 3.1.1: DUP with QoS 0", .packet(0x38, .text("t")), .closed),
        Exchange(
            "[MQTT-2.3.1-1] of 3.1.1: QoS 2 with packet identifier 0",
            .packet(0x34, .text("t"), [0, 0]),
            .closed),
        Exchange("[MQTT-2.3.1-5] of 3.1.1: QoS 1 without one", .packet(0x32, .text("t")), .closed),
        Exchange(
            "[MQTT-3.3.2-1] [MQTT-1.5.3-1] of 3.1.1: an ill-formed topic",
            .packet(0x30, .counted([0xFF])),
            .closed),
        Exchange(
            "[MQTT-4.7.3-2] [MQTT-1.5.3-2] of 3.1.1: U+0000 in a topic",
            .packet(0x30, .counted([0x61, 0])),
            .closed),
        Exchange("[MQTT-3.3.2-2] of 3.1.1: + in a topic", .packet(0x30, .text("a/+")), .closed),
        Exchange("[MQTT-4.7.1-1] of 3.1.1: # in a topic", .packet(0x30, .text("#")), .closed),
        Exchange("[MQTT-4.7.3-1] of 3.1.1: an empty topic", .packet(0x30, .text("")), .closed),
        Exchange("[MQTT-3.8.3-3] of 3.1.1: no filter", .packet(0x82, [0, 1]), .closed),
        Exchange(
            "[MQTT-3.8.3-1] of 3.1.1: an ill-formed filter",
            .packet(0x82, [0, 1], .counted([0xFF]), [0]),
            .closed),
        Exchange(
            "[MQTT-3.8.3-4] of 3.1.1: QoS 3 is asked for", .packet(0x82, [0, 1], .text("t"), [3]),
            .closed),
        Exchange(
            "[MQTT-3.8.3-4] of 3.1.1: a reserved bit", .packet(0x82, [0, 1], .text("t"), [4]),
            .closed),
        Exchange(
            "[MQTT-2.3.1-1] of 3.1.1: SUBSCRIBE with identifier 0",
            .packet(0x82, [0, 0], subscription),
            .closed),
        Exchange(
            "[MQTT-4.7.1-2] of 3.1.1: # before the end", .packet(0x82, [0, 1], .text("#/a"), [0]),
            .closed),
        Exchange(
            "[MQTT-4.7.1-3] of 3.1.1: + in a level", .packet(0x82, [0, 1], .text("a+"), [0]),
            .closed),
        Exchange(
            "[MQTT-4.7.3-1] of 3.1.1: an empty filter", .packet(0x82, [0, 1], .text(""), [0]),
            .closed),
        Exchange(
            "[MQTT-3.10.3-2] of 3.1.1: UNSUBSCRIBE without a filter", .packet(0xA2, [0, 1]), .closed
        ),
        Exchange(
            "[MQTT-3.10.3-1] of 3.1.1: an ill-formed filter",
            .packet(0xA2, [0, 1], .counted([0xFF])),
            .closed),
        Exchange("a PINGRESP from a client", [0xD0, 0], .closed),
        Exchange(
            "a PUBACK with a reason code, which 3.1.1 has not", .packet(0x40, [0, 1, 0]), .closed),
    ]
}
