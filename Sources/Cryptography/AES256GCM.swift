public import Bytes
internal import COpenSSL

/// Why bytes could not be sealed or opened.
public enum CryptoError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Sealed bytes that were changed, or are another key's, nonce's or owner's.
    case notAuthentic

    /// OpenSSL lacks the cipher, or memory; with the newest entry of its error queue, as
    /// ERR_error_string_n(3) prints it.
    case library(attempt: String, reason: String)

    public var description: String {
        switch self {
        case .notAuthentic: "the sealed bytes are not authentic"
        case .library(let attempt, let reason): "\(attempt): \(reason)"
        }
    }

    /// A failure whose particulars are on the thread's error queue, which is emptied.
    fileprivate static func drained(_ attempt: String) -> CryptoError {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        // Safe: 256 bytes are what ERR_error_string_n(3) asks for; it ends them with a zero.
        let reason = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
            unsafe ERR_error_string_n(code, text.baseAddress, text.count)
            return unsafe String(cString: text.baseAddress.unsafelyUnwrapped)
        }
        return .library(attempt: attempt, reason: reason)
    }
}

/// AES-256-GCM (NIST SP 800-38D) under one key: seals bytes so that without the key they
/// can't be read, nor changed unnoticed. Nonces have 12 bytes, tags 16.
///
/// A nonce must never seal twice under one key. Random ones are good for 2^32 messages (8.3 there).
/// A message and its associated bytes have less than 2 GiB each. The key is expanded once, here, so that a message costs no more than its bytes; a value serves
/// one thread at a time, and allocates nothing but what is appended.
@safe
public struct AES256GCM: ~Copyable {
    /// Bytes of a key, of a nonce, and of the tag that follows the ciphertext.
    public static var keyLength: Int { 32 }
    public static var nonceLength: Int { 12 }
    public static var tagLength: Int { 16 }

    private let context: OpaquePointer

