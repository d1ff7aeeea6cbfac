internal import COpenSSL

/// HMAC (RFC 2104) with a key that stays: keyed once, copied for each message. On SHA256_Init(3) and SHA384_Init(3),
/// whose states are plain structures, so that nothing is allocated or fetched; see `HMACSHA256` of Cryptography.
struct KeyedHMAC<Hash: PlainHash> {
    private let inner: Hash
    private let outer: Hash

    init(key: UnsafeRawBufferPointer) {
        var pad = InlineArray<128, UInt8>(repeating: 0)
        var inner = Hash()
        var outer = Hash()
        // Safe: a block has at most 128 bytes, and a key that is longer is hashed first; the pad is wiped.
        unsafe withUnsafeMutableBytes(of: &pad) { pad in
            let block = unsafe UnsafeMutableRawBufferPointer(rebasing: pad[..<Hash.blockLength])
            defer { unsafe OPENSSL_cleanse(pad.baseAddress, pad.count) }
            if key.count > Hash.blockLength {
                var hash = Hash()
                unsafe hash.update(key)
                unsafe hash.finish(into: block)
            } else {
                unsafe block.copyMemory(from: key)
            }
            for index in 0..<block.count { unsafe block[index] ^= 0x36 }
            unsafe inner.update(UnsafeRawBufferPointer(block))
            // From the inner pad to the outer one.
            for index in 0..<block.count { unsafe block[index] ^= 0x36 ^ 0x5C }
            unsafe outer.update(UnsafeRawBufferPointer(block))
        }
        self.inner = inner
        self.outer = outer
    }

    /// The code of a message; `target` has room for the hash's length.
    func code(_ message: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) {
        var hash = inner
        unsafe hash.update(message)
        unsafe finish(&hash, into: target)
    }

    /// The code of a message in two parts.
    func code(
        _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer
    ) {
        var hash = inner
        unsafe hash.update(first)
        unsafe hash.update(second)
        unsafe finish(&hash, into: target)
    }

    private func finish(_ hash: inout Hash, into target: UnsafeMutableRawBufferPointer) {
        unsafe hash.finish(into: target)
        hash = outer
        unsafe hash.update(UnsafeRawBufferPointer(rebasing: target[..<Hash.length]))
        unsafe hash.finish(into: target)
    }
}

/// The derivations of a handshake, by one hash.
enum HandshakeDerivation<Hash: PlainHash> {
    /// The length and the prefix of a label, the label and its length, and the context (RFC 8446, 7.1).
    private static var infoLimit: Int { 128 }

