import CLinux

/// Bytes from the kernel's random number generator, fit for secrets: `getrandom(2)`.
public enum RandomBytes {
    /// `count` fresh bytes.
    public static func make(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        // Safe: the array lends its bytes for the call.
        unsafe bytes.withUnsafeMutableBytes { unsafe fill($0) }
        return bytes
    }

    /// Overwrites all of `buffer`.
    @unsafe
    public static func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        var filled = 0
        while filled < buffer.count {
            // Safe: the region starts `filled` bytes into the caller's buffer and ends with it.
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let count = try? retrying { unsafe clinux_random(rest.baseAddress, rest.count) }
            // getrandom(2) fails for a bad address, a bad flag, or no such system call.
            guard let count else { preconditionFailure("the kernel has no random numbers") }
            filled += count
        }
    }
}
