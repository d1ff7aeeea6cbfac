import Bytes
import COpenSSL
import RecordModel
import Testing

@testable import TLS

/// The derivations of the provider beside OpenSSL's own, which the records' keys come from.
@Suite struct RecordDerivationTests {

    private func expand<Hash: PlainHash>(
        _: Hash.Type,
        _ secret: [UInt8],
        _ label: String,
        context: [UInt8] = [],
        _ count: Int
    ) -> [UInt8]? {
        var target = [UInt8](repeating: 0, count: count)
        var isDone = false
        let label = Array(label.utf8)
        // Safe: the arrays lend their bytes for the call.
        unsafe secret.withUnsafeBytes { secret in
            unsafe label.withUnsafeBytes { label in
                unsafe context.withUnsafeBytes { context in
                    unsafe target.withUnsafeMutableBytes { target in
                        isDone = unsafe HandshakeDerivation<Hash>.expand(
                            secret, label: label, context: context, into: target)
                    }
                }
            }
        }
        return isDone ? target : nil
    }

    @Test("[RFC 8446, 7.1] HKDF-Expand-Label is OpenSSL's, by both hashes")
    func expansion() throws {
        var random = RecordRandom(seed: RecordRandom.seed)
        for hash in [RecordHash.sha256, .sha384] {
            for label in ["key", "iv", "traffic upd", "finished", "a longer label"] {
                let secret = random.bytes(hash.length)
                let count = random.next(below: hash.length) + 1
                var expected = [UInt8](repeating: 0, count: count)
                // Safe: the arrays lend their bytes for the call.
                let isDone = unsafe secret.withUnsafeBytes { secret in
                    unsafe expected.withUnsafeMutableBytes { target in
                        unsafe OpenSSLDerivation.expand(
                            label, of: secret.baseAddress!, hash, into: target)
                    }
                }
                try #require(isDone)
                let made =
                    switch hash {
                    case .sha256: expand(PlainSHA256.self, secret, label, count)
                    case .sha384: expand(PlainSHA384.self, secret, label, count)
                    }
                #expect(made == expected)
            }
        }
        // More than a hash, or than a label of TLS, is refused.
        #expect(expand(PlainSHA256.self, random.bytes(32), "key", 33) == nil)
        #expect(
            expand(PlainSHA256.self, random.bytes(32), "key", context: random.bytes(120), 16) == nil
        )
    }

    @Test("[RFC 5246, 5] the PRF is OpenSSL's, by both hashes")
    func pseudorandom() throws {
        var random = RecordRandom(seed: RecordRandom.seed)
        for hash in [RecordHash.sha256, .sha384] {
            for count in [1, 12, 32, 48, 49, 88] {
                let master = random.bytes(48)
                let server = random.bytes(32)
                let client = random.bytes(32)
                let seed = Array("key expansion".utf8) + server + client
                var expected = [UInt8](repeating: 0, count: count)
                var made = [UInt8](repeating: 0, count: count)
                // Safe: the arrays lend their bytes for the calls.
                let isDone = unsafe master.withUnsafeBytes { master in
                    unsafe seed.withUnsafeBytes { seed in
                        unsafe made.withUnsafeMutableBytes { made in
                            switch hash {
                            case .sha256:
                                unsafe HandshakeDerivation<PlainSHA256>.expandOlder(
                                    master, seed: seed, into: made)
                            case .sha384:
                                unsafe HandshakeDerivation<PlainSHA384>.expandOlder(
                                    master, seed: seed, into: made)
                            }
                        }
                    }
                    return unsafe expected.withUnsafeMutableBytes { expected in
                        unsafe OpenSSLDerivation.expandMaster(
                            master, serverRandom: server, clientRandom: client, hash, into: expected
                        )
                    }
                }
                try #require(isDone)
                #expect(made == expected)
            }
        }
    }

    @Test("[RFC 2104, 2] a key that is longer than a block counts as its hash")
    func longKeys() {
        let long = [UInt8](repeating: 7, count: 200)
        var hash = PlainSHA256()
        var short = [UInt8](repeating: 0, count: 32)
        var codes = [[UInt8](repeating: 0, count: 32), [UInt8](repeating: 0, count: 32)]
        // Safe: the arrays lend their bytes for the calls, and have room for a digest.
        unsafe long.withUnsafeBytes { long in
            unsafe hash.update(long)
            unsafe short.withUnsafeMutableBytes { unsafe hash.finish(into: $0) }
            unsafe codes[0].withUnsafeMutableBytes { code in
                unsafe KeyedHMAC<PlainSHA256>(key: long).code(long, into: code)
            }
            unsafe short.withUnsafeBytes { short in
                unsafe codes[1].withUnsafeMutableBytes { code in
                    unsafe KeyedHMAC<PlainSHA256>(key: short).code(long, into: code)
                }
            }
        }
        #expect(codes[0] == codes[1])
    }

    @Test("a line of the key log is read, and nothing else is")
    func keyLog() {
        let random = String(repeating: "ab", count: 32)
        let secret = String(repeating: "0f", count: 32)
        var secrets = TrafficSecrets()
        func take(_ line: String) {
            unsafe line.withCString { unsafe secrets.take(keyLogLine: $0) }
        }
        func isComplete() -> Bool { secrets.keys(of: .aes128GCM) != nil }
        take("CLIENT_HANDSHAKE_TRAFFIC_SECRET \(random) \(secret)")
        take("SERVER_TRAFFIC_SECRET_0 \(random) \(secret)")
        #expect(!isComplete())
        for wrong in ["", "zz", secret + "0", secret + secret + secret + "00", "0F"] {
            take("CLIENT_TRAFFIC_SECRET_0 \(random) \(wrong)")
            #expect(!isComplete())
        }
        take("CLIENT_TRAFFIC_SECRET_0")
        take("CLIENT_TRAFFIC_SECRET_0 \(random) \(secret)")
        #expect(isComplete())
        // As long as another hash's.
        #expect(secrets.keys(of: .aes256GCM) == nil)
        secrets.wipe()
        #expect(!isComplete())
    }
}

