import Fleet
import Glibc

/// What a disk may do to a replica of the log while its server is down.
enum StreamDamage {
    /// Flips five bits of a message file, or cuts it off, and says so; `nil` when there is none.
    static func inflict(in directory: String, _ dice: inout Dice) -> String? {
        let files = files(in: directory).filter { $0.hasSuffix(".blk") }.sorted()
        guard let name = files.randomElement(using: &dice) else { return nil }
        let file = unsafe open("\(directory)/\(name)", O_RDWR)
        defer { close(file) }
        let size = Int(lseek(file, 0, SEEK_END))
        guard file >= 0, size > 64 else { return nil }
        if dice.number(below: 2) == 0 {
            let cut = 1 + dice.number(below: min(size - 1, 16_384))
            guard ftruncate(file, size - cut) == 0 else { return nil }
            return "\(name) of \(size) bytes is \(cut) shorter"
        }
        for _ in 0..<5 { flip(dice.number(below: size * 8), of: file) }
        return "5 bits of the \(size) bytes of \(name) are flipped"
    }

    private static func flip(_ bit: Int, of file: Int32) {
        var byte: UInt8 = 0
        // Safe: both read or write the one byte, during the call.
        guard unsafe pread(file, &byte, 1, bit / 8) == 1 else { return }
        byte ^= 1 << UInt8(bit % 8)
        _ = unsafe pwrite(file, &byte, 1, bit / 8)
    }

    private static func files(in path: String) -> [String] {
        // Safe: `directory` is open until `closedir`; an entry is good until the next `readdir`.
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
        }
        return names
    }
}
