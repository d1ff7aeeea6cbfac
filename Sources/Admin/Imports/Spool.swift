import Bytes
import Cryptography
import Linux

/// A text of any length that is kept until it can be sent: what does not fit in one block is on the
/// disk, in a file without a name, and sealed with a key that is nowhere else than here. For it is
/// full of secrets.
struct Spool: ~Copyable {
    private let directory: String
    private let key = RandomBytes.make(AES256GCM.keyLength)
    private var file: TemporaryFile?
    private var cipher: AES256GCM?
    private var blocks = 0

    /// What is not on the disk.
    private var rest: [UInt8] = []

    /// In bytes, before sealing.
    static let blockLength = 65_536

    /// - Parameter directory: where it may take space.
    init(directory: String) { self.directory = directory }

    /// Appends what `body` writes.
    mutating func append(_ body: (inout [UInt8]) -> Void) throws {
        body(&rest)
        guard rest.count >= Self.blockLength else { return }
        var start = 0
        let whole = rest
        while whole.count - start >= Self.blockLength {
            try write(whole.span.extracting(start..<start + Self.blockLength))
            start += Self.blockLength
        }
        rest = Array(whole[start...])
    }

    private mutating func write(_ block: Span<UInt8>) throws {
        if file == nil { file = try TemporaryFile(in: directory) }
        if cipher == nil { cipher = try AES256GCM(key: key.span) }
        var sealed = ByteBuffer()
        let nonce = SpooledText.nonce(of: blocks)
        try cipher?.seal(block, nonce: nonce.span, associated: Span(), into: &sealed)
        try file?.append(sealed.span)
        blocks += 1
    }

    /// All of it, to be read.
    consuming func finish() -> SpooledText {
        let (key, blocks, rest) = (key, blocks, rest)
        return SpooledText(file: file.take(), key: key, blocks: blocks, rest: rest)
    }
}
