import Bytes
import Storage

/// Where a page ended, as the text that the client hands back: four bytes of check, then the key of
/// the last record that the page looked at, in hexadecimal.
///
/// The next page begins behind that key, whether or not there still is a record: so a cursor stays
/// good while records come and go. The check finds a cursor that was damaged, or that another list,
/// or the same one with other filters, has given. Whoever forges one only begins elsewhere in a list
/// that is theirs anyway.
enum PageCursor {
    static func text(at key: some StorageKey, of list: ListMark) -> String {
        let writer = KeyWriter(key)
        let bytes = writer.span
        let check = list.check(of: bytes)
        var text = ""
        for shift: UInt32 in [24, 16, 8, 0] {
            append(UInt8(truncatingIfNeeded: check >> shift), to: &text)
        }
        for index in bytes.indices { append(bytes[index], to: &text) }
        return text
    }

    /// The key; `.malformed` when the cursor is none of this list.
    static func key<Key: StorageKey>(
        at cursor: String,
        of list: ListMark
    ) throws(StoreError) -> Key {
        guard let bytes = bytes(of: cursor) else { throw .malformed(what: "cursor") }
        var reader = ByteReader(bytes.span)
        guard let check = reader.readUInt32(), let key = Key(decoding: &reader), reader.isAtEnd,
            check == list.check(of: KeyWriter(key).span)
        else { throw .malformed(what: "cursor") }
        return key
    }

    private static func append(_ byte: UInt8, to text: inout String) {
        text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }

    private static func bytes(of cursor: String) -> [UInt8]? {
        guard cursor.utf8.count % 2 == 0, cursor.utf8.count <= 2 * (KeyWriter.maximumCount + 4)
        else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in cursor {
            guard character.isASCII, let digit = character.hexDigitValue else { return nil }
            if let first = high {
                bytes.append(first << 4 | UInt8(digit))
                high = nil
            } else {
                high = UInt8(digit)
            }
        }
        return bytes
    }
}
