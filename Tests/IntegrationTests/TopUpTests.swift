import Gateway
import Ledger
import MQTT
import Support
import TestFiles
import Testing
import Time

extension WholeGateway {
    /// Units past the allowance, from the account's top-up packs (rule C6).
    @Suite struct TopUpTests {
        @Test(
            "C6, C4: past the allowance units come from the account's pack, at every QoS; the notice comes when that is used up, too",
            arguments: [1, 2], ProtocolVersion.allCases
        )
        func pastTheAllowance(shards: Int, version: ProtocolVersion) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 2)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                let client = try gateway.connect(device, version: version)
                try client.subscribe(device.sys("#"))
                try await gateway.buyPack(5, for: product)
                for number in 0..<7 {
                    let qos = QoS.allCases[number % 3]
                    let answer = try client.publish(device.up(), "\(number)", qos: qos)
                    #expect(answer?.code ?? 0 == 0)
                    #expect(try backend.message().text == "\(number)")
                }
                #expect(try await gateway.unread(by: client) == [])
                for qos in [QoS.atLeastOnce, .exactlyOnce, .atMostOnce] {
                    let answer = try client.publish(device.up(), "late", qos: qos)
                    let isRefused = version == .v5 && qos > .atMostOnce
                    #expect(answer?.code ?? 0 == (isRefused ? 0x97 : 0))
                }
                let notice = try client.message()
                #expect(notice.text.contains("\"reason\":\"quota-exhausted\""))
                #expect(notice.text.contains("\"limit\":2,\"used\":2,\"topUp\":5"))
                try client.publish(device.sys("quota/get"), "")
                #expect(try client.message().text.contains("\"used\":2,\"topUp\":5,"))
                #expect(try await gateway.unread(by: client) == [])
                #expect(try await gateway.unread(by: backend) == [])
                let usage = try await gateway.usedToday(device)
                #expect(usage.used == 2 && usage.topUp == 5)
            }
        }

        @Test(
            "C6, C3: a message takes what is left of the allowance, then the pack; whole, or not at all"
        )
        func acrossTheAllowance() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 2)
                let device = try await gateway.importDevice("dk1", into: product)
                try await gateway.buyPack(4, for: product)
                let client = try gateway.connect(device)
                func publish(units: Int) throws -> UInt8? {
                    let payload = [UInt8](repeating: 65, count: 512 * units)
                    return try client.publish(device.up(), bytes: payload, qos: .atLeastOnce)?.code
                }
                #expect(try publish(units: 1) == 0)
                #expect(try publish(units: 3) == 0)
                #expect(try publish(units: 3) == 0x97)
                #expect(try publish(units: 2) == 0)
                #expect(try publish(units: 1) == 0x97)
                let usage = try await gateway.usedToday(device)
                #expect(usage.used == 2 && usage.topUp == 4)
            }
        }

        @Test(
            "C6: all shards share a pack to the last unit, and no further",
            arguments: [1, 2, 4]
        )
        func shared(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 0)
                let devices = try await gateway.importDevices(
                    (0..<8).map { "dk\($0)" }, into: product)
                let clients = try devices.map { try gateway.connect($0) }
                for quantity in [1, 7, 600] as [UInt64] {
                    try await gateway.buyPack(quantity, for: product)
                    var taken: UInt64 = 0
                    var refusals = 0
                    // Two units first; the last one may be too little for that.
                    for units in [2, 1] {
                        refusals = 0
                        while refusals < devices.count {
                            for (client, device) in zip(clients, devices) {
                                let payload = [UInt8](repeating: 65, count: 512 * units)
                                let code = try client.publish(
                                    device.up(), bytes: payload, qos: .atLeastOnce)?.code
                                if code == 0 { taken += UInt64(units) }
                                refusals = code == 0 ? 0 : refusals + 1
                            }
                        }
                    }
                    #expect(taken == quantity)
                }
            }
        }

        @Test("C6: a pack that is bought when all are used up helps at once", arguments: [1, 2])
        func bought(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 0)
                let devices = try await gateway.importDevices(
                    (0..<4).map { "dk\($0)" }, into: product)
                let clients = try devices.map { try gateway.connect($0) }
                for _ in 0..<2 {
                    for (client, device) in zip(clients, devices) {
                        #expect(
                            try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0x97)
                    }
                    try await gateway.buyPack(4, for: product)
                    for (client, device) in zip(clients, devices) {
                        #expect(try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0)
                    }
                }
            }
        }

        @Test("C6: only the product's own account pays; others' packs and OTA packs do not help")
        func otherAccounts() async throws {
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct("lamp", messagesPerDay: 0)
                let lock = try await gateway.createProduct("lock", messagesPerDay: 0)
                let device = try await gateway.importDevice("dk1", into: lamp)
                let client = try gateway.connect(device)
                try await gateway.buyPack(10, for: lock)
                try await gateway.submit(
                    .topUps(
                        .enter(
                            lamp.account, .ota, source: .gift, quantity: 10,
                            expiresAt: gateway.now.adding(days: 1))
                    )
                )
                #expect(try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0x97)
                #expect(try gateway.packs(of: lock).map(\.remaining) == [10])
            }
        }

        @Test(
            "C6, C10: downlink past the allowance comes from the pack, in order, and its sender is told",
            arguments: [1, 2]
        )
        func downlink(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 3)
                let devices = try await gateway.importDevices(
                    (0..<4).map { "dk\($0)" }, into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                let clients = try devices.map { device in
                    let client = try gateway.connect(device)
                    try client.subscribe(device.down("#"))
                    return client
                }
                try await gateway.buyPack(28, for: product)
                var packetID: UInt16 = 0
                // Ten each, at once: three of the allowance, seven of the pack.
                for number in 0..<11 {
                    for device in devices {
                        packetID += 1
                        try backend.sendPublish(
                            device.down(), Array("\(number)".utf8), qos: .atLeastOnce,
                            packetID: packetID)
                    }
                }
                var codes: [UInt8] = []
                for packetID in 1...packetID {
                    codes.append(try backend.acknowledgement(.puback, packetID).code)
                }
                // Whose are the four that the pack does not cover is open where shards share it.
                #expect(codes.filter { $0 == 0x97 }.count == 4)
                for (index, client) in clients.enumerated() {
                    for number in 0..<11 where codes[number * 4 + index] == 0 {
                        #expect(try client.message().text == "\(number)")
                    }
                    #expect(try await gateway.unread(by: client) == [])
                }
            }
        }

        @Test(
            "C6: downlink in line for a device's window is paid for when its turn comes, in order")
        func downlinkInLine() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                try await gateway.buyPack(8, for: product)
                let client = try TestClient(port: gateway.plainPort)
                client.acknowledgesMessages = false
                let credentials = TestCredentials.signed(device, secureMode: 3)
                _ = try client.connect(as: credentials) { $0.receiveMaximum(1) }
                try client.subscribe(device.down("#"))
                for number in 0..<6 {
                    let payload = [UInt8](repeating: UInt8(number), count: number == 3 ? 600 : 1)
                    let answer = try backend.publish(
                        device.down(), bytes: payload, qos: .atLeastOnce)
                    #expect(answer?.code == 0)
                }
                for number in 0..<6 {
                    let message = try client.message()
                    #expect(message.payload[0] == UInt8(number))
                    let packetID = try #require(message.packetID)
                    try client.send { Puback.encode(packetID: packetID, version: .v5, into: &$0) }
                }
                let usage = try await gateway.usedToday(device)
                #expect(usage.used == 1 && usage.topUp == 6)
            }
        }

        @Test(
            "C6: whatever a device sends behind a message that waits for units is served after it, its goodbye too",
            arguments: ProtocolVersion.allCases
        )
        func pipelined(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 0)
                let devices = try await gateway.importDevices(
                    (0..<6).map { "dk\($0)" }, into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                try await gateway.buyPack(600, for: product)
                for (index, device) in devices.enumerated() {
                    let isEncrypted = index % 2 == 1
                    let client = try TestClient.connected(
                        port: isEncrypted ? gateway.tlsPort : gateway.plainPort,
                        certificates: isEncrypted ? gateway.certificates : nil,
                        version: version,
                        as: .signed(device, secureMode: isEncrypted ? 2 : 3)
                    )
                    for number in 0..<100 {
                        try client.sendPublish(device.up(), Array("\(number)".utf8))
                    }
                    try client.disconnect()
                    for number in 0..<100 {
                        #expect(try backend.message().text == "\(number)")
                    }
                }
                let late = try gateway.connect(devices[0])
                let code = try late.publish(devices[0].up(), "x", qos: .atLeastOnce)?.code
                #expect(code == 0x97)
            }
        }

        @Test("C6: a will past the allowance is paid for from the pack", arguments: [1, 2])
        func will(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 0)
                let devices = try await gateway.importDevices(
                    (0..<4).map { "dk\($0)" }, into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                try await gateway.buyPack(3, for: product)
                for (number, device) in devices.enumerated() {
                    let will = TestWill(topic: device.up("gone"), payload: "gone")
                    try gateway.connect(device, will: will).lose()
                    guard number < 3 else { break }
                    #expect(try backend.message().topic == device.up("gone"))
                    try await until { try await gateway.usedToday(device).topUp == 1 }
                }
                #expect(try await gateway.unread(by: backend) == [])
            }
        }

        @Test(
            "C6: a gateway that stops gives back what it has leased and not used",
            arguments: [1, 2])
        func givenBack(shards: Int) async throws {
            let directory = TemporaryDirectory()
            let (product, devices) = try await TestGateway.run(shards: shards, directory: directory)
            { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 0)
                let devices = try await gateway.importDevices(
                    (0..<4).map { "dk\($0)" }, into: product)
                try await gateway.buyPack(100, for: product)
                for device in devices {
                    let client = try gateway.connect(device)
                    #expect(try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0)
                }
                #expect(try gateway.packs(of: product)[0].leased > 0)
                return (product, devices)
            }
            try await TestGateway.run(directory: directory) { gateway in
                let pack = try gateway.packs(of: product)[0]
                #expect(pack.used == 4 && pack.remaining == 96 && pack.leased == 0)
                let used = try gateway.unitsUsed(of: product)
                #expect(used == Dictionary(uniqueKeysWithValues: devices.map { ($0.identity, 1) }))
                for device in devices {
                    let usage = try await gateway.usedToday(device)
                    #expect(usage.used == 0 && usage.topUp == 1)
                }
            }
        }

        @Test("C6: a connection that ends while its message waits for units leaves nothing behind")
        func gone() async throws {
            try await TestGateway.run(shards: 1) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 0)
                let devices = try await gateway.importDevices(
                    (0..<9).map { "dk\($0)" }, into: product)
                try await gateway.buyPack(1_000, for: product)
                for (number, device) in devices.enumerated() {
                    var client: TestClient? = try gateway.connect(device)
                    try client?.sendPublish(device.up(), [1], qos: .atLeastOnce, packetID: 1)
                    switch number % 3 {
                    case 0:
                        client?.lose()
                        client = nil
                    case 1:
                        // Taken over.
                        let again = try gateway.connect(device)
                        try again.ping()
                    default: _ = await gateway.gateway.kick(device.identity)
                    }
                }
                let client = try gateway.connect(devices[0])
                #expect(try client.publish(devices[0].up(), "x", qos: .atLeastOnce)?.code == 0)
            }
        }
    }
}
