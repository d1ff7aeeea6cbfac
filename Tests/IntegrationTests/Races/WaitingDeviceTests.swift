import Gateway
import Ledger
import MQTT
import Storage
import Support
import Synchronization
import Testing
import Time

extension WholeGateway {
    /// Devices that wait for their code, and what is changed meanwhile.
    @Suite struct WaitingDeviceTests {
        /// What is written with the code of a device that waits for it.
        enum Change: CaseIterable {
            case disabled
            case secretReset
            case deleted

            func action(_ device: DeviceIdentity, _ secret: SealedSecret) -> DeviceAction {
                switch self {
                case .disabled: .setDisabled(device, true)
                case .secretReset: .resetSecret(device, secret: secret)
                case .deleted: .delete(device)
                }
            }

            /// What the device is told; `nil`: it is closed, and has to come again.
            var code: UInt8? {
                switch self {
                case .disabled: 0x87
                case .secretReset: 0x86
                case .deleted: nil
                }
            }
        }

        private static func sealed(
            _ secret: Secret, of device: TestDevice, _ gateway: TestGateway
        ) throws -> SealedSecret {
            try gateway.gateway.secretKeys.seal(secret, for: device.identity)
        }

        /// What `body` submits is written in one commit, in its order.
        private static func inOneCommit(
            _ gateway: TestGateway, _ product: TestProduct, _ body: () throws -> Void
        ) throws {
            let ledger = gateway.gateway.ledger
            var result: Result<Void, any Error> = .success(())
            try ledger.environment.write { _ throws(StoreError) in
                // The writer takes it, and waits for the end of this transaction.
                ledger.submit(
                    Command(
                        at: gateway.now, actor: "tester",
                        action: .products(.setLimits(product.key, nil)))
                ) { _ in }
                let isHeldUp = Patience.awaits { ledger.figures.waiting == 0 }
                #expect(isHeldUp)
                result = Result { try body() }
            }
            try result.get()
        }

        /// Sends its CONNECT, and returns when its activation waits as the ledger's number `count`.
        private static func wait(
            _ device: TestDevice, _ gateway: TestGateway, as count: Int
        ) throws -> TestClient {
            let client = try TestClient(port: gateway.plainPort)
            try client.sendConnect(as: .signed(device, secureMode: 3))
            let isWaiting = Patience.awaits { gateway.gateway.ledger.figures.waiting == count }
            #expect(isWaiting)
            return client
        }

        /// The code of its CONNACK; `nil`: it was closed without one.
        private static func code(_ client: TestClient) throws -> UInt8? {
            for packet in try client.untilClosed() {
                if case .connack(let answer) = packet { return answer.code }
            }
            return nil
        }

        @Test(
            "B8, B12: what is changed in one commit with a device's first code holds for the connection that waits for it",
            arguments: Change.allCases)
        func together(_ change: Change) async throws {
            try await TestGateway.run(shards: 2) { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let secret = try #require(Secret("new-secret"))
                let action = change.action(
                    device.identity, try Self.sealed(secret, of: device, gateway))
                var waiting: TestClient?
                try Self.inOneCommit(gateway, product) {
                    waiting = try Self.wait(device, gateway, as: 1)
                    gateway.gateway.ledger.submit(
                        Command(at: gateway.now, actor: "tester", action: .devices(action))
                    ) { _ in }
                }
                let client = try #require(waiting)
                #expect(try Self.code(client) == change.code)
                #expect(await gateway.gateway.connection(of: device.identity) == nil)
                #expect(try gateway.figures(of: product)?.consumed == 1)
                // It has its code, and comes in again as far as the books let it.
                let renewed = TestDevice(
                    identity: device.identity,
                    secret: change == .secretReset ? secret : device.secret)
                let again = try TestClient(port: gateway.plainPort)
                let answer = try again.connect(as: .signed(renewed, secureMode: 3))
                #expect(answer.code == (change == .disabled ? 0x87 : 0))
                #expect(try gateway.figures(of: product)?.consumed == 1)
            }
        }

        /// What the books' writer and the test know of each other.
        private final class Course: Sendable {
            let isReset = Atomic(false)
            let mayGoOn = Atomic(false)
        }

        @Test("a new secret lets its device in while others wait that came before it")
        func others() async throws {
            try await TestGateway.run(shards: 1) { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let secret = try #require(Secret("new-secret"))
                let renewed = TestDevice(identity: devices[1].identity, secret: secret)
                let sealed = try Self.sealed(secret, of: renewed, gateway)
                let ledger = gateway.gateway.ledger
                let course = Course()
                // The shard has heard of it when this does; the other device's code is announced, and not answered yet.
                ledger.observe { event in
                    guard case .devices(.secretReset) = event.change else { return }
                    course.isReset.store(true, ordering: .releasing)
                    _ = Patience.awaits { course.mayGoOn.load(ordering: .acquiring) }
                }
                var first: TestClient?
                try Self.inOneCommit(gateway, product) {
                    first = try Self.wait(devices[0], gateway, as: 1)
                    ledger.submit(
                        Command(
                            at: gateway.now, actor: "tester",
                            action: .devices(.resetSecret(renewed.identity, secret: sealed)))
                    ) { _ in }
                }
                let isHeard = Patience.awaits { course.isReset.load(ordering: .acquiring) }
                #expect(isHeard)
                let second = try Self.wait(renewed, gateway, as: 1)
                course.mayGoOn.store(true, ordering: .releasing)
                for client in [try #require(first), second] {
                    let answer = try client.first("CONNACK") { packet in
                        if case .connack(let connack) = packet { connack } else { nil }
                    }
                    #expect(answer.code == 0)
                }
            }
        }
    }
}
