internal import COpenSSL

/// What seals and opens the records of all the connections of a thread: one EVP_CIPHER_CTX(3) for each cipher and
/// direction, made at its first use, 1.2 KB each.
///
/// EVP_Cipher(3) is the cipher itself: what EVP_EncryptUpdate(3) adds, the blocks that are not full, these have not.
///
/// A context remembers the key that it was given last, so that the records of one read are keyed once, and an idle
/// connection has no context. Keys are compared by their bytes, in a time that does not depend on them: nothing else
/// would be certain to say whose key it is, when connections move between threads and change their keys.
@safe
struct RecordCiphers: ~Copyable, Sendable {
    /// What becomes of the bytes.
    enum Direction: Int32 {
        case opening = 0
        case sealing = 1
    }

    // Safe: owned by this value alone, and used while it is held exclusively.
    private nonisolated(unsafe) let contexts: UnsafeMutablePointer<KeyedContext>

    private static var contextCount: Int { 2 * RecordCipher.allCases.count }

    init() {
        unsafe contexts = .allocate(capacity: Self.contextCount)
        unsafe contexts.initialize(repeating: KeyedContext(), count: Self.contextCount)
    }

    deinit {
        // Safe: freed once, here; OpenSSL wipes its expanded keys, and ours are wiped.
        for index in 0..<Self.contextCount { unsafe EVP_CIPHER_CTX_free(contexts[index].context) }
        unsafe OPENSSL_cleanse(contexts, Self.contextCount * MemoryLayout<KeyedContext>.stride)
        unsafe contexts.deallocate()
    }

    /// Writes the ciphertext of `content`, of `trailer` behind it if there is one, and the tag. `target` has room for
    /// them and does not overlap the content. Answers false when OpenSSL fails, which is for want of memory.
    @inline(__always)
    mutating func seal(
        _ content: UnsafeRawBufferPointer,
        trailer: UInt8?,
        _ cipher: RecordCipher,
        _ keys: inout RecordKeys,
        _ nonce: RecordNonce,
        additional: UnsafeRawBufferPointer,
        into target: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        guard let context = unsafe keyed(cipher, .sealing, &keys, nonce),
            unsafe EVP_Cipher(context, nil, Self.bytes(additional), UInt32(additional.count)) >= 0
        else { return false }
        var target = unsafe target
        // Safe: GCM and ChaCha20 are streams, so as many bytes come out as go in.
        if let trailer, content.count <= Self.joinedBytes {
            let count = content.count + 1
            let place = unsafe UnsafeMutableRawBufferPointer(start: target, count: count)
            unsafe place.copyMemory(from: content)
            unsafe place[count - 1] = trailer
            guard unsafe EVP_Cipher(context, target, target, UInt32(count)) >= 0 else {
                return false
            }
            unsafe target += count
        } else {
            if content.count > 0 {
                guard
                    unsafe EVP_Cipher(
                        context, target, Self.bytes(content), UInt32(content.count)) >= 0
                else { return false }
                unsafe target += content.count
            }
            if var trailer {
                guard unsafe EVP_Cipher(context, target, &trailer, 1) >= 0 else { return false }
                unsafe target += 1
            }
        }
        var length: Int32 = 0
        return unsafe EVP_EncryptFinal_ex(context, target, &length) == 1
            && EVP_CIPHER_CTX_ctrl(
                context, EVP_CTRL_AEAD_GET_TAG, Int32(RecordCipher.tagLength), target) == 1
    }

    /// Up to here a copy, with the trailer behind it, costs less than a call for the trailer.
    private static var joinedBytes: Int { 2_048 }

    /// Writes the plaintext of `sealed`, which is ciphertext and tag, to `target`: `sealed.count - 16` bytes, which
    /// are worth nothing unless the answer is true. `target` is the ciphertext's own place, or does not overlap it.
    @inline(__always)
    mutating func open(
        _ sealed: UnsafeRawBufferPointer,
        _ cipher: RecordCipher,
        _ keys: inout RecordKeys,
        _ nonce: RecordNonce,
        additional: UnsafeRawBufferPointer,
        into target: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        guard let context = unsafe keyed(cipher, .opening, &keys, nonce),
            let source = unsafe Self.bytes(sealed)
        else { return false }
        let count = sealed.count - RecordCipher.tagLength
        var length: Int32 = 0
        var nothing: UInt8 = 0
        // Safe: as above; the tag is only read, though the call takes it as changeable, and nothing is left over
        // for EVP_DecryptFinal_ex(3) to write.
        let isOpened =
            unsafe EVP_Cipher(context, nil, Self.bytes(additional), UInt32(additional.count)) >= 0
            && (count == 0 || EVP_Cipher(context, target, source, UInt32(count)) >= 0)
            && EVP_CIPHER_CTX_ctrl(
                context, EVP_CTRL_AEAD_SET_TAG, Int32(RecordCipher.tagLength),
                UnsafeMutablePointer(mutating: source + count)) == 1
            && EVP_DecryptFinal_ex(context, &nothing, &length) == 1
        // A tag that is wrong may leave an entry for a later call to trip over.
        if !isOpened { ErrorStack.clear() }
        return isOpened
    }

