import Cryptography
import Gateway
import Linux

/// A secret that is the first word of a file of its own, in the secrets directory.
enum SecretWord {
    static var minimumBytes: Int { 16 }

    /// The file's first word; `nil` when there is no file, as at the first start.
    static func kept(in path: String) throws(FileError) -> String? {
        do throws(FileError) {
            let bytes = try FileSystem.read(path, maximumBytes: 4_096)
            let text = String(decoding: bytes, as: UTF8.self)
            return text.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
        } catch {
            guard error.code == .noSuchFile else { throw error }
            return nil
        }
    }

    /// Makes the file, for its owner alone.
    static func keep(_ text: String, in path: String) throws(FileError) {
        try FileSystem.write(Array("\(text)\n".utf8).span, atomicallyTo: path, mode: 0o600)
    }

    /// 64 hexadecimal digits.
    static func made() -> String { hexadecimal(RandomBytes.make(32)) }
}

/// Two lower-case digits a byte.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: text, as: UTF8.self)
}
