import Gateway
import Ledger
import Linux
import MQTT
import Replication
import Sessions
import Support
import Synchronization
import TestFiles
import Testing
import Time

extension WholeGateway {
    /// Retained messages of several gateways in one process, which follow the same records.
    @Suite struct RetainedClusterTests {
        private let records = InProcessLatestRecords { Timestamp.now() }
        private let directories = [TemporaryDirectory(), TemporaryDirectory()]

        private func start(
            _ index: Int,
            following records: (any LatestRecords)? = nil,
            configure: (inout GatewayConfiguration) -> Void = { _ in }
        ) throws -> TestGateway {
            try TestGateway(
                retained: records ?? self.records, directory: directories[index],
                configure: configure)
        }

        /// What a new client gets for a filter: topics and texts.
        private func retained(
            at gateway: TestGateway, _ filter: String = "#"
        ) async throws -> [String: String] {
            let client = try gateway.anonymous("reader")
            try client.subscribe(filter)
            var found: [String: String] = [:]
            for case .publish(let message) in try await gateway.unread(by: client) {
                #expect(message.isRetained && found[message.topic] == nil)
                found[message.topic] = message.text
            }
            try client.leave()
            return found
        }

        /// Whether a node has that soon.
        private func expect(
            _ expected: [String: String], of filter: String = "#", at gateways: TestGateway...,
            location: SourceLocation = #_sourceLocation
        ) async throws {
            for gateway in gateways {
                var found = try await retained(at: gateway, filter)
                for _ in 0..<500 where found != expected {
                    try await Task.sleep(for: .milliseconds(10))
                    found = try await retained(at: gateway, filter)
                }
                #expect(found == expected, sourceLocation: location)
            }
        }

        private func stop(_ gateways: TestGateway...) async throws {
            for gateway in gateways {
                let running = gateway.gateway
                #expect(
                    try Stores(
                        ledger: running.ledger, usage: running.usage, sessions: running.sessions
                    ).verify(secretKeys: nil) == [])
                await gateway.stop()
            }
        }

        @discardableResult
        private func retain(
            _ topic: String, _ text: String, by client: TestClient
        ) throws -> UInt8? {
            let answer = try client.publish(topic, text, qos: .atLeastOnce, isRetained: true)
            return answer.map { $0.code == 0x10 ? 0 : $0.code }
        }

        @Test("What is retained on one node is on all, as are its replacement and its deletion")
        func shared() async throws {
            let (first, second) = (try start(0), try start(1))
            let one = try first.anonymous("one")
            let two = try second.anonymous("two")
            let long = "long/" + String(repeating: "x", count: 60_000)
            for (topic, text) in [("t/1", "a"), ("t/2", "b"), ("t/1", "c"), (long, "d")] {
                #expect(try retain(topic, text, by: one) == 0)
            }
            try await expect(["t/1": "c", "t/2": "b", long: "d"], at: first, second)
            #expect(try retain("t/2", "", by: two) == 0)
            #expect(try retain("t/1", "e", by: two) == 0)
            // The node that has acknowledged it has it.
            #expect(try await retained(at: second) == ["t/1": "e", long: "d"])
            try await expect(["t/1": "e", long: "d"], at: first)
            try await stop(first, second)
        }

        @Test("Two nodes that retain under the same topics at one time have the same in the end")
        func contended() async throws {
            let (first, second) = (try start(0), try start(1))
            let clients = [try first.anonymous("one"), try second.anonymous("two")]
            for number in 0..<200 {
                let packet = UInt16(number + 1)
                for (index, client) in clients.enumerated() {
                    try client.sendPublish(
                        "t/\(number % 5)", Array("\(number) of \(index)".utf8), qos: .atLeastOnce,
                        packetID: packet, isRetained: true)
                }
                if number % 16 == 15 || number == 199 {
                    for client in clients { _ = try client.acknowledgement(.puback, packet) }
                }
            }
            let position = try records.position()
            #expect(position > 10)
            let found = try await retained(at: first)
            #expect(found.count == 5)
            try await expect(found, at: second, first)
            try await stop(first, second)
        }

