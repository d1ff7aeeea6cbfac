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

    consuming func finish() -> SpooledText {
        let (key, blocks, rest) = (key, blocks, rest)
        return SpooledText(file: file.take(), key: key, blocks: blocks, rest: rest)
    }
}

/// What a `Spool` has kept; the file goes when this does.
final class SpooledText: Sendable {
    private let file: TemporaryFile?
    private let key: [UInt8]
    private let blocks: Int

    /// What comes behind the blocks.
    let rest: [UInt8]

    init(file: consuming TemporaryFile?, key: [UInt8], blocks: Int, rest: [UInt8]) {
        self.file = file
        self.key = key
        self.blocks = blocks
        self.rest = rest
    }

    /// In bytes.
    var count: Int { blocks * Spool.blockLength + rest.count }

    /// The text in pieces, in order.
    func pieces() -> Pieces { Pieces(text: self) }

    struct Pieces {
        fileprivate let text: SpooledText
        private var block = 0

        fileprivate init(text: SpooledText) { self.text = text }

        mutating func next() throws -> [UInt8]? {
            defer { block += 1 }
            if block < text.blocks { return try text.piece(block) }
            return block == text.blocks && !text.rest.isEmpty ? text.rest : nil
        }
    }

    private func piece(_ block: Int) throws -> [UInt8] {
        let length = Spool.blockLength + AES256GCM.tagLength
        let key = key
        guard let sealed = try file?.read(at: block * length, maximum: length) else {
            preconditionFailure("blocks are in a file")
        }
        var cipher = try AES256GCM(key: key.span)
        var bytes = ByteBuffer()
        let nonce = Self.nonce(of: block)
        try cipher.open(sealed.span, nonce: nonce.span, associated: Span(), into: &bytes)
        return (0..<bytes.count).map { bytes[$0] }
    }

    /// A block's number: the key seals each once.
    static func nonce(of block: Int) -> [UInt8] {
        var nonce = [UInt8](repeating: 0, count: AES256GCM.nonceLength)
        for index in 0..<8 { nonce[index] = UInt8(truncatingIfNeeded: block >> (8 * index)) }
        return nonce
    }
}
