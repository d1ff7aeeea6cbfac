internal import CLMDB

extension MDB_val {
    /// A value for LMDB to read during one call; it does not write through it.
    init(borrowing bytes: UnsafeRawBufferPointer) {
        unsafe self.init(
            mv_size: bytes.count,
            mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        )
    }

    /// The bytes LMDB has pointed this value at, for as long as `owner` may be used; that it keeps
    /// them until then, the caller guarantees.
    @_lifetime(copy owner)
    func span(lentBy owner: TransactionHandle) -> Span<UInt8> {
        // Safe: LMDB answers `mv_size` initialised bytes at `mv_data`, or none.
        let bytes = unsafe UnsafeRawBufferPointer(start: mv_data, count: mv_size)
        let span = unsafe Span<UInt8>(_unsafeBytes: bytes)
        return unsafe _overrideLifetime(span, copying: owner)
    }
}