        @Test(
            "A node that was away has what it has missed before it answers a SUBSCRIBE",
            arguments: [false, true])
        func away(forTooLong: Bool) async throws {
            let first = try start(0)
            var second: TestGateway? = try start(1)
            let one = try first.anonymous("one")
            for number in 0..<40 { try retain("t/\(number)", "old", by: one) }
            let all = Dictionary(uniqueKeysWithValues: (0..<40).map { ("t/\($0)", "old") })
            if let second {
                try await expect(all, at: second)
                try await stop(second)
            }
            second = nil
            for number in 0..<39 { try retain("t/\(number)", "", by: one) }
            try retain("t/0", "new", by: one)
            if forTooLong { records.forgetDeletions() }
            let again = try start(1)
            // The look-up waits for what was missed.
            let client = try again.anonymous("client")
            try client.subscribe("t/#")
            let found = try [client.message(), client.message()]
            #expect(Set(found.map { "\($0.topic) \($0.text)" }) == ["t/0 new", "t/39 old"])
            #expect(try await retained(at: again) == ["t/0": "new", "t/39": "old"])
            #expect(try await retained(at: first) == ["t/0": "new", "t/39": "old"])
            try await stop(first, again)
        }

        @Test("What a gateway had retained before it became a node is retained by all")
        func joins() async throws {
            try await TestGateway.run(directory: directories[0]) { gateway in
                let client = try gateway.anonymous("client")
                for number in 0..<600 {
                    try client.sendPublish("old/\(number)", [1], isRetained: true)
                }
                try retain("t", "its own", by: client)
            }
            let second = try start(1)
            try retain("t", "the cluster's", by: try second.anonymous("two"))
            let first = try start(0)
            try await expect(["t": "the cluster's"], of: "t", at: first, second)
            // The other one follows.
            let old = Dictionary(uniqueKeysWithValues: (0..<600).map { ("old/\($0)", "\u{1}") })
            try await expect(old, of: "old/#", at: first, second)
            try await stop(first, second)
        }

        @Test(
            "Records that were lost and begun anew get what the nodes have, not of one that was away for weeks, and go on",
            arguments: [false, true])
        func begunAnew(isLongAway: Bool) async throws {
            let days: Int64 = isLongAway ? -8 : 0
            let lost = InProcessLatestRecords { Timestamp.now().adding(days: days) }
            var gateways = [try start(0, following: lost), try start(1, following: lost)]
            let one = try gateways[0].anonymous("one")
            var all: [String: String] = [:]
            for number in 0..<300 {
                try one.sendPublish("old/\(number)", [0x78], isRetained: true)
                all["old/\(number)"] = "x"
            }
            try retain("t", "both", by: one)
            all["t"] = "both"
            try await expect(all, at: gateways[0], gateways[1])
            for gateway in gateways { try await stop(gateway) }
            gateways = []
            // Longer than what was followed: positions alone would not tell.
            let anew = InProcessLatestRecords(generation: 2) { Timestamp.now() }
            let beside = try TestGateway(
                retained: anew, directory: TemporaryDirectory())
            let other = try beside.anonymous("other")
            for number in 0..<400 { try retain("new/\(number % 3)", "\(number)", by: other) }
            try retain("t", "newer", by: other)
            let new = ["new/0": "399", "new/1": "397", "new/2": "398", "t": "newer"]
            gateways = [try start(0, following: anew), try start(1, following: anew)]
            let expected = isLongAway ? new : all.merging(new) { $1 }
            try await expect(expected, at: gateways[0], gateways[1], beside)
            try retain("old/1", "", by: try gateways[1].anonymous("two"))
            try retain("t", "newest", by: try gateways[0].anonymous("one"))
            try await expect([:], of: "old/1", at: gateways[0], gateways[1], beside)
            try await expect(["t": "newest"], of: "t", at: gateways[0], gateways[1], beside)
            for gateway in gateways + [beside] { try await stop(gateway) }
        }