    /// `HKDF-Expand-Label(secret, label, context, target.count)` (RFC 8446, 7.1), of at most a hash's length, which is
    /// all that TLS takes. Answers false for more than that, and for labels that TLS has none of.
    static func expand(
        _ secret: UnsafeRawBufferPointer,
        label: UnsafeRawBufferPointer,
        context: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer
    ) -> Bool {
        let prefix: StaticString = "tls13 "
        let count = 2 + 1 + 6 + label.count + 1 + context.count + 1
        guard count <= infoLimit, target.count <= Hash.length else { return false }
        // Safe: the info was just found to fit; what is derived is copied as far as it was asked for, and wiped.
        unsafe withUnsafeTemporaryAllocation(byteCount: infoLimit + 64, alignment: 8) { memory in
            let info = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
            let made = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[infoLimit...])
            unsafe info[0] = UInt8(target.count >> 8)
            unsafe info[1] = UInt8(target.count)
            unsafe info[2] = UInt8(6 + label.count)
            for index in 0..<6 { unsafe info[3 + index] = prefix.utf8Start[index] }
            for index in 0..<label.count { unsafe info[9 + index] = label[index] }
            unsafe info[9 + label.count] = UInt8(context.count)
            for index in 0..<context.count {
                unsafe info[10 + label.count + index] = context[index]
            }
            // The number of the block: the first is all.
            unsafe info[count - 1] = 1
            unsafe KeyedHMAC<Hash>(key: secret).code(UnsafeRawBufferPointer(info), into: made)
            unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: made[..<target.count]))
            unsafe OPENSSL_cleanse(memory.baseAddress, memory.count)
        }
        return true
    }

    /// The next secret of the key schedule, early, handshake or master (RFC 8446, 7.1): `HKDF-Extract` of `input` with
    /// `Derive-Secret(previous, label, "")` as its salt. What is empty stands for zeros.
    static func extract(
        previous: UnsafeRawBufferPointer,
        label: UnsafeRawBufferPointer,
        input: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard target.count == Hash.length else { return false }
        // Safe: each part has the 48 bytes of the longest hash; what is secret is wiped.
        return unsafe withUnsafeTemporaryAllocation(byteCount: 3 * 64, alignment: 8) { memory in
            unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
            let salt = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<Hash.length])
            let zeros = unsafe UnsafeRawBufferPointer(rebasing: memory[64..<64 + Hash.length])
            let empty = unsafe UnsafeMutableRawBufferPointer(
                rebasing: memory[128..<128 + Hash.length])
            defer { unsafe OPENSSL_cleanse(memory.baseAddress, memory.count) }
            if previous.count > 0 {
                var hash = Hash()
                unsafe hash.finish(into: empty)
                guard
                    unsafe expand(
                        previous, label: label, context: UnsafeRawBufferPointer(empty), into: salt)
                else { return false }
            }
            unsafe KeyedHMAC<Hash>(key: UnsafeRawBufferPointer(salt))
                .code(input.count > 0 ? input : zeros, into: target)
            return true
        }
    }

    /// `PRF(secret, label, seed)` of TLS 1.2 (RFC 5246, 5); `seed` begins with the label.
    static func expandOlder(
        _ secret: UnsafeRawBufferPointer,
        seed: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer
    ) {
        let hmac = unsafe KeyedHMAC<Hash>(key: secret)
        // Safe: both parts have the 48 bytes of the longest hash; what is secret is wiped.
        unsafe withUnsafeTemporaryAllocation(byteCount: 2 * 64, alignment: 8) { memory in
            let step = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<Hash.length])
            let made = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[64..<64 + Hash.length])
            unsafe hmac.code(seed, into: step)
            var offset = 0
            while offset < target.count {
                unsafe hmac.code(UnsafeRawBufferPointer(step), seed, into: made)
                let count = min(Hash.length, target.count - offset)
                let place = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: target[offset..<offset + count])
                unsafe place.copyMemory(from: UnsafeRawBufferPointer(rebasing: made[..<count]))
                offset += count
                if offset < target.count {
                    unsafe hmac.code(UnsafeRawBufferPointer(step), into: step)
                }
            }
            unsafe OPENSSL_cleanse(memory.baseAddress, memory.count)
        }
    }
}

/// A hash whose state is a plain structure of OpenSSL's.
protocol PlainHash {
    /// Bytes of a digest, and of a block.
    static var length: Int { get }
    static var blockLength: Int { get }

    init()
    mutating func update(_ bytes: UnsafeRawBufferPointer)

    /// Writes the digest; `target` has room for it.
    mutating func finish(into target: UnsafeMutableRawBufferPointer)
}

struct PlainSHA256: PlainHash {
    static var length: Int { 32 }
    static var blockLength: Int { 64 }

    private var state = SHA256_CTX()

    // Safe, all three: the state is ours, and these calls have no way to fail.
    init() { unsafe SHA256_Init(&state) }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        if bytes.count > 0 { unsafe SHA256_Update(&state, bytes.baseAddress, bytes.count) }
    }

    mutating func finish(into target: UnsafeMutableRawBufferPointer) {
        unsafe SHA256_Final(target.baseAddress?.assumingMemoryBound(to: UInt8.self), &state)
    }
}

struct PlainSHA384: PlainHash {
    static var length: Int { 48 }
    static var blockLength: Int { 128 }

    private var state = SHA512_CTX()

    // Safe, all three: the state is ours, and these calls have no way to fail.
    init() { unsafe SHA384_Init(&state) }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        if bytes.count > 0 { unsafe SHA384_Update(&state, bytes.baseAddress, bytes.count) }
    }

    mutating func finish(into target: UnsafeMutableRawBufferPointer) {
        unsafe SHA384_Final(target.baseAddress?.assumingMemoryBound(to: UInt8.self), &state)
    }
}
