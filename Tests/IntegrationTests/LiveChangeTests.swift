@testable import Gateway
import Bytes
import Ledger
import MQTT
import Metering
import Reactor
import Storage
import Support
import TLS
import Testing
import Time

extension WholeGateway {
    /// What is changed in the books reaches the clients that are connected, at once.
    @Suite struct LiveChangeTests {
        /// 2026-11-21, noon.
        private static let noon = Timestamp(seconds: 1_795_262_400)

        private func publish(_ device: TestDevice, _ client: TestClient) throws -> UInt8? {
            try client.publish(device.up(), "x", qos: .atLeastOnce)?.code
        }

        @Test("C5: another day offset of a product holds at once, and each day keeps its count")
        func dayOffset() async throws {
            let clock = ManualClock(wall: Self.noon)
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 2)
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try gateway.connect(device)
                func move(toMinutes minutes: Int) async throws {
                    let update = ProductUpdate(dayOffset: UTCOffset(minutes: minutes))
                    try await gateway.submit(.products(.update(product.key, update)))
                }
                for code in [0, 0, 0x97] as [UInt8] {
                    #expect(try publish(device, client) == code)
                }
                // Twelve hours east it is tomorrow.
                try await move(toMinutes: 720)
                #expect(try publish(device, client) == 0)
                try await move(toMinutes: 0)
                #expect(try publish(device, client) == 0x97)
                try await move(toMinutes: 720)
                #expect(try publish(device, client) == 0)
                #expect(try publish(device, client) == 0x97)
                #expect(await gateway.gateway.onlineCount(of: product.key) == 1)
            }
        }

        @Test("A5: an upgrade gives a device that is over its quota room at once, on every shard")
        func upgrade() async throws {
            try await TestGateway.run(shards: 4) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 1)
                let devices = try await gateway.importDevices(
                    (0..<8).map { "dk\($0)" }, into: product)
                let clients = try devices.map { try gateway.connect($0) }
                for (device, client) in zip(devices, clients) {
                    #expect(try publish(device, client) == 0)
                    #expect(try publish(device, client) == 0x97)
                }
                let better = PackageID("better")!
                let allowance = Allowance(
                    validityDays: 365, messagesPerDay: nil, otaPerMonth: 1, storageDays: 7)!
                try await gateway.submit(.packages(.create(better, name: "Better", allowance)))
                try await gateway.submit(.products(.upgradePackage(product.key, to: better)))
                for (device, client) in zip(devices, clients) {
                    #expect(try publish(device, client) == 0)
                }
            }
        }

        @Test(
            "B9, B14: deleting a product ends the connections of its devices, and of no others",
            arguments: ProtocolVersion.allCases
        )
        func deletion(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let gone = try await gateway.createProduct("gone")
                let kept = try await gateway.createProduct("kept")
                let devices = try await gateway.importDevices(["dk1", "dk2", "dk3"], into: gone)
                let other = try await gateway.importDevice("dk1", into: kept)
                let clients = try devices.map { try gateway.connect($0, version: version) }
                let neighbour = try gateway.connect(other, version: version)
                #expect(await gateway.gateway.onlineCount(of: gone.key) == 3)
                #expect(try gateway.figures(of: gone)?.devicesActive == 3)
                try await gateway.submit(.products(.delete(gone.key)))
                for client in clients {
                    #expect(try client.endingCode() == (version == .v5 ? 0x98 : nil))
                }
                try await until { await gateway.gateway.onlineCount(of: gone.key) == 0 }
                try neighbour.ping()
                #expect(await gateway.gateway.onlineCount(of: kept.key) == 1)
                let answer = try gateway.answer(
                    to: .signed(devices[0], secureMode: 3), version: version)
                #expect(answer.code == Expectation.badCredentials.code(in: version))
            }
        }

        @Test(
            "B12: disabled, a device goes at once and is refused; enabled, it is back without a code",
            arguments: ProtocolVersion.allCases
        )
        func disabling(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try gateway.connect(device, version: version)
                try await gateway.submit(.devices(.setDisabled(device.identity, true)))
                #expect(try client.endingCode() == (version == .v5 ? 0x87 : nil))
                let refused = try gateway.answer(
                    to: .signed(device, secureMode: 3), version: version)
                #expect(refused.code == Expectation.notAuthorized.code(in: version))
                try await gateway.submit(.devices(.setDisabled(device.identity, false)))
                try gateway.connect(device, version: version).ping()
                #expect(try gateway.figures(of: product)?.consumed == 1)
            }
        }

        @Test(
            "a secret that is reset ends the connection that was made with the old one",
            arguments: ProtocolVersion.allCases
        )
        func secretReset(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let device = devices[0]
                let client = try gateway.connect(device, version: version)
                let neighbour = try gateway.connect(devices[1], version: version)
                let renewed = TestDevice(identity: device.identity, secret: Secret("new-secret")!)
                let sealed = try gateway.gateway.secretKeys.seal(
                    renewed.secret, for: device.identity)
                try await gateway.submit(.devices(.resetSecret(device.identity, secret: sealed)))
                #expect(try client.endingCode() == (version == .v5 ? 0x98 : nil))
                try neighbour.ping()
                let old = try gateway.answer(to: .signed(device, secureMode: 3), version: version)
                #expect(old.code == Expectation.badCredentials.code(in: version))
                try gateway.connect(renewed, version: version).ping()
            }
        }

        @Test("B12: a change that can't be read when it is announced is read later")
        func unreadable() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try gateway.connect(device)
                let ledger = gateway.gateway.ledger
                let environment = ledger.environment
                let damaged = try Table<DeviceIdentity, Unreadable>("devices", in: environment)
                let devices = try Table<DeviceIdentity, DeviceRecord>("devices", in: environment)
                let disable = Command(
                    at: gateway.now, actor: "tester",
                    action: .devices(.setDisabled(device.identity, true)))
                let found = try environment.write { transaction throws(StoreError) in
                    _ = try ledger.books.apply(disable, in: transaction)
                    let record = try devices.get(device.identity, in: transaction)
                    try damaged.put(device.identity, Unreadable(), in: transaction)
                    return record
                }
                let record = try #require(found)
                // The next commit announces it.
                try await gateway.submit(
                    .products(.delete(try await gateway.createProduct("x").key)))
                try await until {
                    await gateway.metric("tollgate_changes_deferred_total") ?? 0 > 1
                }
                try client.ping()
                try environment.write { transaction throws(StoreError) in
                    try devices.put(device.identity, record, in: transaction)
                }
                #expect(try client.endingCode() == 0x87)
            }
        }

        @Test("B12: a device that is disabled by a command that knows of no shard is disconnected")
        func otherSubmitters() async throws {
            try await TestGateway.run(shards: 2) { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2", "dk3"], into: product)
                let clients = try devices.map { try gateway.connect($0) }
                let ledger = gateway.gateway.ledger
                func command(_ action: Action) -> Command {
                    Command(at: gateway.now, actor: "elsewhere", action: action)
                }
                _ = try await ledger.submit(
                    command(.devices(.setDisabled(devices[0].identity, true))))
                #expect(try clients[0].endingCode() == 0x87)
                _ = try ledger.carryOut(command(.devices(.setDisabled(devices[1].identity, true))))
                #expect(try clients[1].endingCode() == 0x87)
                try clients[2].ping()
                _ = try await ledger.submit(command(.products(.delete(product.key))))
                #expect(try clients[2].endingCode() == 0x98)
            }
        }

        @Test("a key bound to an account reaches the products of its sub-accounts, revoked none")
        func family() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct("main")
                let sub = NewAccount(
                    id: AccountID("sub")!, name: "Sub", kind: .enterprise, parent: product.account)
                try await gateway.submit(.accounts(.create(sub)))
                let secret = try gateway.gateway.secretKeys.seal(
                    Secret("s")!, for: ProductKey("branch")!)
                try await gateway.submit(
                    .products(
                        .create(
                            NewProduct(
                                key: ProductKey("branch")!, name: "Branch", account: sub.id,
                                secret: secret))
                    )
                )
                let other = try await gateway.createProduct("other")
                let application = try await gateway.createApplication(account: product.account)
                let client = try gateway.connect(application)
                #expect(try client.subscribe("d/main/+/up/#") == [1])
                #expect(try client.subscribe("d/branch/+/up/#") == [1])
                #expect(try client.subscribe("d/\(other.key)/+/up/#") == [0x87])
                try await gateway.submit(.keys(.revoke(application.key)))
                #expect(try client.endingCode() == 0x98)
            }
        }

        @Test("B13: connected to another data centre's gateway, a device is counted at home")
        func dataCentre() async throws {
            try await TestGateway.run(configure: { $0.dataCentre = "west" }) { gateway in
                let product = try await gateway.createProduct(codes: 2)
                let device = try await gateway.importDevice("dk1", into: product)
                try gateway.connect(device).ping()
                let (history, main, west) = try gateway.gateway.ledger.read {
                    (books, transaction) throws(StoreError) in
                    (
                        try books.activations(
                            of: device.identity, limit: 10, in: transaction
                        ).elements,
                        try books.figures(of: product.account, at: .main, in: transaction),
                        try books.figures(
                            of: product.account, at: DataCentreID("west"), in: transaction)
                    )
                }
                #expect(history.map(\.dataCentre.text) == ["west"])
                #expect(main.used == 1 && main.total == 2 && west.total == 0)
            }
        }

        @Test("B15: a dry run says what then happens, and consumes nothing")
        func dryRun() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 2)
                let devices = try await gateway.importDevices(
                    ["new", "known", "off", "late"], into: product)
                let stranger = TestDevice(
                    identity: product.identity("nobody"), secret: Secret("s")!)
                try gateway.connect(devices[1]).disconnect()
                try await gateway.submit(.devices(.setDisabled(devices[2].identity, true)))
                func ask(_ device: TestDevice) throws -> Decision {
                    try gateway.gateway.ledger.read { (books, transaction) throws(StoreError) in
                        try books.admission(
                            of: device.identity, at: gateway.now, in: transaction)
                    }
                }
                func code(_ device: TestDevice) throws -> UInt8 {
                    try gateway.answer(to: .signed(device, secureMode: 3), version: .v5).code
                }
                let known = try #require(try gateway.record(of: devices[1].identity)?.entitlement)
                #expect(try ask(devices[1]) == .admit(until: known.expiresAt))
                #expect(try ask(devices[2]) == .refuse(.devices(.disabled(devices[2].identity))))
                #expect(try ask(stranger) == .refuse(.devices(.unknown(stranger.identity))))
                for _ in 0..<3 { #expect(try ask(devices[0]) == .consume(.first)) }
                #expect(try gateway.figures(of: product)?.consumed == 1)
                #expect(try code(devices[1]) == 0)
                #expect(try code(devices[2]) == 0x87)
                #expect(try code(stranger) == 0x86)
                #expect(try code(devices[0]) == 0)
                #expect(try ask(devices[3]) == .refuse(.codes(.noneLeft(product.key))))
                #expect(try code(devices[3]) == 0x97)
                #expect(try gateway.figures(of: product)?.consumed == 2)
            }
        }

        @Test("C8: a product's day is the sum of its devices' messages, up and down")
        func productUsage() async throws {
            let configure: (inout GatewayConfiguration) -> Void = {
                $0.metering.flushIntervalSeconds = 1
            }
            try await TestGateway.run(configure: configure) { gateway in
                let product = try await gateway.createProduct()
                let other = try await gateway.createProduct("lampx")
                let devices = try await gateway.importDevices(["dk1", "dk2", "dk3"], into: product)
                let neighbour = try await gateway.importDevice("dk1", into: other)
                for (number, device) in devices.enumerated() {
                    let client = try gateway.connect(device)
                    for _ in 0...number { #expect(try publish(device, client) == 0) }
                    try client.disconnect()
                }
                #expect(try publish(neighbour, try gateway.connect(neighbour)) == 0)
                let today = Day(of: gateway.now, at: .utc)
                let days = today.adding(days: -1)...today.adding(days: 1)
                try await until {
                    try await gateway.gateway.usage(of: product.key, in: days, limit: 10)
                        .reduce(0) { $0 + $1.used } == 6
                }
                let found = try await gateway.gateway.usage(
                    of: other.key, in: days, limit: 10)
                #expect(found.reduce(0) { $0 + $1.used } <= 1)
            }
        }
    }
}

/// A record that no reader takes for a device's.
private struct Unreadable: StorageRecord {
    init() {}

    func encode(into buffer: inout ByteBuffer) { buffer.append(UInt8(0xFF)) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        throw .malformed(what: "a record that is never read")
    }
}