        @Test(
            "3.3.2.3.3: a message that is over is handed out by no node, one that is not with what is left of it"
        )
        func expiry() async throws {
            let (first, second) = (try start(0), try start(1))
            let one = try first.anonymous("one")
            for (topic, seconds) in [("short", UInt32(2)), ("long", 1_000)] {
                _ = try one.publish(topic, "x", qos: .atLeastOnce, isRetained: true) {
                    $0.messageExpiryInterval(seconds: seconds)
                }
            }
            try await expect(["short": "x", "long": "x"], at: first, second)
            try await Task.sleep(for: .seconds(2))
            for gateway in [first, second] {
                #expect(try await retained(at: gateway) == ["long": "x"])
                let client = try gateway.anonymous("client")
                try client.subscribe("long")
                let left = try #require(try client.message().expirySeconds)
                #expect(left > 900 && left < 1_000)
            }
            try await stop(first, second)
        }

        @Test(
            "A put whose acknowledgement is lost, or that is lost itself, is acknowledged all the same when it is there"
        )
        func lostAnswers() async throws {
            let unsteady = UnsteadyRecords(records)
            let (first, second) = (try start(0, following: unsteady), try start(1))
            let one = try first.anonymous("one")
            try await expect([:], at: first)
            unsteady.become(.losesAnswers)
            #expect(try retain("t/1", "a", by: one) == 0)
            #expect(try records.position() == 1)
            // A deletion does not say whose it is: it is put again.
            for (condition, text) in [(UnsteadyRecords.Condition.losesPuts, "b"), (.away, "")] {
                unsteady.become(condition)
                try one.sendPublish(
                    "t/1", Array(text.utf8), qos: .atLeastOnce, packetID: 1_000, isRetained: true)
                try await Task.sleep(for: .milliseconds(400))
                unsteady.become(.there)
                #expect(try one.acknowledgement(.puback, 1_000).code != 0x83)
                try await expect(text.isEmpty ? [:] : ["t/1": text], at: first, second)
            }
            try await stop(first, second)
        }

        @Test(
            "While the records are away its publisher waits for ten seconds, and is told that nothing is stored; look-ups go on"
        )
        func recordsAway() async throws {
            let unsteady = UnsteadyRecords(records)
            let gateway = try start(0, following: unsteady)
            let newer = try gateway.anonymous("newer")
            let older = try gateway.anonymous("older", version: .v3_1_1)
            try retain("t", "kept", by: newer)
            unsteady.become(.away)
            for client in [newer, older] {
                try client.sendPublish(
                    "t", [1], qos: .atLeastOnce, packetID: 1_000, isRetained: true)
            }
            #expect(try newer.acknowledgement(.puback, 1_000).code == 0x83)
            #expect(try older.untilClosed().isEmpty)
            #expect(try await retained(at: gateway) == ["t": "kept"])
            try await stop(gateway)
        }