/// The same derivations by EVP_KDF(3).
private enum OpenSSLDerivation {
    static func expand(
        _ label: String,
        of secret: UnsafeRawPointer,
        _ hash: RecordHash,
        into target: UnsafeMutableRawBufferPointer
    ) -> Bool {
        unsafe derive("TLS13-KDF") { context in
            unsafe tollgate_tls13_expand_label(
                context, name(of: hash), secret.assumingMemoryBound(to: UInt8.self), hash.length,
                label, target.baseAddress?.assumingMemoryBound(to: UInt8.self), target.count) == 1
        }
    }

    static func expandMaster(
        _ master: UnsafeRawBufferPointer,
        serverRandom: UnsafePointer<UInt8>,
        clientRandom: UnsafePointer<UInt8>,
        _ hash: RecordHash,
        into target: UnsafeMutableRawBufferPointer
    ) -> Bool {
        unsafe derive("TLS1-PRF") { context in
            unsafe tollgate_tls12_key_block(
                context, name(of: hash), master.baseAddress?.assumingMemoryBound(to: UInt8.self),
                master.count, serverRandom, clientRandom,
                target.baseAddress?.assumingMemoryBound(to: UInt8.self), target.count) == 1
        }
    }

    private static func derive(_ name: String, _ body: (OpaquePointer) -> Bool) -> Bool {
        // Safe: made here, freed here; the context keeps a reference of its own.
        guard let function = unsafe EVP_KDF_fetch(nil, name, "provider=default") else {
            return false
        }
        defer { unsafe EVP_KDF_free(function) }
        guard let context = unsafe EVP_KDF_CTX_new(function) else { return false }
        defer { unsafe EVP_KDF_CTX_free(context) }
        return unsafe body(context)
    }

    private static func name(of hash: RecordHash) -> String {
        switch hash {
        case .sha256: "SHA256"
        case .sha384: "SHA384"
        }
    }
}
