import Bytes
internal import COpenSSL

/// A thread's door for ciphertext, shared by all the sessions that the thread serves: one per
/// shard.
///
/// It is one BIO for all of them, pointed for the length of each call at the bytes that have come
/// in and at the buffer that goes out. Sharing is sound with OpenSSL 3.0: a session only reads,
/// writes and flushes its BIO; the buffering BIO that a handshake puts in front of it
/// (`ssl_init_wbio_buffer`) is the session's own and is taken out again by `BIO_pop`, which leaves
/// nothing behind in the shared one but a `prev_bio` that is not followed; the retry flags are set
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

    /// For the connections whose records we protect ourselves.
    var ciphers = RecordCiphers()

    /// By which clients' certificates are verified besides the authorities of the contexts: from the next handshake
    /// that begins on. With some, clients are asked for a certificate, which they need not show, and no authority is
    /// named to them: a list of thousands is more than clients take.
    public var clientAuthorities = ClientAuthorities.none {
        didSet {
            // Safe: the port holds the authorities for as long as the cell names them.
            unsafe cell.pointee.authorities = unsafe .passUnretained(clientAuthorities)
        }
    }

    /// Finds the keys of clients that shake hands, during calls; nil: there are none.
    public var preSharedKeys: PreSharedKeySearch? {
        get { unsafe cell.pointee.search }
        set { unsafe cell.pointee.search = newValue }
    }

    /// The identity that a pre-shared key was searched for since this was last called; nil: none was.
    mutating func takeNamed() -> [UInt8]? {
        guard unsafe cell.pointee.searches > 0 else { return nil }
        unsafe cell.pointee.searches = 0
        defer { unsafe cell.pointee.named = [] }
        return unsafe cell.pointee.named
    }

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
        // Safe: gives up our reference; sessions still attached keep the BIO and its cell, and can't use it without a
        // port.
        unsafe cell.pointee.authorities = nil
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
                defer { unsafe cell.pointee.clear() }
                return unsafe body(cell)
            }
        }
    }
}

/// Where the call under way takes ciphertext from and puts it: what a port's BIO points at.
///
/// Both pointers are set for the length of one call into OpenSSL and mean nothing outside it.
@unsafe
struct CiphertextCell {
    /// What the peer sent and OpenSSL has not taken yet.
    var input: UnsafeRawPointer?
    var inputCount = 0

    /// What is to be sent to the peer is appended here.
    var output: UnsafeMutablePointer<ByteBuffer>?

    /// The port's, between calls, too.
    var authorities: Unmanaged<ClientAuthorities>?

    /// The port's, for a call that may shake hands; how often it was asked, and for whose key last.
    var search: PreSharedKeySearch?
    var searches = 0
    var named: [UInt8] = []

    init() {
        unsafe input = nil
        unsafe output = nil
        unsafe authorities = nil
        unsafe search = nil
    }

    /// Forgets what was for the call that is over.
    @inline(__always)
    mutating func clear() {
        unsafe input = nil
        unsafe inputCount = 0
        unsafe output = nil
    }
}

// Certificates of clients.
extension TLSPort {
    /// Has a server's session that begins ask for a certificate when there is an authority to verify it by.
    func askForCertificate(_ ssl: OpaquePointer) {
        guard !clientAuthorities.isEmpty, unsafe SSL_is_server(ssl) == 1 else { return }
        // Safe: the session is the caller's; a context that requires a certificate goes on requiring it.
        unsafe SSL_set_verify(ssl, SSL_get_verify_mode(ssl) | SSL_VERIFY_PEER, nil)
        unsafe _ = tollgate_ssl_name_no_authorities(ssl)
    }

    /// Those of the port that the session is in a call through.
    static func clientAuthorities(in ssl: OpaquePointer) -> ClientAuthorities? {
        unsafe cell(of: ssl)?.pointee.authorities?.takeUnretainedValue()
    }

