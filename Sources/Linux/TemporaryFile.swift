import CLinux

/// A file without a name, readable through this value only, and gone when this is destroyed or the
/// process ends. It is written at its end and read anywhere.
public struct TemporaryFile: ~Copyable, Sendable {
    private let descriptor: Descriptor
    private let directory: String

    /// In bytes.
    public private(set) var count = 0

    /// Makes one in the file system that holds `directory` (`open(2)`, `O_TMPFILE`).
    public init(in directory: String) throws(FileError) {
        // Safe: the text lives through the call.
        let number = try FileSystem.call("make a temporary file", directory) {
            unsafe clinux_open_temporary(directory)
        }
        descriptor = Descriptor(adopting: Int32(number))
        self.directory = directory
    }

    /// Takes a file's name away: from now on it is readable through this value only.
    public init(taking path: String) throws(FileError) {
        let opened = try FileSystem.open(path, O_RDWR)
        let number = opened.rawValue
        let size = try FileSystem.call("stat", path) { clinux_size(number) }
        try FileSystem.remove(path)
        descriptor = opened
        directory = FileSystem.parent(of: path)
        count = size
    }

    /// Writes all of `bytes` behind what is there.
    public mutating func append(_ bytes: Span<UInt8>) throws(FileError) {
        var rest = bytes
        while rest.count > 0 {
            let number = descriptor.rawValue
            // Safe: the span lends its bytes for the call.
            let written = try unsafe rest.withUnsafeBufferPointer { rest throws(FileError) in
                try FileSystem.call("write a temporary file", directory) {
                    unsafe clinux_write(number, rest.baseAddress, rest.count)
                }
            }
            rest = rest.extracting(droppingFirst: written)
            count += written
        }
    }

    /// The bytes from `offset` on, at most `maximum`; fewer only at the file's end.
    public func read(at offset: Int, maximum: Int) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: max(0, min(maximum, count - offset)))
        var filled = 0
        while filled < bytes.count {
            let number = descriptor.rawValue
            let read = try FileSystem.call("read a temporary file", directory) {
                // Safe: the region starts `filled` bytes into the array and ends with it.
                unsafe bytes.withUnsafeMutableBytes { bytes in
                    let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[filled...])
                    return unsafe clinux_read_at(
                        number, rest.baseAddress, rest.count, Int64(offset + filled))
                }
            }
            guard read > 0 else {
                throw FileError(
                    operation: "read a temporary file", path: directory, code: .inputOutput)
            }
            filled += read
        }
        return bytes
    }
}