    /// Has no context hold these keys any longer. To be called before the last connection with them goes away.
    mutating func forget(_ keys: inout RecordKeys, _ cipher: RecordCipher) {
        for direction in [Direction.opening, .sealing] {
            let place = unsafe place(of: cipher, direction)
            guard unsafe place.pointee.isKeyed(with: &keys) else { continue }
            unsafe Self.unkey(place, direction)
        }
    }

    /// Gives the context a key of zeros, over what it has expanded: one that were made anew for each connection
    /// that comes and goes would be looked up again each time.
    private static func unkey(
        _ place: UnsafeMutablePointer<KeyedContext>,
        _ direction: Direction
    ) {
        unsafe OPENSSL_cleanse(&place.pointee.key, MemoryLayout<InlineArray<4, UInt64>>.size)
        guard let context = unsafe place.pointee.context else { return }
        // Safe: no key is longer than the zeros, which the context then has.
        let isUnkeyed = unsafe withUnsafeBytes(of: &place.pointee.key) { zeros in
            unsafe EVP_CipherInit_ex2(
                context, nil, Self.bytes(zeros), nil, direction.rawValue, nil) == 1
        }
        if !isUnkeyed { unsafe clear(place) }
    }

    private static func clear(_ place: UnsafeMutablePointer<KeyedContext>) {
        // Safe: the context is freed once and made anew at the next use; OpenSSL wipes what it expanded.
        unsafe EVP_CIPHER_CTX_free(place.pointee.context)
        unsafe OPENSSL_cleanse(place, MemoryLayout<KeyedContext>.size)
        unsafe place.initialize(to: KeyedContext())
        ErrorStack.clear()
    }

    /// The context for one record, or nil when OpenSSL has no memory.
    @inline(__always)
    private mutating func keyed(
        _ cipher: RecordCipher,
        _ direction: Direction,
        _ keys: inout RecordKeys,
        _ nonce: RecordNonce
    ) -> OpaquePointer? {
        let place = unsafe place(of: cipher, direction)
        guard let context = unsafe place.pointee.context else {
            return unsafe Self.make(cipher, direction, at: place)
                ? keyed(cipher, direction, &keys, nonce) : nil
        }
        let isKeyed = unsafe place.pointee.isKeyed(with: &keys)
        if !isKeyed { unsafe place.pointee.key = keys.key }
        // Safe: nonce and key are read within the call; without a key, the last one stays.
        let isReady = unsafe withUnsafeBytes(of: nonce.words) { nonce in
            unsafe withUnsafeBytes(of: &keys.key) { key in
                unsafe EVP_CipherInit_ex2(
                    context, nil, isKeyed ? nil : Self.bytes(key), Self.bytes(nonce),
                    direction.rawValue, nil) == 1
            }
        }
        if isReady { return unsafe context }
        unsafe Self.clear(place)
        return nil
    }

    @inline(__always)
    private func place(
        of cipher: RecordCipher,
        _ direction: Direction
    ) -> UnsafeMutablePointer<KeyedContext> {
        // Safe: two for each cipher.
        unsafe contexts + (Int(cipher.rawValue) * 2 + Int(direction.rawValue))
    }

    /// Makes a context, whose key is all zeros until it has one.
    @inline(never)
    private static func make(
        _ cipher: RecordCipher,
        _ direction: Direction,
        at place: UnsafeMutablePointer<KeyedContext>
    ) -> Bool {
        guard let context = unsafe EVP_CIPHER_CTX_new() else { return false }
        let fetched = unsafe EVP_CIPHER_fetch(nil, cipher.fetchName, nil)
        let zeros = [UInt8](repeating: 0, count: 32)
        // Safe: the context keeps a reference of its own to the cipher; no key is longer than the zeros.
        let isMade =
            unsafe EVP_CipherInit_ex2(context, fetched, zeros, nil, direction.rawValue, nil) == 1
        unsafe EVP_CIPHER_free(fetched)
        guard isMade else {
            unsafe EVP_CIPHER_CTX_free(context)
            ErrorStack.clear()
            return false
        }
        unsafe place.pointee.context = unsafe context
        return true
    }

    @inline(__always)
    private static func bytes(_ region: UnsafeRawBufferPointer) -> UnsafePointer<UInt8>? {
        unsafe region.baseAddress?.assumingMemoryBound(to: UInt8.self)
    }
}

/// A context and the key that it was given last.
@unsafe
private struct KeyedContext {
    var context: OpaquePointer? = nil
    var key = InlineArray<4, UInt64>(repeating: 0)

    @inline(__always)
    func isKeyed(with keys: inout RecordKeys) -> Bool {
        var difference: UInt64 = 0
        for index in 0..<4 { difference |= unsafe key[index] ^ keys.key[index] }
        return difference == 0
    }
}
