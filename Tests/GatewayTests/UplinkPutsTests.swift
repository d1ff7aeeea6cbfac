import Ledger
import MQTT
import Replication
import Sessions
import Synchronization
import Testing
import Time

@testable import Gateway

@Suite struct UplinkPutsTests {
    private var puts = UplinkPuts()

    /// What each put was answered, by its payload.
    private final class Told: Sendable {
        private let outcomes = Mutex<[String: [WriteOutcome]]>([:])

        func tell(_ answer: UplinkPuts.Answer?) {
            for completion in answer?.completions ?? [] { completion(answer?.outcome ?? .full) }
        }

        func note(_ payload: String, _ outcome: WriteOutcome) {
            outcomes.withLock { $0[payload, default: []].append(outcome) }
        }

        var all: [String: [WriteOutcome]] { outcomes.withLock { $0 } }
    }

    private let told = Told()

    private func content(
        _ device: String, _ payload: String, _ stream: String = "S", packetID: UInt16? = 1,
        isDuplicate: Bool = false
    ) -> UplinkMessage {
        let identity = DeviceIdentity(product: ProductKey("PK")!, device: DeviceKey(device)!)
        return UplinkMessage(
            device: identity, stream: UplinkStream(stream)!,
            message: Message(
                topic: Array("d/PK/\(device)/up/x".utf8), payload: Array(payload.utf8),
                qos: .atLeastOnce),
            at: Timestamp(seconds: 1), units: 1, packetID: packetID, isDuplicate: isDuplicate)
    }

    @discardableResult
    private mutating func add(_ content: UplinkMessage, until deadline: Int64 = 1_000) -> Bool {
        let text = String(decoding: content.message.payload, as: UTF8.self)
        return puts.add(content, until: deadline) { [told] in told.note(text, $0) }
    }

    private func texts(_ sendings: [UplinkPuts.Sending]) -> [String] {
        sendings.map { String(decoding: $0.content.message.payload, as: UTF8.self) }.sorted()
    }

    @Test("Of one device one message is under way; the next follows when it is taken")
    mutating func order() {
        for text in ["a1", "a2", "a3"] { add(content("a", text)) }
        add(content("b", "b1"))
        let first = puts.due(at: 0)
        #expect(texts(first) == ["a1", "b1"] && puts.due(at: 0).isEmpty)
        for sending in first { told.tell(puts.answered(sending, true, at: 1)) }
        #expect(told.all == ["a1": [.stored], "b1": [.stored]])
        let second = puts.due(at: 1)
        #expect(texts(second) == ["a2"])
        told.tell(puts.answered(second[0], true, at: 2))
        for sending in puts.due(at: 2) { told.tell(puts.answered(sending, true, at: 3)) }
        #expect(told.all.count == 4 && puts.isEmpty && puts.count == 0)
    }

    @Test("What failed is put again first, under the same number, before what follows it")
    mutating func again() {
        add(content("a", "1"))
        add(content("a", "2"))
        let sending = puts.due(at: 0)[0]
        #expect(puts.answered(sending, false, at: 10) == nil)
        #expect(puts.due(at: 11).isEmpty, "it pauses")
        let retry = puts.due(at: 10 + UplinkPuts.retryMilliseconds)
        #expect(texts(retry) == ["1"] && retry[0].number == sending.number)
        told.tell(puts.answered(retry[0], true, at: 300))
        #expect(texts(puts.due(at: 300)) == ["2"])
        #expect(told.all == ["1": [.stored]])
    }

    @Test("A stream that fails is tried with one message at a time; others are not held up")
    mutating func failing() {
        for number in 0..<10 { add(content("d\(number)", "\(number)")) }
        add(content("x", "x", "T"))
        let all = puts.due(at: 0)
        #expect(all.count == 11)
        for sending in all where sending.content.stream.text == "S" {
            #expect(puts.answered(sending, false, at: 0) == nil)
        }
        add(content("y", "y", "T"))
        #expect(texts(puts.due(at: 1)) == ["y"])
        let probe = puts.due(at: 250)
        #expect(probe.count == 1 && puts.due(at: 250).isEmpty)
        told.tell(puts.answered(probe[0], true, at: 251))
        #expect(puts.due(at: 251).count == 9)
    }

    @Test("A message that its stream never takes holds up its own device only")
    mutating func poison() {
        add(content("bad", "never"))
        add(content("bad", "behind it"))
        for round in 0..<20 {
            let now = Int64(round) * UplinkPuts.retryMilliseconds
            for number in 0..<5 { add(content("d\(number)", "\(round)-\(number)")) }
            let sendings = puts.due(at: now)
            #expect(sendings.count == 6)
            for sending in sendings {
                let isTaken = sending.content.device.device.text != "bad"
                told.tell(puts.answered(sending, isTaken, at: now))
            }
        }
        #expect(told.all.count == 100 && puts.count == 2)
    }

    @Test("When the product names another stream, its devices go on there, in order")
    mutating func renamed() {
        add(content("a", "1", "S"))
        add(content("a", "2", "T"))
        let first = puts.due(at: 0)
        #expect(texts(first) == ["1"])
        #expect(puts.answered(first[0], false, at: 0) == nil)
        for answer in puts.expired(at: 1_000) { told.tell(answer) }
        add(content("a", "3", "T"), until: 3_000)
        add(content("b", "4", "S"), until: 3_000)
        let second = puts.due(at: 1_000)
        #expect(texts(second) == ["3", "4"])
        for sending in second { told.tell(puts.answered(sending, true, at: 1_001)) }
        #expect(puts.isEmpty && told.all["1"] == [.notUplinked] && told.all["2"] == [.notUplinked])
    }

