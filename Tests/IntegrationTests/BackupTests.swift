import Foundation
import Ledger
import Linux
import MQTT
import Storage
import Support
import Synchronization
import TestFiles
import Testing

@testable import Gateway

extension WholeGateway {
    /// Copies of the stores, made while they are in use.
    @Suite struct BackupTests {
        /// Devices that were told that they are connected.
        private final class Admitted: Sendable {
            private let names = Mutex<Set<DeviceIdentity>>([])

            var all: Set<DeviceIdentity> { names.withLock { $0 } }

            func insert(_ name: DeviceIdentity) { names.withLock { _ = $0.insert(name) } }
        }

        /// Lets each device connect once, and one that is connected already every now and then.
        private static func load(
            _ gateway: TestGateway,
            _ devices: [TestDevice],
            _ admitted: Admitted,
            _ isOver: Flag
        ) throws -> Linux.Thread {
            let port = gateway.plainPort
            return try Linux.Thread(name: "load") {
                for (index, device) in devices.enumerated() where !isOver.isRaised {
                    for device in [device, devices[index / 2]] {
                        let credentials = TestCredentials.signed(device, secureMode: 3)
                        guard let client = try? TestClient(port: port),
                            (try? client.connect(as: credentials))?.code == 0
                        else { continue }
                        admitted.insert(device.identity)
                        _ = try? client.publish(device.up(), "x", qos: .atLeastOnce)
                    }
                }
            }
        }

        private final class Flag: Sendable {
            private let value = Atomic(false)

            var isRaised: Bool { value.load(ordering: .relaxed) }

            func raise() { value.store(true, ordering: .relaxed) }
        }

        private static func finished(_ id: UInt64, of gateway: Gateway) async throws -> Backup {
            for _ in 0..<3_000 {
                if let backup = gateway.backups.backup(id), backup.state != .running {
                    return backup
                }
                try await Task.sleep(for: .milliseconds(10))
            }
            throw TestClientError.timedOut(waitingFor: "the backup", instead: [])
        }

        private static func backup(
            _ name: String, of gateway: TestGateway, in directory: TemporaryDirectory
        ) async throws -> Backup {
            let started = try gateway.gateway.backups.start(in: directory.file(name))
            return try await finished(started.id, of: gateway.gateway)
        }

