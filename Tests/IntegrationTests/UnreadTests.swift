import MQTT
import Support
import Testing

extension WholeGateway {
    /// The check that nothing came can fail: it stands for a hundred others.
    @Suite struct UnreadTests {
        @Test(
            "what was acknowledged to its sender is found unread by its receiver, without a wait",
            arguments: 1...3
        )
        func stray(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let publisher = try gateway.anonymous("publisher")
                for number in 0..<20 {
                    let receiver = try gateway.anonymous("receiver-\(number)")
                    try receiver.subscribe("t/#", qos: .exactlyOnce)
                    #expect(try await gateway.unread(by: receiver) == [])
                    for qos in QoS.allCases {
                        try publisher.publish("t/\(qos)", "stray", qos: qos)
                        if qos == .atMostOnce { try publisher.ping() }
                        let unread = try await gateway.unread(by: receiver)
                        #expect(unread.count == 1, "\(qos)")
                        #expect(try receiver.message().topic == "t/\(qos)")
                    }
                    #expect(try await gateway.unread(by: receiver) == [])
                    try receiver.leave()
                }
            }
        }

        @Test("the member of a share that takes over from one that has gone is reached, too")
        func strayOfShare() async throws {
            try await TestGateway.run(shards: 3) { gateway in
                let publisher = try gateway.anonymous("publisher")
                for number in 0..<20 {
                    let members = try (0..<3).map {
                        try gateway.anonymous("member-\(number)-\($0)")
                    }
                    for member in members { try member.subscribe("$share/g/t", qos: .atLeastOnce) }
                    try publisher.publish("t", "stray", qos: .atLeastOnce)
                    var count = 0
                    for member in members { count += try await gateway.unread(by: member).count }
                    #expect(count == 1)
                    for member in members { try member.leave() }
                }
            }
        }

        @Test("a will that is published is found unread when its client's connection has ended")
        func strayWill() async throws {
            try await TestGateway.run(shards: 3) { gateway in
                let watcher = try gateway.anonymous("watcher")
                try watcher.subscribe("will")
                for number in 0..<20 {
                    let mortal = try gateway.anonymous(
                        "mortal-\(number)", will: TestWill(topic: "will", payload: "stray"))
                    try mortal.leave(.disconnectWithWillMessage)
                    #expect(try await gateway.unread(by: watcher).count == 1)
                    #expect(try watcher.message().text == "stray")
                }
            }
        }

        @Test("a receiver that was disconnected is no silent one: the check throws")
        func ended() async throws {
            try await TestGateway.run { gateway in
                let receiver = try gateway.anonymous("receiver")
                try receiver.send([0x36, 0])
                await #expect(throws: TestClientError.self) {
                    _ = try await gateway.unread(by: receiver)
                }
            }
        }
    }
}
