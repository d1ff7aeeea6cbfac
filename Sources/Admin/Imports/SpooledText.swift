import Bytes
import Cryptography
import Linux

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

    /// The pieces that have not been read.
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