        @Test(
            "A node that is full takes no more, whichever node has retained what it has; it follows the others all the same"
        )
        func full() async throws {
            let first = try start(0) { $0.limits.retainedMessages = 2 }
            let second = try start(1)
            let one = try first.anonymous("one")
            let two = try second.anonymous("two")
            for number in 0..<3 { #expect(try retain("t/\(number)", "x", by: two) == 0) }
            try await expect(["t/0": "x", "t/1": "x", "t/2": "x"], at: first)
            #expect(try retain("t/3", "x", by: one) == 0x97)
            #expect(try retain("t/0", "", by: one) == 0)
            #expect(try retain("t/1", "", by: one) == 0)
            #expect(try retain("t/3", "x", by: one) == 0)
            try await expect(["t/2": "x", "t/3": "x"], at: first, second)
            try await stop(first, second)
        }

        @Test(
            """
            A record of a later version is passed over, those behind it are followed, and it is read by the program that \
            is started next
            """)
        func laterVersion() async throws {
            let second = try start(1)
            let two = try second.anonymous("two")
            do {
                let first = try start(0)
                for topic in ["t/1", "t/2"] { #expect(try retain(topic, "old", by: two) == 0) }
                try await expect(["t/1": "old", "t/2": "old"], at: first, second)
                await put([9, 9, 9], under: "t/1")
                #expect(try retain("t/2", "new", by: two) == 0)
                try await expect(["t/1": "old", "t/2": "new"], at: first, second)
                try await stop(first)
            }
            do {
                // The same program again.
                let first = try start(0)
                try await expect(["t/1": "old", "t/2": "new"], at: first, second)
                try await stop(first)
            }
            // One that can read it.
            let message = Message(topic: Array("t/1".utf8), payload: [0x6E], qos: .atLeastOnce)
            let entry = RetainedEntry(sender: 1, number: 1, message)
            let readable = UnsteadyRecords(
                records,
                reading: { record in
                    guard record.bytes == [9, 9, 9] else { return record }
                    return LatestRecord(
                        key: record.key, position: record.position, at: record.at,
                        bytes: entry.bytes)
                })
            let first = try start(0, following: readable)
            try await expect(["t/1": "n", "t/2": "new"], at: first)
            try await stop(first, second)
        }

        private func put(_ bytes: [UInt8], under topic: String) async {
            await withCheckedContinuation { continuation in
                records.put(bytes, under: Array(topic.utf8), forSeconds: nil) { _ in
                    continuation.resume()
                }
            }
        }

        @Test("One that is too large for the records is refused, as a full store refuses it")
        func tooLarge() async throws {
            let gateway = try start(0) { $0.limits.packetSizeBytes = 1 << 20 }
            let client = try gateway.anonymous("client")
            let answer = try client.publish(
                "t", bytes: [UInt8](repeating: 1, count: 700_000), qos: .atLeastOnce,
                isRetained: true)
            #expect(answer?.code == 0x97)
            try await stop(gateway)
        }

        /// Replaces a retained message with the next number, while `body` runs.
        private func replacing(
            at gateway: TestGateway, _ body: () async throws -> Void
        ) async throws {
            let end = Ending()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let client = try gateway.anonymous("publisher")
                    var number = 0
                    while !end.hasCome.load(ordering: .relaxed) {
                        number += 1
                        try client.publish("t", "\(number)", qos: .atLeastOnce, isRetained: true)
                        try await Task.sleep(for: .milliseconds(2))
                    }
                }
                defer { end.hasCome.store(true, ordering: .relaxed) }
                try await body()
            }
        }

        private final class Ending: Sendable {
            let hasCome = Atomic(false)
        }

        @Test(
            "[MQTT-4.6.0-5], [MQTT-3.3.1-12]: while a retained message is replaced, subscribers of its node hear nothing old after something new, and nothing twice; those of another node get a newer one each time"
        )
        func order() async throws {
            let (first, second) = (try start(0), try start(1))
            try retain("t", "0", by: try first.anonymous("first"))
            try await expect(["t": "0"], at: second)
            try await replacing(at: first) {
                var newest = 0
                for number in 0..<20 {
                    let near = try first.anonymous("near-\(number)")
                    try near.subscribe("t")
                    let messages = try (0..<8).map { _ in try near.message() }
                    let numbers = messages.map { Int($0.text) ?? 0 }
                    #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }, "\(numbers)")
                    #expect(messages.dropFirst().allSatisfy { !$0.isRetained })
                    let far = try second.anonymous("far-\(number)")
                    try far.subscribe("t")
                    let found = try far.message()
                    #expect(found.isRetained && (Int(found.text) ?? 0) >= newest)
                    newest = Int(found.text) ?? 0
                }
            }
            try await stop(first, second)
        }
    }
}
