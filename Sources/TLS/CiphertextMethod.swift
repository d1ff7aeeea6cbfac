import Bytes
internal import COpenSSL

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
private func cell(of bio: OpaquePointer?) -> UnsafeMutablePointer<CiphertextCell> {
    unsafe BIO_get_data(bio).assumingMemoryBound(to: CiphertextCell.self)
}

/// BIO_meth_set_read_ex(3): as much of the input as fits, or "retry" when there is none left.
private func readFromCell(
    _ bio: OpaquePointer?,
    _ target: UnsafeMutablePointer<CChar>?,
    _ room: Int,
    _ readCount: UnsafeMutablePointer<Int>?
) -> Int32 {
    let cell = unsafe cell(of: bio)
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
    let cell = unsafe cell(of: bio)
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
    let cell = unsafe cell(of: bio)
    unsafe cell.deinitialize(count: 1)
    unsafe cell.deallocate()
    return 1
}