    /// Traps unless the key has 32 bytes. Throws `.library` when OpenSSL lacks the cipher or memory.
    public init(key: Span<UInt8>) throws(CryptoError) {
        precondition(key.count == Self.keyLength, "a key of AES-256 has 32 bytes")
        guard let context = unsafe EVP_CIPHER_CTX_new() else {
            throw CryptoError.drained("Making a cipher")
        }
        let cipher = unsafe EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)
        // Safe: the key is read within the call; the context keeps a reference of its own.
        let isKeyed = unsafe key.withUnsafeBufferPointer { key in
            unsafe EVP_CipherInit_ex2(context, cipher, key.baseAddress, nil, 1, nil) == 1
        }
        unsafe EVP_CIPHER_free(cipher)
        guard isKeyed else {
            unsafe EVP_CIPHER_CTX_free(context)
            throw CryptoError.drained("Keying AES-256-GCM")
        }
        unsafe self.context = unsafe context
    }

    deinit {
        // Safe: made in `init`, freed once; the expanded key is wiped.
        unsafe EVP_CIPHER_CTX_free(context)
    }

    /// Appends the ciphertext of `plaintext`, as long as that, and its tag. `associated` is
    /// authenticated along with it, and has to be shown again to open it.
    ///
    /// Traps unless the nonce has 12 bytes. Throws `.library`, having appended nothing.
    public mutating func seal(
        _ plaintext: Span<UInt8>,
        nonce: Span<UInt8>,
        associated: Span<UInt8>,
        into buffer: inout ByteBuffer
    ) throws(CryptoError) {
        let before = buffer.count
        let isSealed =
            begin(isSealing: true, nonce, associated) && run(plaintext, into: &buffer)
            && appendTag(to: &buffer)
        guard isSealed else {
            buffer.truncate(to: before)
            throw CryptoError.drained("Sealing with AES-256-GCM")
        }
    }

    /// Appends the plaintext of what `seal` has appended.
    ///
    /// Traps unless the nonce has 12 bytes. Throws `.notAuthentic`, having appended nothing, when
    /// key, nonce, associated bytes, ciphertext or tag are not those of one sealing, or `.library`.
    public mutating func open(
        _ sealed: Span<UInt8>,
        nonce: Span<UInt8>,
        associated: Span<UInt8>,
        into buffer: inout ByteBuffer
    ) throws(CryptoError) {
        let before = buffer.count
        let length = sealed.count - Self.tagLength
        guard length >= 0 else { throw .notAuthentic }
        guard begin(isSealing: false, nonce, associated),
            run(sealed.extracting(0..<length), into: &buffer)
        else {
            buffer.truncate(to: before)
            throw CryptoError.drained("Opening with AES-256-GCM")
        }
        guard isTag(sealed.extracting(length..<sealed.count)) else {
            buffer.truncate(to: before)
            // A tag that is wrong may leave an entry for a later call to trip over.
            ERR_clear_error()
            throw .notAuthentic
        }
    }

    /// A new message in one direction or the other, up to its associated bytes.
    private mutating func begin(
        isSealing: Bool,
        _ nonce: Span<UInt8>,
        _ associated: Span<UInt8>
    ) -> Bool {
        precondition(nonce.count == Self.nonceLength, "a nonce has 12 bytes")
        // Safe: both regions are read within the calls; without a key, the one of `init` stays.
        let isReady = unsafe nonce.withUnsafeBufferPointer { nonce in
            unsafe EVP_CipherInit_ex2(context, nil, nil, nonce.baseAddress, isSealing ? 1 : 0, nil)
                == 1
        }
        guard isReady, associated.count > 0 else { return isReady }
        return unsafe associated.withUnsafeBufferPointer { bytes in
            var length: Int32 = 0
            return unsafe EVP_CipherUpdate(
                context, nil, &length, bytes.baseAddress, Int32(bytes.count)) == 1
        }
    }

    /// The message itself: GCM is a stream, so as much comes out as goes in.
    private mutating func run(_ bytes: Span<UInt8>, into buffer: inout ByteBuffer) -> Bool {
        guard bytes.count > 0 else { return true }
        // Safe: the free region has room for `bytes.count`, which is what is written.
        let written = unsafe buffer.appendUnsafely(minimum: bytes.count) { region in
            let target = unsafe region.baseAddress?.assumingMemoryBound(to: UInt8.self)
            var length: Int32 = 0
            let isDone = unsafe bytes.withUnsafeBufferPointer { bytes in
                unsafe EVP_CipherUpdate(
                    context, target, &length, bytes.baseAddress, Int32(bytes.count)) == 1
            }
            return isDone ? Int(length) : 0
        }
        return written == bytes.count
    }

    private mutating func appendTag(to buffer: inout ByteBuffer) -> Bool {
        // Safe: the free region has room for the tag, which is what EVP_CIPHER_CTX_ctrl(3) writes.
        let written = unsafe buffer.appendUnsafely(minimum: Self.tagLength) { region in
            var length: Int32 = 0
            let target = region.baseAddress
            let isDone =
                unsafe EVP_CipherFinal_ex(
                    context, target?.assumingMemoryBound(to: UInt8.self), &length) == 1
                && EVP_CIPHER_CTX_ctrl(
                    context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagLength), target) == 1
            return isDone ? Self.tagLength : 0
        }
        return written == Self.tagLength
    }

    /// Whether the message, which has been run through, has this tag; compares in constant time.
    private mutating func isTag(_ tag: Span<UInt8>) -> Bool {
        // Safe: the tag is only read, though the call takes it as changeable; nothing is left over
        // for EVP_CipherFinal_ex(3) to write.
        unsafe tag.withUnsafeBytes { tag in
            let bytes = unsafe UnsafeMutableRawBufferPointer(mutating: tag)
            var nothing: UInt8 = 0
            var length: Int32 = 0
            return unsafe EVP_CIPHER_CTX_ctrl(
                context, EVP_CTRL_AEAD_SET_TAG, Int32(bytes.count), bytes.baseAddress) == 1
                && EVP_CipherFinal_ex(context, &nothing, &length) == 1
        }
    }
}
