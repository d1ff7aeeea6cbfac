import Bytes
import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// Children that are attached, attached anew and detached, also at once, and as many as there may be.
    @Suite struct ChildRequestOrderTests {
        private static let kept = #","sessionExpirySeconds":3600"#

        @Test("a child that is detached while it is attached has disconnected", arguments: [1, 4])
        func detachedEarly(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(codes: 2)
                let devices = try await gateway.importDevices(["hub", "a"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let reader = try gateway.connect(
                    key, subscribedTo: "\(devices[1].topicPrefix)presence")
                let parent = try ParentClient(gateway, devices[0])
                let attach = Array(devices[0].sys("children/attach").utf8)
                let request = Array(parent.request(for: devices[1]).utf8)
                let detach = Array(devices[0].sys("children/detach").utf8)
                let detachment = Array(parent.detachment(of: devices[1]).utf8)
                try parent.client.send { buffer in
                    Publish.encode(
                        topic: attach.span, payload: request.span, version: .v5, into: &buffer)
                    Publish.encode(
                        topic: detach.span, payload: detachment.span, version: .v5, into: &buffer)
                }
                let (early, rejection) = try parent.answer()
                #expect(early == "/rejected" && rejection.reason == "disconnected")
                #expect(rejection.id == "1" && rejection.dk == "a")
                let (name, answer) = try parent.answer()
                #expect(name == "/detached" && answer.reason == "disconnected")
                #expect(answer.id == "2")
                #expect(try reader.presenceWords(of: devices[1]) == "connected")
                #expect(try reader.presenceWords(of: devices[1]) == "disconnected disconnected")
                try parent.attach(devices[1])
            }
        }

        @Test(
            "to attach a child again by other credentials is to connect it anew",
            arguments: [1, 4])
        func attachedAgain(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(codes: 2)
                let devices = try await gateway.importDevices(["hub", "a"], into: product)
                let parent = try ParentClient(gateway, devices[0])
                try parent.attach(devices[1])
                let first = await gateway.gateway.connection(of: devices[1].identity)
                try parent.attach(devices[1])
                #expect(try await gateway.unread(by: parent.client) == [])
                let same = await gateway.gateway.connection(of: devices[1].identity)
                #expect(same?.connectedAt == first?.connectedAt)
                #expect(
                    try parent.refusal(devices[1], secret: Secret("wrong")) == "bad-credentials")
                #expect(
                    try parent.client.publish(devices[1].up(), "", qos: .atLeastOnce)?.code == 0x87)
                try parent.attach(devices[1], more: Self.kept)
                #expect(try parent.children() == ["a"])
                #expect(
                    try parent.client.publish(devices[1].up(), "", qos: .atLeastOnce)?.code == 0x10)
                #expect(try await gateway.unread(by: parent.client) == [])
            }
        }

        @Test(
            "each request is answered, also one that another one has taken the place of",
            arguments: [1, 4])
        func everyRequest(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(codes: 2)
                let devices = try await gateway.importDevices(["hub", "a"], into: product)
                let parent = try ParentClient(gateway, devices[0])
                let topic = Array(devices[0].sys("children/attach").utf8)
                func ask(_ requests: [(id: String, more: String)]) throws -> [String: String] {
                    let texts = requests.map { request in
                        Array(
                            parent.request(for: devices[1], id: request.id, more: request.more)
                                .utf8)
                    }
                    // All in one packet of the network's, so that none is done before the next one comes.
                    try parent.client.send { buffer in
                        for text in texts {
                            Publish.encode(
                                topic: topic.span, payload: text.span, version: .v5,
                                into: &buffer)
                        }
                    }
                    var answers: [String: String] = [:]
                    for _ in requests {
                        let (name, answer) = try parent.answer()
                        #expect(answer.dk == "a")
                        answers[answer.id ?? ""] = name + " " + (answer.reason ?? "")
                    }
                    return answers
                }
                #expect(
                    try ask([("1", ""), ("2", "")]) == ["1": "/attached ", "2": "/attached "])
                // Attached anew, twice: the first of the two is over before it was answered.
                #expect(
                    try ask([("3", Self.kept), ("4", #","sessionExpirySeconds":7"#)])
                        == ["3": "/rejected session-taken-over", "4": "/attached "])
                let many = (10...26).map { ("\($0)", Self.kept) }
                let answers = try ask(many)
                #expect(answers.count { $0.value == "/attached " } == 16, "\(answers)")
                #expect(answers["26"] == "/rejected message-rate-exceeded")
                #expect(try parent.children() == ["a"])
                // What ends without being asked for names no request.
                #expect(await gateway.gateway.kick(devices[1].identity))
                let (name, ending) = try parent.answer()
                #expect(name == "/detached" && ending.reason == "kicked" && ending.id == nil)
                #expect(try await gateway.unread(by: parent.client) == [])
            }
        }

        @Test("a thousand children, and not one more", .timeLimit(.minutes(5)))
        func most() async throws {
            try await TestGateway.run(
                shards: 2,
                configure: {
                    $0.limits.connectsPerSecondPerAddress = 1_000_000
                    $0.limits.exemptNetworks = ["127.0.0.0/8"]
                }
            ) { gateway in
                let product = try await gateway.createProduct(codes: 1_002)
                let names = ["hub"] + (0...1_000).map { "c\($0)" }
                let devices = try await gateway.importDevices(names, into: product)
                let parent = try ParentClient(gateway, devices[0])
                for child in devices[1...1_000] { try parent.attach(child) }
                #expect(try parent.refusal(devices[1_001]) == "too-many-children")
                // One that is there is no more than there were, and of two one: the others' earlier links count still.
                try parent.attach(devices[7], more: Self.kept)
                let topic = Array(devices[0].sys("children/attach").utf8)
                let anew = devices[8...9].map { child in
                    Array(
                        parent.request(
                            for: child, id: child.identity.device.text, more: Self.kept
                        ).utf8)
                }
                try parent.client.send { buffer in
                    for text in anew {
                        Publish.encode(
                            topic: topic.span, payload: text.span, version: .v5, into: &buffer)
                    }
                }
                var answers: [String: String] = [:]
                for _ in anew {
                    let (name, answer) = try parent.answer()
                    answers[answer.id ?? ""] = name + " " + (answer.reason ?? "")
                }
                #expect(
                    answers == ["c7": "/attached ", "c8": "/rejected too-many-children"])
                try parent.detach(devices[1])
                #expect(try parent.answer().name == "/detached")
                try parent.attach(devices[1_001])
                #expect(try parent.children().count == 1_000)
            }
        }

        @Test("in a cluster a child is connected once, wherever it and its parent are")
        func cluster() async throws {
            try await TestNodes.run(2) { nodes in
                let product = try await nodes[0].createProduct(codes: 9)
                let key = try await nodes[0].createApplication(products: [product])
                let hub = try await nodes.device("hub", of: product)
                for owner in 0..<2 {
                    let child = try await nodes.device(ownedBy: owner, of: product)
                    let backend = try nodes[1].connect(
                        key, clientID: "b\(owner)", subscribedTo: child.up("#"))
                    let alone = try nodes[1].connect(child)
                    let parent = try ParentClient(nodes[0], hub)
                    try parent.attach(child)
                    #expect(try alone.endingCode() == 0x8E)
                    #expect(
                        try parent.client.publish(child.up(), "x", qos: .atLeastOnce)?.code ?? 0
                            < 0x80)
                    #expect(try backend.message().text == "x")
                    #expect(
                        try backend.publish(child.down(), "y", qos: .atLeastOnce)?.code == 0)
                    #expect(try parent.client.message().text == "y")
                    let again = try nodes[1].connect(child)
                    let (name, answer) = try parent.answer()
                    #expect(name == "/detached" && answer.reason == "session-taken-over")
                    #expect(
                        try parent.client.publish(child.up(), "z", qos: .atLeastOnce)?.code == 0x87)
                    try again.ping()
                    try again.leave()
                    try parent.client.leave()
                }
                #expect(try nodes[1].figures(of: product)?.consumed == 3)
            }
        }
    }
}
