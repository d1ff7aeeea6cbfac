import Bytes
import CZstd

/// Makes frames of Zstandard (RFC 8878), with one context for all of them.
@safe
struct Compressor: ~Copyable {
    // Safe: made here, freed once in `deinit`, and never handed out.
    private let context: OpaquePointer

    /// The fastest of the usual levels: a higher one gains little on messages, and costs the writer's thread.
    static var level: Int32 { 1 }

    init() {
        guard let made = unsafe ZSTD_createCCtx() else { preconditionFailure("out of memory") }
        unsafe context = made
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    /// Appends the frame of `bytes`; how many bytes it has.
    mutating func append(_ bytes: borrowing ByteBuffer, to buffer: inout ByteBuffer) -> Int {
        let context = unsafe context
        return unsafe bytes.span.withUnsafeBytes { source in
            unsafe buffer.appendUnsafely(minimum: ZSTD_compressBound(source.count)) { room in
                // Safe: the bound is what it may write, and there is room for that.
                let count = unsafe ZSTD_compressCCtx(
                    context, room.baseAddress, room.count, source.baseAddress, source.count,
                    Self.level)
                precondition(ZSTD_isError(count) == 0, "zstd had room, and memory")
                return count
            }
        }
    }
}

/// Opens such frames.
@safe
struct Decompressor: ~Copyable {
    // Safe: made here, freed once in `deinit`, and never handed out.
    private let context: OpaquePointer

    init() {
        guard let made = unsafe ZSTD_createDCtx() else { preconditionFailure("out of memory") }
        unsafe context = made
    }

    deinit { unsafe ZSTD_freeDCtx(context) }

    /// What the frame holds; `nil` when it is no frame of exactly `count` bytes.
    mutating func open(_ frame: Span<UInt8>, count: Int) -> [UInt8]? {
        let context = unsafe context
        var isWhole = false
        let bytes = unsafe frame.withUnsafeBytes { source in
            // Safe: the call writes at most `count` bytes, and all of them when it says so.
            unsafe [UInt8](unsafeUninitializedCapacity: count) { room, filled in
                let found = unsafe ZSTD_decompressDCtx(
                    context, room.baseAddress, room.count, source.baseAddress, source.count)
                isWhole = ZSTD_isError(found) == 0 && found == count
                filled = isWhole ? count : 0
            }
        }
        return isWhole ? bytes : nil
    }
}