    /// The cell of the port that the session is in a call through.
    static func cell(of ssl: OpaquePointer) -> UnsafeMutablePointer<CiphertextCell>? {
        guard let bio = unsafe SSL_get_rbio(ssl) else { return nil }
        // Safe: sessions have no BIO but ports' ones, and the port is there during the call.
        return unsafe ciphertextCell(of: bio)
    }
}

/// The BIO_METHOD (BIO_meth_new(3)) of every port: reads the cell's input, appends to its output.
enum CiphertextMethod {
    // Safe: made once, under the lock of a `static let`; OpenSSL only reads a method afterwards.
    nonisolated(unsafe) static let shared: OpaquePointer? = unsafe make()

    private static func make() -> OpaquePointer? {
        let type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK
        guard let method = unsafe BIO_meth_new(type, "tollgate") else { return nil }
        unsafe BIO_meth_set_read_ex(method, readFromCell)
        unsafe BIO_meth_set_write_ex(method, writeToCell)
        unsafe BIO_meth_set_ctrl(method, controlCell)
        unsafe BIO_meth_set_destroy(method, destroyCell)
        return unsafe method
    }
}

/// Safe: `TLSPort.init` put the cell there before the BIO was reachable, and only `destroyCell`,
/// which OpenSSL calls last, frees it.
@inline(__always)
private func ciphertextCell(of bio: OpaquePointer?) -> UnsafeMutablePointer<CiphertextCell> {
    unsafe BIO_get_data(bio).assumingMemoryBound(to: CiphertextCell.self)
}

/// BIO_meth_set_read_ex(3): as much of the input as fits, or "retry" when there is none left.
private func readFromCell(
    _ bio: OpaquePointer?,
    _ target: UnsafeMutablePointer<CChar>?,
    _ room: Int,
    _ readCount: UnsafeMutablePointer<Int>?
) -> Int32 {
    let cell = unsafe ciphertextCell(of: bio)
    unsafe tollgate_bio_clear_retry_flags(bio)
    let count = unsafe min(room, cell.pointee.inputCount)
    // Safe: OpenSSL guarantees `room` bytes at `target` and a place for the count; the input is
    // borrowed for the whole call by `TLSPort.withCiphertext`.
    guard count > 0, let input = unsafe cell.pointee.input, let target = unsafe target else {
        unsafe readCount?.pointee = 0
        unsafe tollgate_bio_set_retry_read(bio)
        return -1
    }
    unsafe UnsafeMutableRawPointer(target).copyMemory(from: input, byteCount: count)
    unsafe cell.pointee.input = unsafe input + count
    unsafe cell.pointee.inputCount -= count
    unsafe readCount?.pointee = count
    return 1
}

/// BIO_meth_set_write_ex(3): all of it, always; the buffer grows.
private func writeToCell(
    _ bio: OpaquePointer?,
    _ source: UnsafePointer<CChar>?,
    _ count: Int,
    _ written: UnsafeMutablePointer<Int>?
) -> Int32 {
    let cell = unsafe ciphertextCell(of: bio)
    unsafe tollgate_bio_clear_retry_flags(bio)
    // Safe: OpenSSL guarantees `count` bytes at `source`; the output is exclusively the call's.
    guard let output = unsafe cell.pointee.output, let source = unsafe source else {
        unsafe written?.pointee = 0
        return -1
    }
    let bytes = unsafe UnsafeRawBufferPointer(start: source, count: count)
    unsafe output.pointee.append(bytes.bindMemory(to: UInt8.self).span)
    unsafe written?.pointee = count
    return 1
}

/// BIO_meth_set_ctrl(3): a flush has nothing left to do; every other command is not ours.
private func controlCell(
    _ bio: OpaquePointer?,
    _ command: Int32,
    _ number: Int,
    _ pointer: UnsafeMutableRawPointer?
) -> Int {
    command == BIO_CTRL_FLUSH ? 1 : 0
}

/// BIO_meth_set_destroy(3): the last reference is gone, of the port and of every session.
private func destroyCell(_ bio: OpaquePointer?) -> Int32 {
    let cell = unsafe ciphertextCell(of: bio)
    unsafe cell.deinitialize(count: 1)
    unsafe cell.deallocate()
    return 1
}