        @Test("a backup has the firmware images; what is missing or damaged, the check names")
        func images() async throws {
            let directory = TemporaryDirectory()
            let images = [
                TestImage("1.0", file: 7, count: 700_000),
                TestImage("2.0", file: 8, count: 1, seed: 3),
                TestImage("3.0", file: 9, count: 2_000, seed: 5),
            ]
            let other = TestImage("4.0", file: 10, count: 100)
            let backups = try await TestGateway.run(
                directory: directory, configure: { $0.firmware.url = "https://ota.example.org" }
            ) { gateway in
                let product = try await gateway.createProduct()
                for image in images { try await image.upload(to: gateway, of: product) }
                // What the books do not know is in no backup.
                try other.write(to: gateway)
                try other.write(to: gateway, isPart: true)
                let whole = try await Self.backup("whole", of: gateway, in: directory)
                #expect(whole.bytes > 702_001 && whole.expectedBytes > 702_001)
                try FileManager.default.removeItem(at: images[0].path(at: gateway))
                try images[2].write(Array(images[2].bytes.reversed()), to: gateway)
                let poor = try await Self.backup("poor", of: gateway, in: directory)
                let files = gateway.gateway.configuration.firmwareFiles
                #expect(
                    try await gateway.gateway.verify() == [
                        "firmware 1.0 of product lamp: \(files.path(of: 7)) is missing",
                        "firmware 3.0 of product lamp: \(files.path(of: 9)) is damaged: it has another SHA-256",
                    ])
                return [whole, poor]
            }
            #expect(backups.map(\.state) == [.done, .done])
            #expect(backups.map(\.imagesLacking) == [0, 2])
            func findings(_ directory: String) throws -> [String] {
                let stores = try Stores(openedIn: directory)
                defer { stores.shutdown() }
                return try stores.verify(secretKeys: nil)
            }
            #expect(try findings(backups[0].directory) == [])
            let poor = FirmwareFiles(in: backups[1].directory)
            #expect(try poor.names() == ["0000000000000008"])
            #expect(
                try findings(backups[1].directory) == [
                    "firmware 1.0 of product lamp: \(poor.path(of: 7)) is missing",
                    "firmware 3.0 of product lamp: \(poor.path(of: 9)) is missing",
                ])
            let copy = FirmwareFiles(in: backups[0].directory)
            #expect(try copy.names().count == 3)
            try RandomAccessFile(copy.path(of: 8), for: .writing).write([0xFF].span, at: 0)
            try RandomAccessFile(copy.path(of: 9), for: .writing).truncate(to: 5)
            #expect(
                try findings(backups[0].directory) == [
                    "firmware 2.0 of product lamp: \(copy.path(of: 8)) is damaged: it has another SHA-256",
                    "firmware 3.0 of product lamp: \(copy.path(of: 9)) has 5 bytes, not 2000",
                ])
        }

        @Test("of images that come and go while a backup is made it has those that its books know")
        func changingImages() async throws {
            let directory = TemporaryDirectory()
            try await TestGateway.run(
                directory: directory, configure: { $0.firmware.url = "https://ota.example.org" }
            ) { gateway in
                let product = try await gateway.createProduct()
                let isOver = Flag()
                let files = gateway.gateway.configuration.firmwareFiles
                // Each image is there for much longer than a backup takes.
                let changes = Task {
                    var number: UInt64 = 0
                    while !isOver.isRaised {
                        number += 1
                        let image = TestImage("\(number)", file: number, count: 100_000)
                        try await image.upload(to: gateway, of: product)
                        try await Task.sleep(for: .milliseconds(30))
                        guard number > 15 else { continue }
                        let version = FirmwareVersion("\(number - 15)")!
                        try await gateway.submit(.firmware(.delete(product.key, version)))
                        try files.remove(number - 15)
                    }
                }
                try await until { try files.names().count > 15 }
                for name in (1...10).map({ "copy\($0)" }) {
                    let backup = try await Self.backup(name, of: gateway, in: directory)
                    #expect(backup.state == .done && backup.imagesLacking == 0)
                    let stores = try Stores(openedIn: backup.directory)
                    #expect(try stores.verify(secretKeys: nil) == [])
                    let known = try stores.knownImages().count
                    stores.shutdown()
                    #expect(try FirmwareFiles(in: backup.directory).names().count == known)
                }
                isOver.raise()
                try await changes.value
            }
        }

        @Test(
            "backups under load hold what was acknowledged before; restored, they balance, serve, and consume nothing again"
        )
        func underLoad() async throws {
            let directory = TemporaryDirectory()
            let secrets = directory.file("data.secrets")
            var backups: [(backup: Backup, admitted: Set<DeviceIdentity>)] = []
            var product: TestProduct?
            var devices: [TestDevice] = []
            try await TestGateway.run(
                directory: directory, configure: { $0.metering.flushIntervalSeconds = 1 }
            ) { gateway in
                let made = try await gateway.createProduct(codes: 6_000)
                product = made
                devices = try await gateway.importDevices((0..<4_000).map { "dk\($0)" }, into: made)
                let (admitted, isOver) = (Admitted(), Flag())
                let threads = try [devices[..<2_000], devices[2_000...]].map {
                    try Self.load(gateway, Array($0), admitted, isOver)
                }
                for number in 1...5 {
                    try await Task.sleep(for: .milliseconds(300))
                    let before = admitted.all
                    let started = try gateway.gateway.backups.start(
                        in: directory.file("backup-\(number)"))
                    let backup = try await Self.finished(started.id, of: gateway.gateway)
                    #expect(backup.state == .done, "\(backup.problem ?? "")")
                    backups.append((backup, before))
                }
                isOver.raise()
                for thread in threads { thread.join() }
                #expect(gateway.gateway.backups.all.map(\.id) == [5, 4, 3, 2, 1])
            }
            let known = try #require(product)
            #expect(backups.map(\.admitted.count).allSatisfy { $0 > 0 })
            for (backup, admitted) in backups {
                let lastEvent = try #require(backup.lastEvent)
                try await TestGateway.run(configure: { configuration in
                    configuration.data = backup.directory
                    configuration.secrets = secrets
                }) { gateway in
                    try Self.expect(gateway, known, devices, admitted, lastEvent)
                }
            }
            // Each holds more than the one before.
            #expect(
                backups.compactMap(\.backup.lastEvent)
                    == backups.compactMap(\.backup.lastEvent).sorted())
        }

        private static func expect(
            _ gateway: TestGateway,
            _ product: TestProduct,
            _ devices: [TestDevice],
            _ admitted: Set<DeviceIdentity>,
            _ lastEvent: UInt64
        ) throws {
            #expect(try gateway.gateway.ledger.verify().isEmpty)
            let sequence = try gateway.gateway.ledger.read {
                (books, transaction) throws(StoreError) in
                try books.lastSequence(in: transaction)
            }
            #expect(sequence == lastEvent)
            let consumed = try #require(try gateway.figures(of: product)).consumed
            #expect(consumed >= admitted.count)
            for device in admitted {
                #expect(try gateway.record(of: device)?.codesConsumed == 1, "\(device)")
            }
            let packets = devices.filter { admitted.contains($0.identity) }.map {
                TestCredentials.signed($0, secureMode: 3).connectPacket()
            }
            let answers = try ConnectCrowd.send(
                packets, to: gateway.plainPort, width: 200, manner: .waitsForAnswer, seconds: 60)
            #expect(answers.allSatisfy { $0.count >= 4 && $0[0] == 0x20 && $0[3] == 0 })
            #expect(try gateway.figures(of: product)?.consumed == consumed)
            // One that is new to these books.
            let fresh = try #require(
                try devices.first { try gateway.record(of: $0.identity)?.codesConsumed == 0 })
            let credentials = TestCredentials.signed(fresh, secureMode: 3)
            #expect(try gateway.answer(to: credentials, overTLS: false, version: .v5).code == 0)
            #expect(try gateway.figures(of: product)?.consumed == consumed + 1)
        }

        @Test(
            "a backup that can't be made says why, and leaves nothing; one at a time; keys repeat")
        func refused() async throws {
            let directory = TemporaryDirectory()
            try await TestGateway.run(directory: directory) { gateway in
                let backups = gateway.gateway.backups
                try FileSystem.createDirectory(directory.file("full/inside"), mode: 0o700)
                try FileSystem.createDirectory(directory.file("empty"), mode: 0o700)
                try FileSystem.createDirectory(directory.file("cut.partial"), mode: 0o700)
                try FileSystem.write(Span(), atomicallyTo: directory.file("file"), mode: 0o600)
                func refusal(_ directory: String) -> String {
                    do throws(BackupProblem) {
                        _ = try backups.start(in: directory)
                        return "none"
                    } catch {
                        return "\(error)".replacing("\(directory): ", with: "")
                    }
                }
                #expect(refusal("relative/path") == "must be an absolute path")
                #expect(refusal(directory.file("full")) == "the directory is not empty")
                #expect(refusal(directory.file("no/such")).contains("there is no directory "))
                #expect(refusal(directory.file("file")).contains("Not a directory"))
                let inside = "must not be in the data directory"
                #expect(refusal(directory.file("data")) == inside)
                #expect(refusal(directory.file("data/new")) == inside)
                #expect(refusal(directory.file("no/../data/ledger/x")) == inside)
                #expect(refusal(directory.file("no/../data.secrets/x")).contains("the secrets"))
                let root = directory.path
                let outside = "must be below \(root) (backup.directories of the configuration)"
                for path in [
                    "/proc", "/", root, "\(root)/", "\(root)/..", "\(root)x", "\(root)/../x",
                ] {
                    #expect(refusal(path) == outside, "\(path)")
                }
                let other = TemporaryDirectory()
                defer { withExtendedLifetime(other) {} }
                try FileSystem.link(other.path, atomicallyAt: directory.file("link"))
                try FileSystem.link(directory.file("data"), atomicallyAt: directory.file("stores"))
                #expect(refusal(directory.file("link")) == outside)
                #expect(refusal(directory.file("link/new")) == outside)
                #expect(refusal(directory.file("stores/new")) == inside)

                let first = try backups.start(
                    in: directory.file("empty"), idempotencyKey: "key")
                let same = try backups.start(
                    in: "\(directory.path)/./empty/", idempotencyKey: "key")
                #expect(first.id == same.id)
                #expect(throws: BackupProblem.keyReused) {
                    try backups.start(in: directory.file("other"), idempotencyKey: "key")
                }
                let done = try await Self.finished(first.id, of: gateway.gateway)
                #expect(done.state == .done && done.problem == nil && done.bytes > 0)
                #expect(done.bytes == done.expectedBytes || done.bytes < 1 << 20)
                let names = try ["ledger", "usage"].map {
                    try FileSystem.isEmptyDirectory(directory.file("empty/\($0)"))
                }
                #expect(names == [false, false])
                #expect(try FileSystem.isEmptyDirectory(directory.file("empty.partial")) == nil)

                // What another backup has begun, or left when it was cut off, is not touched.
                let cut = try backups.start(in: directory.file("cut"))
                let failed = try await Self.finished(cut.id, of: gateway.gateway)
                #expect(failed.state == .failed && failed.lastEvent == nil)
                #expect(failed.problem?.contains("cut.partial is there: ") == true)
                #expect(try FileSystem.isEmptyDirectory(directory.file("cut.partial")) == true)
                #expect(try FileSystem.isEmptyDirectory(directory.file("cut")) == nil)
            }
        }

        @Test("a test's directory goes without what its links lead to")
        func links() throws {
            let kept = TemporaryDirectory()
            try FileSystem.write(Span(), atomicallyTo: kept.file("file"), mode: 0o600)
            let gone = TemporaryDirectory().path
            try FileSystem.createDirectory("\(gone)/inside", mode: 0o700)
            try FileSystem.link(kept.path, atomicallyAt: "\(gone)/inside/link")
            try FileSystem.link("/nowhere/at/all", atomicallyAt: "\(gone)/dangling")
            TemporaryDirectory.remove(gone)
            #expect(try FileSystem.isEmptyDirectory(gone) == nil)
            #expect(try FileSystem.isEmptyDirectory(kept.path) == false)
        }

        @Test("a gateway that drains ends the backup under way: nothing of it is left")
        func draining() async throws {
            let directory = TemporaryDirectory()
            let gateway = try TestGateway(directory: directory)
            let product = try await gateway.createProduct()
            for part in 0..<4 {
                let names = (0..<20_000).map { "device-\(part)-\($0)" }
                _ = try await gateway.importDevices(names, into: product)
            }
            let backups = gateway.gateway.backups
            let started = try backups.start(in: directory.file("backup"))
            await gateway.stop()
            let ended = try #require(backups.backup(started.id))
            switch ended.state {
            case .running: Issue.record("it runs on")
            case .done: #expect(try FileSystem.isEmptyDirectory(ended.directory) == false)
            case .failed:
                #expect(ended.problem == "the gateway is shutting down")
                #expect(try FileSystem.isEmptyDirectory(directory.file("backup")) == nil)
            }
            #expect(try FileSystem.isEmptyDirectory(directory.file("backup.partial")) == nil)
            #expect(throws: BackupProblem.stopping) {
                try backups.start(in: directory.file("late"))
            }
        }
    }
}
