import Bytes
internal import COpenSSL

/// A thread's door for ciphertext, shared by all the sessions that the thread serves: one per
/// shard.
///
/// It is one BIO for all of them, pointed for the length of each call at the bytes that have come
/// in and at the buffer that goes out. Sharing is sound with OpenSSL 3.0: a session only reads,
/// writes and flushes its BIO; the buffering BIO that a handshake puts in front of it
/// (`ssl_init_wbio_buffer`) is the session's own and is taken out again by `BIO_pop`, which leaves
/// nothing behind in the shared one but a `prev_bio` that nobody follows; the retry flags are set
/// in every call and read before it returns; the count of references is atomic. It saves the 200
/// bytes that a BIO of its own would cost every session.
///
/// A session may move to another thread between two calls, once its handshake is complete: the
/// next call, through the other thread's port, takes it over.
@safe
public struct TLSPort: ~Copyable, Sendable {
    // Safe: both are used only while the port is held exclusively (`inout`), or by sessions that
    // were passed together with it; the BIO owns the cell and is freed with its last reference.
    nonisolated(unsafe) let bio: OpaquePointer
    nonisolated(unsafe) let cell: UnsafeMutablePointer<CiphertextCell>

    /// Traps when there is no memory for two small objects.
    public init() {
        guard let method = unsafe CiphertextMethod.shared, let bio = unsafe BIO_new(method) else {
            preconditionFailure("no memory for a BIO")
        }
        unsafe self.bio = unsafe bio
        unsafe cell = UnsafeMutablePointer<CiphertextCell>.allocate(capacity: 1)
        unsafe cell.initialize(to: CiphertextCell())
        unsafe BIO_set_data(bio, cell)
        unsafe BIO_set_init(bio, 1)
    }

    deinit {
        // Safe: gives up our reference; sessions still attached keep the BIO and its cell.
        unsafe BIO_free(bio)
    }

    /// Lets OpenSSL, inside `body`, read `input` and append to `output`; answers what `body` does.
    @inline(__always)
    mutating func withCiphertext<Result: ~Copyable>(
        _ input: Span<UInt8>,
        output: inout ByteBuffer,
        _ body: (UnsafeMutablePointer<CiphertextCell>) -> Result
    ) -> Result {
        let cell = unsafe self.cell
        // Safe: the pointers live in the cell no longer than the borrows that they come from.
        return unsafe input.withUnsafeBytes { bytes in
            unsafe withUnsafeMutablePointer(to: &output) { output in
                unsafe cell.pointee.input = bytes.baseAddress
                unsafe cell.pointee.inputCount = bytes.count
                unsafe cell.pointee.output = unsafe output
                defer { unsafe cell.pointee = CiphertextCell() }
                return unsafe body(cell)
            }
        }
    }
}
