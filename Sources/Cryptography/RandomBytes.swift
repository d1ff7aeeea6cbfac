internal import Glibc

/// Bytes from the kernel's random number generator, fit for keys and nonces: `getentropy(3)`.
public enum RandomBytes {
    /// The most that one call of getentropy(3) gives.
    private static let pieceLength = 256

    /// `count` fresh bytes. Traps when the kernel has no random numbers: getentropy(3) fails for a
    /// bad address, for more than 256 bytes, or where there is no such system call.
    public static func make(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        // Safe: each region lies in the array, which lends its bytes for the call.
        unsafe bytes.withUnsafeMutableBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: pieceLength) {
                let end = min(start + pieceLength, bytes.count)
                let piece = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start..<end])
                guard let address = piece.baseAddress, unsafe getentropy(address, piece.count) == 0
                else { preconditionFailure("the kernel has no random numbers") }
            }
        }
        return bytes
    }

    /// `count` fresh bytes as twice as many hexadecimal digits.
    public static func hexadecimal(_ count: Int) -> String {
        Hexadecimal.text(of: make(count).span)
    }
}
