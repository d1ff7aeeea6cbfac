/// Where a variable byte integer stands that counts what comes after it, and how many bytes were
/// kept free for it.
@frozen
@usableFromInline
struct LengthMark {
    @usableFromInline let offset: Int
    @usableFromInline let size: Int

    @inlinable
    init(offset: Int, size: Int) {
        self.offset = offset
        self.size = size
    }
}
