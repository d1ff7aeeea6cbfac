import Foundation
import Gateway
import MQTT
import Processes
import Support
import Testing

@testable import LedgerModel

/// A file system of its own that can be filled: an image on a loop device, or memory. As root only.
private final class SmallDisk {
    enum Kind: String, CaseIterable {
        /// Copies on write: also a page that is there already wants new space.
        case btrfs
        case ext4
        case tmpfs

        fileprivate var megabytes: Int { self == .btrfs ? 128 : 48 }
    }

    let path: String
    private let image: String
    private let program: Program

    init(_ kind: Kind, in program: Program) throws {
        self.program = program
        path = program.directory.appending(path: "disk").path
        image = program.directory.appending(path: "disk.image").path
        let make =
            switch kind {
            case .tmpfs: "mount -t tmpfs -o size=\(kind.megabytes)m tmpfs \(path)"
            case .btrfs, .ext4:
                "truncate -s \(kind.megabytes)M \(image) && mkfs.\(kind.rawValue) -q \(image) >/dev/null 2>&1 "
                    + "&& mount -o loop \(image) \(path)"
            }
        let result = try Self.run(program, "mkdir -p \(path) && \(make)")
        guard result.code == 0 else { throw Unmade(what: "\(kind.rawValue): \(result.errors)") }
    }

    struct Unmade: Error { let what: String }

    /// Writes until there is no room for a page.
    func fill() {
        for bytes in [1 << 20, 1 << 16, 4_096, 512] {
            for number in 0..<4_096 {
                let file = "\(path)/junk-\(bytes)-\(number)"
                let descriptor = unsafe open(file, O_WRONLY | O_CREAT, 0o600)
                guard descriptor >= 0 else { break }
                let block = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: bytes)
                let isWritten =
                    unsafe write(descriptor, block, bytes) == bytes && fsync(descriptor) == 0
                close(descriptor)
                if !isWritten { break }
            }
        }
    }

    /// Makes room again.
    func clear() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        where name.hasPrefix("junk-") {
            unsafe unlink("\(path)/\(name)")
        }
        sync()
    }

    deinit { _ = try? Self.run(program, "umount -l \(path)") }

    private static func run(_ program: Program, _ line: String) throws -> Program.Result {
        try program.run(
            ["-c", line], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
            executable: URL(filePath: "/bin/sh"))
    }

    /// Whether this process may mount, and the programs are there.
    static var canBeMade: Bool {
        guard geteuid() == 0 else { return false }
        do {
            let program = try Program()
            defer { program.remove() }
            for kind in Kind.allCases { _ = try SmallDisk(kind, in: program) }
            return true
        } catch {
            return false
        }
    }
}

/// A disk that fills up under a gateway that serves: error answers, and never the end of the process.
@Suite("Full disks", .waits)
struct FullDiskTests {
    private static let product = ProductKey("lamp")!

    private static func device(_ number: Int) -> TestDevice {
        TestDevice(
            identity: DeviceIdentity(product: product, device: DeviceKey("d\(number)")!),
            secret: Secret("secret-of-number-\(number)")!
        )
    }

    private func connect(_ number: Int, to serving: Serving) throws -> UInt8 {
        let client = try TestClient(port: serving.port)
        return try client.connect(
            as: .signed(Self.device(number), secureMode: 3), isCleanStart: false
        ) { $0.sessionExpiryInterval(seconds: 3_600) }.code
    }

