import Gateway
import Ledger
import MQTT
import Reactor
import Storage
import Support
import TestFiles
import Testing
import Time

extension TestClient {
    /// Reports by PUBLISH, and answers what the device is told: the name behind `sys/` and the text. `nil` for `text`:
    /// asks for the state.
    func report(
        _ text: String?, by device: TestDevice, qos: QoS = .atLeastOnce
    ) throws -> (name: String, text: String, code: UInt8) {
        let topic = device.sys(text == nil ? "state/get" : "state/reported")
        let code = try publish(topic, text ?? "", qos: qos)?.code ?? 0
        let message = try message()
        let prefix = device.sys("")
        #expect(message.topic.hasPrefix(prefix) && message.qos == .atMostOnce)
        return (String(message.topic.dropFirst(prefix.count)), message.text, code)
    }
}

extension TestGateway {
    /// A connected device that hears what matches the filter.
    func connect(
        _ device: TestDevice, version: ProtocolVersion = .v5, subscribedTo filter: String
    ) throws -> TestClient {
        let client = try connect(device, version: version)
        try client.subscribe(filter)
        return client
    }

    func desire(
        _ text: String, of device: TestDevice, isMerge: Bool = true, expected: UInt64? = nil
    ) async throws {
        let edit = DesiredEdit(
            try StatePatch(json: Array(text.utf8)), isMerge: isMerge, expected: expected)
        try await submit(.devices(.changeDesired(device.identity, edit)))
        await settle()
    }

    func reported(by device: TestDevice) throws -> ReportedState? {
        guard let record = try record(of: device.identity) else { return nil }
        return try gateway.reportedState(
            of: device.identity, registeredAt: record.registeredAt)
    }
}

extension WholeGateway {
    /// What devices are to be, and what they say that they are (Wire.md, "State").
    @Suite struct StateTests {
        private func connect(
            _ gateway: TestGateway, _ device: TestDevice, version: ProtocolVersion = .v5
        ) throws -> TestClient {
            try gateway.connect(device, version: version, subscribedTo: device.sys("#"))
        }