    @Test("One whose time is over is told so, once; a late acknowledgement changes nothing")
    mutating func expiry() {
        add(content("a", "1"), until: 10)
        add(content("a", "2"), until: 20)
        let sending = puts.due(at: 0)[0]
        for answer in puts.expired(at: 10) { told.tell(answer) }
        #expect(told.all == ["1": [.notUplinked]])
        #expect(texts(puts.due(at: 11)) == ["2"])
        told.tell(puts.answered(sending, true, at: 12))
        for answer in puts.expired(at: 20) { told.tell(answer) }
        #expect(told.all == ["1": [.notUplinked], "2": [.notUplinked]])
    }

    @Test("The same message again, with DUP, waits for the one that is under way")
    mutating func repetition() {
        add(content("a", "1", packetID: 7))
        let sending = puts.due(at: 0)[0]
        add(content("a", "1", packetID: 7, isDuplicate: true))
        #expect(puts.count == 1)
        // Another packet, another payload, or no DUP: another message.
        add(content("a", "1", packetID: 8, isDuplicate: true))
        add(content("a", "2", packetID: 7, isDuplicate: true))
        add(content("a", "1", packetID: 7))
        #expect(puts.count == 4)
        told.tell(puts.answered(sending, true, at: 1))
        #expect(told.all == ["1": [.stored, .stored]])
    }

    @Test("There is room for so many of one device, and half of all for one stream")
    mutating func room() {
        for number in 0..<UplinkPuts.deviceMaximumCount { add(content("a", "\(number)")) }
        #expect(!add(content("a", "more")))
        #expect(add(content("b", "1")))
        for answer in puts.giveUp() { told.tell(answer) }
        #expect(told.all.count == UplinkPuts.deviceMaximumCount && puts.count == 0)
        let large = String(repeating: "x", count: 1 << 20)
        var taken = 0
        while add(content("d\(taken)", large)) { taken += 1 }
        #expect(taken == 127)
        #expect(add(content("z", large, "T")))
        #expect(add(content("d1000", "1")), "a small one still fits")
    }
}

@Suite struct UplinkMessageTests {
    private func message(
        _ topic: String, device: String = "dk", properties: [UInt8] = [], isDuplicate: Bool = false
    ) -> UplinkMessage {
        UplinkMessage(
            device: DeviceIdentity(product: ProductKey("PK")!, device: DeviceKey(device)!),
            stream: UplinkStream("S")!,
            message: Message(
                topic: Array("d/PK/\(device)/\(topic)".utf8), payload: [0, 255],
                qos: .atLeastOnce, properties: properties),
            at: Timestamp("2026-11-21T08:15:30.250Z")!, units: 3, packetID: 9,
            isDuplicate: isDuplicate)
    }

    @Test(
        "The words of a subject are the levels of the topic, in characters that NATS takes",
        arguments: [
            ("up/a/b", ["PK", "dk", "up", "a", "b"]),
            ("up/a.b/c d", ["PK", "dk", "up", "a%2Eb", "c%20d"]),
            ("up//x/", ["PK", "dk", "up", "%", "x", "%"]),
            ("up/ä", ["PK", "dk", "up", "%C3%A4"]),
            ("up/%41>*", ["PK", "dk", "up", "%2541%3E%2A"]),
        ]
    )
    func words(topic: String, words: [String]) {
        #expect(message(topic).streamMessage(id: "1").words == words)
    }

    @Test("A device's key is one word, whatever is in it")
    func device() {
        let words = message("up/a", device: "a.b:c@d").streamMessage(id: "1").words
        #expect(words == ["PK", "a%2Eb%3Ac%40d", "up", "a"])
    }

    @Test("Of a long topic the subject has the levels that fit; the header has all of it")
    func long() {
        let topic = "up/" + String(repeating: "abcdefghi/", count: 6_000)
        let made = message(topic).streamMessage(id: "1")
        #expect(made.words.joined(separator: ".").utf8.count < 1_100)
        #expect(made.headers.contains(.init("Tollgate-Topic", "d/PK/dk/\(topic)")))
    }

    @Test("The header says of what device, when, on what topic, how many units")
    func header() {
        let made = message("up/a b\n%", isDuplicate: true).streamMessage(id: "x-1")
        #expect(
            made.headers == [
                .init("Tollgate-Product", "PK"), .init("Tollgate-Device", "dk"),
                .init("Tollgate-Topic", "d/PK/dk/up/a b%0A%25"),
                .init("Tollgate-Time", "2026-11-21T08:15:30.250Z"), .init("Tollgate-QoS", "1"),
                .init("Tollgate-Units", "3"), .init("Tollgate-Packet", "9"),
                .init("Tollgate-Duplicate", "1"),
            ])
        #expect(made.payload == [0, 255] && made.id == "x-1")
    }

    @Test("Properties of MQTT 5 are in the header, and can't end a line of it")
    func properties() {
        // Content type "a/b", response topic "r", a user property "k=\r\n" with the value " v ".
        let bytes: [UInt8] = [
            0x03, 0, 3, 0x61, 0x2F, 0x62, 0x08, 0, 1, 0x72, 0x26, 0, 4, 0x6B, 0x3D, 13, 10, 0, 3,
            0x20, 0x76, 0x20,
        ]
        let lines = message("up/a", properties: bytes).streamMessage(id: "1").headers.suffix(3)
        #expect(
            Array(lines) == [
                .init("Content-Type", "a/b"), .init("Tollgate-Response-Topic", "r"),
                .init("Tollgate-Property", "k%3D%0D%0A=%20v%20"),
            ])
    }
}
