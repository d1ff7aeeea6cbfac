import Glibc
import NATSServers
import Testing

extension NATSServers {
    /// Flips a bit in the middle of the first block of a stream's messages, on a server that is stopped.
    func flipBit(in stream: String, at index: Int) throws {
        let descriptor = unsafe open("\(messages(of: stream, index))/1.blk", O_RDWR)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let middle = lseek(descriptor, 0, SEEK_END) / 2
        var byte: UInt8 = 0
        // Safe: both functions work on the one byte during the call.
        let isRead = unsafe pread(descriptor, &byte, 1, middle) == 1
        byte ^= 0x10
        let isWritten = unsafe pwrite(descriptor, &byte, 1, middle) == 1
        try #require(isRead && isWritten)
    }
}
