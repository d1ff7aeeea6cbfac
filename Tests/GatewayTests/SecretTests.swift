import Bytes
import Cryptography
import Foundation
import Ledger
import Linux
import TestFiles
import Testing

@testable import Gateway

@Suite("Secrets")
struct SecretTests {
    private static let lamp = ProductKey("lamp")!
    private static let device = DeviceIdentity(product: lamp, device: DeviceKey("dk1")!)
    private static let other = DeviceIdentity(product: lamp, device: DeviceKey("dk2")!)

    /// What opens, as text.
    private func opened(
        _ sealed: [UInt8],
        of device: DeviceIdentity = device,
        _ keys: SecretKeys
    ) throws -> String? {
        var sealer = try keys.sealer()
        guard sealer.open(sealed.span, of: device) else {
            let isEmpty = sealer.secret.isEmpty
            #expect(isEmpty)
            return nil
        }
        return sealer.secret.text
    }

    @Test("a secret is 1 to 64 visible characters, and hidden from descriptions; so are keys")
    func values() {
        #expect(Secret("") == nil)
        #expect(Secret("with space") == nil)
        #expect(Secret(String(repeating: "x", count: 65)) == nil)
        #expect(!"\(Secret("hunter2")!)".contains("hunter2"))
        let keys = SecretKeys()
        #expect("\(keys)" == "SecretKeys(hidden)" && "\(keys.keys[0])" == "SecretKey(1)")
    }

    @Test(
        "what is sealed opens for its owner only, with its key only, and unchanged only; it fits the books"
    )
    func sealing() throws {
        let keys = SecretKeys()
        for text in ["x", "s3cret", String(repeating: "z", count: 64)] {
            let secret = Secret(text)!
            let sealed = try keys.seal(secret, for: Self.device).bytes
            #expect(sealed.count == 29 + text.utf8.count && sealed[0] == 1)
            #expect(!String(decoding: sealed, as: UTF8.self).contains(text) || text == "x")
            #expect(try opened(sealed, keys) == text)
            #expect(try opened(sealed, of: Self.other, keys) == nil)
            #expect(try opened(sealed, SecretKeys()) == nil)
            #expect(try keys.seal(secret, for: Self.device).bytes != sealed, "a nonce came twice")
            for index in sealed.indices {
                var changed = sealed
                changed[index] ^= 1
                #expect(try opened(changed, keys) == nil)
                #expect(try opened(Array(sealed[..<index]), keys) == nil)
            }
        }
        let product = try keys.seal(Secret("s")!, for: Self.lamp)
        #expect(try opened(product.bytes, keys) == nil)
        var sealer = try keys.sealer()
        let isOpen = sealer.open(product.bytes.span, of: Self.lamp)
        let isDecoyOpen = sealer.openDecoy()
        #expect(isOpen && isDecoyOpen)
    }

    @Test("key file: the last line seals, all open; comments are for people; saved is read again")
    func file() throws {
        let directory = TemporaryDirectory()
        let path = directory.file("keys")
        #expect(try SecretKeys.loaded(from: path) == nil)
        let made = SecretKeys()
        try made.save(to: path)
        #expect(try SecretKeys.loaded(from: path)?.keys == made.keys)
        let old = try made.seal(Secret("old")!, for: Self.device)
        var text = try String(contentsOf: URL(filePath: path), encoding: .utf8)
        #expect(text.split(separator: "\n").count == 4)
        let line = "  200\t\(String(repeating: "Aa", count: 32))  "
        text += "\n# the second one\n\(line)"
        let both = try SecretKeys(parsing: Array(text.utf8), of: path)
        let new = try both.seal(Secret("new")!, for: Self.device)
        #expect(new.bytes[0] == 200)
        #expect(try opened(old.bytes, both) == "old")
        #expect(try opened(new.bytes, both) == "new")
        #expect(try opened(new.bytes, made) == nil)
        #expect(both.fingerprints.map(\.number) == [1, 200])
        #expect(both.fingerprints[0] == made.fingerprints[0])
        #expect(both.fingerprints[0] != SecretKeys().fingerprints[0])
    }

    @Test(
        "key file: a wrong line is named",
        arguments: [
            ("", ": there is no key in it; a line is NUMBER HEX64"),
            ("# nothing\n\n", ": there is no key in it; a line is NUMBER HEX64"),
            ("\n1 00\n", ":2: must be a number from 1 to 255 and 64 hexadecimal digits"),
            ("0 KEY", ":1: must be a number from 1 to 255 and 64 hexadecimal digits"),
            ("256 KEY", ":1: must be a number from 1 to 255 and 64 hexadecimal digits"),
            ("1 KEY more", ":1: must be a number from 1 to 255 and 64 hexadecimal digits"),
            ("1 KEY\n2 KEY\n1 KEY", ":3: key 1 is there twice"),
        ]
    )
    func wrongFile(text: String, complaint: String) {
        let text = text.replacing("KEY", with: String(repeating: "0f", count: 32))
        do throws(SecretsProblem) {
            _ = try SecretKeys(parsing: Array(text.utf8), of: "keys")
            Issue.record("taken: \(text)")
        } catch {
            #expect("\(error)" == "keys\(complaint)")
        }
    }

    @Test("the secrets directory is beside the data directory, and never in it, by whatever path")
    func directory() throws {
        var configuration = GatewayConfiguration()
        #expect(SecretsDirectory(of: configuration).path == "./data.secrets")
        configuration.data = "/var/lib/tollgate/"
        #expect(SecretsDirectory(of: configuration).path == "/var/lib/tollgate.secrets")
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try FileSystem.createDirectory("\(data)/inside", mode: 0o700)
        try FileSystem.link("data/inside", atomicallyAt: directory.file("link"))
        configuration.data = data
        for (path, isOutside) in [
            ("\(data)/secrets", false), (data, false), ("\(data)/../data/./x/y", false),
            ("\(data)2/../data/new", false),
            (directory.file("link"), false), (directory.file("link/new"), false),
            ("\(data).secrets", true), ("\(data)/../secrets", true), (directory.path, true),
        ] {
            configuration.secrets = path
            let secrets = SecretsDirectory(of: configuration)
            if isOutside {
                #expect(throws: Never.self) { try secrets.require(outside: data) }
            } else {
                #expect(throws: SecretsProblem.self) { try secrets.require(outside: data) }
            }
        }
    }

    @Test("cost of opening a device's secret: `TOLLGATE_COST_ROUNDS` rounds, few by default")
    func cost() throws {
        let rounds =
            ProcessInfo.processInfo.environment["TOLLGATE_COST_ROUNDS"].flatMap { Int($0) } ?? 1_000
        let keys = SecretKeys()
        var sealer = try keys.sealer()
        let sealed = try keys.seal(
            Secret("0123456789abcdef0123456789abcdef")!, for: Self.device
        ).bytes
        _ = sealer.open(sealed.span, of: Self.device)
        let start = ProcessorTime.ofThread()
        var count = 0
        for _ in 0..<rounds where sealer.open(sealed.span, of: Self.device) { count += 1 }
        let cost = Double(ProcessorTime.ofThread() - start) / Double(rounds) / 1_000
        print("opening a secret: \(cost) us")
        #expect(count == rounds)
        #expect(cost < 100, "a hundred times what it costs in a release build")
    }
}