        @Test(
            "a report is merged, on the disk and told to applications; nothing of it is counted",
            arguments: ProtocolVersion.allCases, [QoS.atMostOnce, .atLeastOnce, .exactlyOnce])
        func reports(version: ProtocolVersion, qos: QoS) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/state")
                let other = try gateway.connect(key, clientID: "other", subscribedTo: "d/lamp/#")
                let client = try connect(gateway, device, version: version)
                let nothing = try client.report(nil, by: device, qos: qos)
                #expect(nothing.name == "state" && nothing.code == 0)
                #expect(
                    nothing.text
                        == #"{"desired":{},"desiredVersion":0,"reported":{},"reportedVersion":0}"#)
                let first = try client.report(
                    #"{"reported":{"on":true,"level":{"a":1}}}"#, by: device, qos: qos)
                #expect(first == ("state/accepted", #"{"reportedVersion":1}"#, 0))
                let second = try client.report(
                    #"{"reported":{"level":{"a":null,"b":2}},"version":1}"#, by: device, qos: qos)
                #expect(second == ("state/accepted", #"{"reportedVersion":2}"#, 0))
                let same = try client.report(#"{"reported":{"on":true}}"#, by: device, qos: qos)
                #expect(same == ("state/accepted", #"{"reportedVersion":2}"#, 0))
                let kept = try #require(try gateway.reported(by: device))
                #expect(kept.document.text == #"{"on":true,"level":{"b":2}}"#)
                let all = try client.report(nil, by: device, qos: qos)
                #expect(
                    all.text.contains(
                        #""reported":{"on":true,"level":{"b":2}},"reportedVersion":2"#))
                for text in [
                    #"{"reported":{"on":true,"level":{"a":1}},"reportedVersion":1,"#,
                    #"{"reported":{"on":true,"level":{"b":2}},"reportedVersion":2,"#,
                ] {
                    let message = try backend.message()
                    #expect(message.topic == "d/lamp/dk1/state" && message.qos == .atLeastOnce)
                    #expect(message.text.hasPrefix(text), "\(message.text)")
                }
                #expect(try await gateway.unread(by: backend) == [])
                #expect(try await gateway.unread(by: other) == [])
                #expect(try await gateway.usedToday(device).used == 0)
            }
        }

        @Test(
            "what says no state is refused with its reason, and changes nothing",
            arguments: ProtocolVersion.allCases)
        func refused(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try connect(gateway, device, version: version)
                _ = try client.report(#"{"reported":{"a":1}}"#, by: device)
                let long = String(repeating: "x", count: 8_200)
                let deep = String(repeating: "[", count: 8) + String(repeating: "]", count: 8)
                for (text, reason, code) in [
                    ("", "state-invalid", 0x99), ("[]", "state-invalid", 0x99),
                    (#"{"on":true}"#, "state-invalid", 0x99),
                    (#"{"reported":7}"#, "state-invalid", 0x99),
                    (#"{"reported":{"a":1,"a":2}}"#, "state-invalid", 0x99),
                    (#"{"reported":{"a":\#(deep)}}"#, "state-invalid", 0x99),
                    (#"{"reported":{"b":"\#(long)"}}"#, "state-too-large", 0x97),
                    (#"{"reported":{"b":1},"version":0}"#, "state-version-mismatch", 0x83),
                ] as [(String, String, UInt8)] {
                    let answer = try client.report(text, by: device)
                    #expect(answer.name == "state/rejected", "\(text)")
                    #expect(answer.text.hasPrefix(#"{"reason":"\#(reason)","detail":""#))
                    #expect(answer.text.hasSuffix(#"","reportedVersion":1}"#), "\(answer.text)")
                    #expect(answer.code == (version == .v5 ? code : 0), "\(text)")
                }
                let bytes: [UInt8] =
                    Array(#"{"reported":{"a":""#.utf8) + [0xC3] + Array("\"}}".utf8)
                _ = try client.publish(
                    device.sys("state/reported"), bytes: bytes, qos: .atLeastOnce)
                #expect(try client.message().text.contains("it is not UTF-8"))
                let half = String(repeating: "x", count: 4_090)
                for (name, isTaken) in [("b", true), ("c", false)] {
                    let answer = try client.report(
                        #"{"reported":{"\#(name)":"\#(half)"}}"#, by: device)
                    #expect((answer.name == "state/accepted") == isTaken)
                }
                #expect(try gateway.reported(by: device)?.version == 2)
                #expect(try gateway.reported(by: device)?.document.text.count == 4_104)
            }
        }

        @Test(
            "what a device is to be comes when it is said, and again until it says that it has it",
            arguments: ProtocolVersion.allCases)
        func desired(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try connect(gateway, device, version: version)
                #expect(try await gateway.unread(by: client) == [])
                try await gateway.desire(#"{"on":true}"#, of: device)
                let first = try client.message()
                #expect(first.topic == device.sys("state/desired"))
                #expect(first.text == #"{"desired":{"on":true},"version":1}"#)
                try await gateway.desire(#"{"level":40}"#, of: device, expected: 1)
                #expect(
                    try client.message().text == #"{"desired":{"on":true,"level":40},"version":2}"#)
                try client.leave()
                try await gateway.desire(#"{"on":null}"#, of: device)
                try await gateway.desire(#"{"level":50}"#, of: device)
                // While it was away only the last counts.
                let back = try connect(gateway, device, version: version)
                #expect(try back.message().text == #"{"desired":{"level":50},"version":4}"#)
                // Once on each connection.
                try back.subscribe(device.sys("state/desired"))
                #expect(try await gateway.unread(by: back) == [])
                try back.leave()
                let again = try connect(gateway, device, version: version)
                #expect(try again.message().text == #"{"desired":{"level":50},"version":4}"#)
                let told = try again.report(
                    #"{"reported":{"level":50},"desiredVersion":4}"#, by: device)
                #expect(told.name == "state/accepted")
                try again.leave()
                let done = try connect(gateway, device, version: version)
                #expect(try await gateway.unread(by: done) == [])
                #expect(try gateway.reported(by: device)?.desired == 4)
                #expect(try await gateway.usedToday(device).used == 0)
            }
        }

        @Test("a session that is found again hears what its device is to be without subscribing")
        func session() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                func come() throws -> TestClient {
                    let client = try TestClient(port: gateway.plainPort, version: .v5)
                    let answer = try client.connect(
                        as: .signed(device, secureMode: 3), isCleanStart: false
                    ) { $0.sessionExpiryInterval(seconds: 1_000) }
                    #expect(answer.code == 0)
                    return client
                }
                let first = try come()
                try first.subscribe(device.sys("state/desired"))
                first.lose()
                try await gateway.desire(#"{"on":true}"#, of: device)
                #expect(try come().message().text == #"{"desired":{"on":true},"version":1}"#)
            }
        }

        @Test(
            "where a product counts states, reports and questions are messages, and not held to a pace"
        )
        func counted() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 40)
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try connect(gateway, device)
                try await gateway.submit(.products(.countState(product.key, true)))
                await gateway.settle()
                for number in 1...39 {
                    let answer = try client.report(
                        #"{"reported":{"n":\#(number)}}"#, by: device)
                    #expect(answer.text == #"{"reportedVersion":\#(number)}"#)
                }
                #expect(try client.report(nil, by: device).name == "state")
                let over = try client.publish(
                    device.sys("state/reported"), "{}", qos: .atLeastOnce)
                #expect(over?.code == 0x97)
                #expect(
                    try client.first("rejected") { packet in
                        if case .publish(let message) = packet,
                            message.topic == device.sys("state/rejected")
                        {
                            message.text
                        } else {
                            nil
                        }
                    }.hasPrefix(#"{"reason":"quota-exceeded""#))
                #expect(try await gateway.usedToday(device).used == 40)
            }
        }

        @Test("C12: where they are not counted, thirty come through at once, and then one a minute")
        func pace() async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try connect(gateway, device)
                for number in 1...30 {
                    let answer = try client.report(
                        #"{"reported":{"n":\#(number)}}"#, by: device)
                    #expect(answer.name == "state/accepted", "\(number): \(answer.text)")
                }
                for text in [#"{"reported":{"n":0}}"#, nil] {
                    let answer = try client.report(text, by: device)
                    #expect(answer.code == 0x97)
                    #expect(answer.text.hasPrefix(#"{"reason":"state-rate-exceeded""#))
                }
                // Another connection has no more.
                try client.leave()
                let next = try connect(gateway, device)
                #expect(try next.report(nil, by: device).code == 0x97)
                clock.advance(milliseconds: 61_000)
                gateway.gateway.clockMoved()
                #expect(try next.report(nil, by: device).name == "state")
                #expect(try next.report(nil, by: device).code == 0x97)
            }
        }

        @Test("reports that come before the one in front is on the disk are merged in their order")
        func inOrder() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try connect(gateway, device)
                for number in 0..<20 {
                    try client.sendPublish(
                        device.sys("state/reported"),
                        Array(#"{"reported":{"n\#(number)":\#(number)}}"#.utf8),
                        qos: .atLeastOnce, packetID: UInt16(number + 1))
                }
                for number in 1...20 {
                    #expect(try client.message().text == #"{"reportedVersion":\#(number)}"#)
                    #expect(try client.acknowledgement(.puback, UInt16(number)).code == 0)
                }
                let text = try #require(try gateway.reported(by: device)).document.text
                let members = (0..<20).map { #""n\#($0)":\#($0)"# }
                #expect(text == "{\(members.joined(separator: ","))}")
            }
        }

        @Test("a state goes with its device, and one of the same name begins without")
        func deleted() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 2)
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try connect(gateway, device)
                _ = try client.report(#"{"reported":{"a":1},"desiredVersion":9}"#, by: device)
                try await gateway.desire(#"{"b":2}"#, of: device)
                let registeredAt = try #require(
                    try gateway.record(of: device.identity)
                ).registeredAt
                try await gateway.submit(.devices(.delete(device.identity)))
                await gateway.settle()
                for _ in 0..<200 {
                    let left = try gateway.gateway.reportedState(
                        of: device.identity, registeredAt: registeredAt)
                    if left.version == 0 { break }
                    try await Task.sleep(for: .milliseconds(10))
                }
                let left = try gateway.gateway.reportedState(
                    of: device.identity, registeredAt: registeredAt)
                #expect(left == .none(registeredAt: registeredAt))
                let next = try await gateway.importDevice("dk1", into: product)
                let other = try connect(gateway, next)
                #expect(
                    try other.report(nil, by: next).text
                        == #"{"desired":{},"desiredVersion":0,"reported":{},"reportedVersion":0}"#)
            }
        }

        @Test(
            "devices with a dialect have a state by the same topics",
            arguments: TopicPreset.allCases)
        func dialect(preset: TopicPreset) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let dialect = Dialect(topics: .preset(preset), proofs: .standard)
                try await gateway.submit(.products(.setDialect(product.key, dialect)))
                await gateway.settle()
                let client = try connect(gateway, device)
                let answer = try client.report(#"{"reported":{"a":1}}"#, by: device)
                #expect(answer == ("state/accepted", #"{"reportedVersion":1}"#, 0))
                try await gateway.desire(#"{"b":2}"#, of: device)
                #expect(try client.message().topic == device.sys("state/desired"))
            }
        }

        @Test("what all devices of a product have said goes with it")
        func productDeleted() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 200)
                let other = try await gateway.createProduct("pump")
                let kept = try await gateway.importDevice("dk0", into: other)
                let devices = try await gateway.importDevices(
                    (0..<120).map { "dk\($0)" }, into: product)
                for device in devices + [kept] {
                    let client = try connect(gateway, device)
                    _ = try client.report(#"{"reported":{"a":1}}"#, by: device)
                    try client.leave()
                }
                var times: [DeviceIdentity: Timestamp] = [:]
                for device in devices {
                    times[device.identity] = try gateway.record(of: device.identity)?.registeredAt
                }
                try await gateway.submit(.products(.delete(product.key)))
                try await until {
                    try times.allSatisfy { identity, time in
                        try gateway.gateway.reportedState(of: identity, registeredAt: time).version
                            == 0
                    }
                }
                #expect(try gateway.reported(by: kept)?.version == 1)
            }
        }

        @Test("what is left of devices that were deleted while the gateway was killed goes then")
        func leftBehind() async throws {
            let directory = TemporaryDirectory()
            let (product, devices, times) = try await TestGateway.run(directory: directory) {
                first in
                let product = try await first.createProduct(codes: 10)
                let other = try await first.createProduct("pump")
                var devices = try await first.importDevices(["dk1", "dk2", "dk3"], into: product)
                devices.append(try await first.importDevice("dk4", into: other))
                var times: [Timestamp] = []
                for device in devices {
                    let client = try connect(first, device)
                    _ = try client.report(#"{"reported":{"a":1}}"#, by: device)
                    try client.leave()
                    times.append(
                        try #require(try first.record(of: device.identity)).registeredAt)
                }
                return (product, devices, times)
            }
            do {
                let ledger = try Ledger(directory: "\(directory.file("data"))/ledger")
                let actions: [Action] = [
                    .devices(.delete(devices[0].identity)), .devices(.delete(devices[1].identity)),
                    .products(.delete(devices[3].identity.product)),
                ]
                for action in actions {
                    let at = times[3].adding(milliseconds: 1)
                    let command = Command(at: at, actor: "owner", action: action)
                    #expect(try ledger.carryOut(command).effect != nil)
                }
                ledger.shutdown()
            }
            try await TestGateway.run(directory: directory) { gateway in
                // One of them is registered again, and has reported since.
                let again = try await gateway.importDevice("dk2", into: product)
                let client = try connect(gateway, again)
                _ = try client.report(#"{"reported":{"b":2}}"#, by: again)
                #expect(await gateway.gateway.forgetLeftStates())
                func versions() throws -> [UInt64] {
                    try zip(devices, times).map { device, time in
                        try gateway.gateway.reportedState(
                            of: device.identity, registeredAt: time
                        ).version
                    }
                }
                try await until { try versions() == [0, 0, 1, 0] }
                #expect(try gateway.reported(by: again)?.version == 1)
            }
        }

        @Test("nobody but the device itself says or hears its state, and it is no retained message")
        func strangers() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let other = try await gateway.importDevice("dk2", into: product)
                let key = try await gateway.createApplication(products: [product])
                let client = try connect(gateway, device)
                _ = try client.report(#"{"reported":{"a":1}}"#, by: device)
                let stranger = try gateway.connect(other)
                for topic in [
                    device.sys("state/reported"), device.sys("state/get"),
                    other.sys("state/desired"), other.sys("state"), other.sys("state/reported/x"),
                ] {
                    #expect(try stranger.publish(topic, "{}", qos: .atLeastOnce)?.code == 0x87)
                }
                let backend = try gateway.connect(key)
                for topic in [device.sys("state/reported"), "d/lamp/dk1/state"] {
                    #expect(try backend.publish(topic, "{}", qos: .atLeastOnce)?.code == 0x87)
                }
                // Where no one is asked who they are, they are not found either.
                let open = try gateway.anonymous("reader")
                try open.subscribe("#")
                try open.subscribe("+/#")
                #expect(try open.publish("d/lamp/dk1/state", "{}", qos: .atLeastOnce)?.code == 0x87)
                #expect(try await gateway.unread(by: open) == [])
            }
        }

        @Test("a restart keeps what was acknowledged, and a backup has it")
        func kept() async throws {
            let directory = TemporaryDirectory()
            let (device, copy) = try await TestGateway.run(directory: directory) { first in
                let product = try await first.createProduct()
                let device = try await first.importDevice("dk1", into: product)
                let client = try connect(first, device)
                _ = try client.report(#"{"reported":{"a":1}}"#, by: device)
                try await first.desire(#"{"b":2}"#, of: device)
                let started = try first.gateway.backups.start(in: directory.file("backup"))
                var backup = first.gateway.backups.backup(started.id)
                for _ in 0..<3_000 where backup?.state == .running {
                    try await Task.sleep(for: .milliseconds(10))
                    backup = first.gateway.backups.backup(started.id)
                }
                return (device, try #require(backup))
            }
            #expect(copy.state == .done)
            for data in [directory.file("data"), copy.directory] {
                try await TestGateway.run(configure: { configuration in
                    configuration.data = data
                    configuration.secrets = directory.file("data.secrets")
                }) { gateway in
                    let client = try connect(gateway, device)
                    #expect(try client.message().text == #"{"desired":{"b":2},"version":1}"#)
                    #expect(
                        try client.report(nil, by: device).text
                            == #"{"desired":{"b":2},"desiredVersion":1,"reported":{"a":1},"reportedVersion":1}"#
                    )
                }
            }
        }
    }
}