    @Test(
        "On a full disk the gateway answers, starts and is found in order; with space again it works as before",
        .enabled(if: SmallDisk.canBeMade, "needs root, mount(8), mkfs.btrfs and mkfs.ext4"),
        arguments: SmallDisk.Kind.allCases)
    fileprivate func full(kind: SmallDisk.Kind) throws {
        let program = try Program()
        defer { program.remove() }
        let disk = try SmallDisk(kind, in: program)
        let place = ["--data", "\(disk.path)/data"]
        var serving = try Serving(program, place)
        let rows = (1...500).map { "d\($0),secret-of-number-\($0)\n" }.joined()
        for (command, input) in [
            (["account", "create", "--id", "acme", "--name", "Acme"], nil),
            (
                ["package", "create", "--id", "basic", "--name", "Basic", "--validity-days", "9"],
                nil
            ),
            (["product", "create", "--pk", "lamp", "--name", "Lamp", "--account", "acme"], nil),
            (
                [
                    "codes", "buy", "acme", "--package", "basic", "--quantity", "500", "--product",
                    "lamp",
                ],
                nil
            ),
            (["device", "import", "lamp", "-"], "dk,secret\n" + rows),
        ] as [([String], String?)] {
            let token = ["--token-file", "\(disk.path)/data/admin.token"]
            let result = try serving.run(command + token, input: input)
            try #require(result.code == 0, "\(result.errors)")
        }
        #expect(try connect(1, to: serving) == 0)
        disk.fill()
        var admitted = 0
        for number in 2...300 where try connect(number, to: serving) == 0 { admitted += 1 }
        disk.fill()
        for number in 301...400 where try connect(number, to: serving) == 0 { admitted += 1 }
        #expect(try connect(1, to: serving) == 0, "an active device gets in")
        #expect(serving.endOfItself(withinSeconds: 0) == nil)
        // What can't be written to a full disk is answered with 1.
        let code = serving.end()
        #expect(code == 0 || code == 1, "\(serving.errors)")
        let checked = try program.run(["check"] + place)
        #expect(checked.code == 0 && checked.output == Program.balance, "\(checked)")
        serving = try Serving(program, place)
        #expect(
            try connect(1, to: serving) == 0,
            "an active device gets in after a start on a full disk")
        disk.clear()
        for number in 401...450 { #expect(try connect(number, to: serving) == 0) }
        #expect(serving.end() == 0, "\(serving.errors)")
        #expect(try program.run(["check"] + place).output == Program.balance)
    }

    @Test(
        "D3: when the disk of stored messages is full, devices are answered as ever, what is not stored is counted, and with space it goes on",
        .enabled(if: SmallDisk.canBeMade, "needs root, mount(8), mkfs.btrfs and mkfs.ext4"),
        arguments: SmallDisk.Kind.allCases)
    fileprivate func storedMessages(kind: SmallDisk.Kind) throws {
        let program = try Program()
        defer { program.remove() }
        let disk = try SmallDisk(kind, in: program)
        let data = program.directory.appending(path: "data").path
        let serving = try Serving(
            program,
            [
                "--data", data, "--set", "messageLog.directory=\(disk.path)/messages", "--set",
                "messageLog.minimumFreeBytes=0",
            ])
        for (command, input) in [
            (["account", "create", "--id", "acme", "--name", "Acme"], nil),
            (
                ["package", "create", "--id", "basic", "--name", "Basic", "--validity-days", "9"],
                nil
            ),
            (["product", "create", "--pk", "lamp", "--name", "Lamp", "--account", "acme"], nil),
            (["product", "update", "lamp", "--message-log", "true"], nil),
            (
                [
                    "codes", "buy", "acme", "--package", "basic", "--quantity", "5", "--product",
                    "lamp",
                ],
                nil
            ),
            (["device", "import", "lamp", "-"], "dk,secret\nd1,secret-of-number-1\n"),
        ] as [([String], String?)] {
            let result = try serving.run(
                command + ["--token-file", "\(data)/admin.token"], input: input)
            try #require(result.code == 0, "\(result.errors)")
        }
        let client = try TestClient(port: serving.port)
        #expect(try client.connect(as: .signed(Self.device(1), secureMode: 3)).code == 0)
        func publish() throws {
            for _ in 0..<20 {
                let bytes = (0..<20_000).map { _ in UInt8.random(in: 0...255) }
                let answer = try client.publish(
                    Self.device(1).up(), bytes: bytes, qos: .atLeastOnce)
                #expect(answer?.code == 0)
            }
        }
        func stored() throws -> Int {
            let result = try serving.run(
                [
                    "device", "messages", "lamp", "d1", "-o", "ndjson", "--token-file",
                    "\(data)/admin.token",
                ])
            #expect(result.code == 0, "\(result.errors)")
            return result.output.split(separator: "\n").count
        }
        try publish()
        #expect(try Patience.awaits { try stored() == 20 })
        disk.fill()
        try publish()
        #expect(Patience.awaits { serving.errors.contains("messages can't be stored") })
        #expect(try stored() == 20)
        disk.clear()
        try publish()
        #expect(try Patience.awaits { try stored() == 40 })
        #expect(Patience.awaits { serving.errors.contains("messages are stored again") })
        #expect(serving.end() == 0, "\(serving.errors)")
        let checked = try program.run([
            "check", "--data", data, "--messages", "\(disk.path)/messages",
        ])
        #expect(checked.code == 0, "\(checked)")
    }
}
