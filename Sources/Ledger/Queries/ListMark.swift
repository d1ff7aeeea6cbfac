import Bytes
import Storage

/// What a cursor is good for: a number that stands for one list, its filters included.
struct ListMark {
    private(set) var value: UInt32

    /// - Parameters:
    ///   - name: the list's.
    ///   - filter: what was asked for, as text; two questions that differ have two texts.
    init(_ name: String, filter: String = "") {
        value = 0x811C_9DC5
        mix("\(name)\n\(filter)\n")
    }

    /// The same list, of the keys that begin with `prefix` only.
    func within(_ prefix: some StorageKey) -> ListMark {
        var narrowed = self
        narrowed.mix(KeyWriter(prefix).span)
        return narrowed
    }

    /// The mark with a key's bytes mixed in: the check of a cursor at that key.
    func check(of key: Span<UInt8>) -> UInt32 {
        var mixed = self
        mixed.mix(key)
        return mixed.value
    }

    private mutating func mix(_ text: String) {
        for byte in text.utf8 { mix(byte) }
    }

    private mutating func mix(_ bytes: Span<UInt8>) {
        for index in bytes.indices { mix(bytes[index]) }
    }

    /// One step of FNV-1a, 32 bits.
    private mutating func mix(_ byte: UInt8) {
        value = (value ^ UInt32(byte)) &* 0x0100_0193
    }
}
