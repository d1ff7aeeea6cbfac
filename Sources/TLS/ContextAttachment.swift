internal import COpenSSL

/// Ties a Swift object to a context, so that a callback finds it and it lives as long as the
/// context, whose sessions may outlast our `TLSContext` (SSL_CTX_set_ex_data(3)).
struct ContextAttachment<Object: AnyObject> {
    private let index: Int32

    /// To be made once per kind of object: indexes are never given back.
    init() {
        // Safe: the free function matches the reference that `attach` leaves behind.
        index = unsafe CRYPTO_get_ex_new_index(
            CRYPTO_EX_INDEX_SSL_CTX, 0, nil, nil, nil, releaseAttachment)
        precondition(index >= 0, "no memory for an index")
    }

    /// Leaves a reference to `object` with the context. Answers false without memory.
    func attach(_ object: Object, to context: OpaquePointer) -> Bool {
        let reference = unsafe Unmanaged.passRetained(object)
        if unsafe SSL_CTX_set_ex_data(context, index, reference.toOpaque()) == 1 { return true }
        unsafe reference.release()
        return false
    }

    /// The object of the context, if it has one.
    func object(of context: OpaquePointer?) -> Object? {
        // Safe: only `attach` puts something at this index, and it stays until the context ends.
        guard let pointer = unsafe SSL_CTX_get_ex_data(context, index) else { return nil }
        return unsafe Unmanaged<Object>.fromOpaque(pointer).takeUnretainedValue()
    }
}

/// CRYPTO_EX_free(3): gives back the reference that `attach` left.
private func releaseAttachment(
    _ parent: UnsafeMutableRawPointer?,
    _ pointer: UnsafeMutableRawPointer?,
    _ data: UnsafeMutablePointer<CRYPTO_EX_DATA>?,
    _ index: Int32,
    _ number: Int,
    _ argument: UnsafeMutableRawPointer?
) {
    guard let pointer = unsafe pointer else { return }
    unsafe Unmanaged<AnyObject>.fromOpaque(pointer).release()
}
