import Bytes
import Cryptography
import Ledger
import Linux

// The key file: a line `NUMBER HEX64` for each key; empty lines and those that begin with `#` are
// for people. To change keys, a line is added at the end, and the gateway started again.
extension SecretKeys {
    /// Those of a secrets directory; `nil` when it has no key file.
    public init?(in directory: SecretsDirectory) throws(GatewayError) {
        guard let keys = try Self.loaded(from: directory.keyFile) else { return nil }
        self = keys
    }

    /// Bytes of the file, with some comments.
    private static var fileMaximum: Int { 65_536 }

    /// The keys of a file; `nil` when there is no such file.
    static func loaded(from path: String) throws(GatewayError) -> SecretKeys? {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try FileSystem.read(path, maximumBytes: fileMaximum)
        } catch {
            if error.code == .noSuchFile { return nil }
            throw .file(error)
        }
        do throws(SecretsProblem) {
            return try SecretKeys(parsing: bytes, of: path)
        } catch {
            throw .secrets(error)
        }
    }

    init(parsing bytes: [UInt8], of path: String) throws(SecretsProblem) {
        var keys: [SecretKey] = []
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let words = String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace)
            guard let first = words.first, first.first != "#" else { continue }
            let place = "\(path):\(index + 1)"
            guard words.count == 2, let number = UInt8(first),
                let key = SecretKey(number: number, bytes: Self.bytes(ofDigits: words[1]))
            else {
                throw SecretsProblem(
                    path: place, reason: "must be a number from 1 to 255 and 64 hexadecimal digits")
            }
            guard !keys.contains(where: { $0.number == number }) else {
                throw SecretsProblem(path: place, reason: "key \(number) is there twice")
            }
            keys.append(key)
        }
        guard !keys.isEmpty else {
            throw SecretsProblem(
                path: path, reason: "there is no key in it; a line is NUMBER HEX64")
        }
        self.init(keys: keys)
    }

    private static func bytes(ofDigits text: Substring) -> [UInt8] {
        var decoded = ByteBuffer()
        let digits = Array(text.utf8)
        guard Hexadecimal.decode(digits.span, into: &decoded) else { return [] }
        return (0..<decoded.count).map { decoded[$0] }
    }

    /// Makes the file, mode 0600, on the disk when it returns.
    func save(to path: String) throws(FileError) {
        var text = ByteBuffer()
        text.append(
            utf8: """
                # Tollgate: what device and product secrets are sealed with. Without this file the stores
                # are useless: keep a copy of it, and not beside a copy of them. A line is a number and a
                # key; the last one seals, all of them open.

                """
        )
        for key in keys {
            text.append(utf8: "\(key.number) ")
            Hexadecimal.append(key.bytes.span, to: &text)
            text.append(utf8: "\n")
        }
        try FileSystem.write(text.span, atomicallyTo: path, mode: 0o600)
    }

    /// Throws unless every key that the books know is here, and the same.
    func require(_ known: [SealingKey], in path: String, data: String) throws(SecretsProblem) {
        let held = fingerprints
        let remedy = "put the right file back, or say where it is (secrets: in the configuration)"
        for key in known {
            guard let same = held.first(where: { $0.number == key.number }) else {
                throw SecretsProblem(
                    path: path,
                    reason:
                        "key \(key.number) is missing, which secrets in \(data) are sealed with; "
                        + remedy
                )
            }
            guard same == key else {
                throw SecretsProblem(
                    path: path,
                    reason:
                        "key \(key.number) is not the one that secrets in \(data) are sealed with; "
                        + remedy
                )
            }
        }
    }

    /// What to say when there is no file, and the books need one.
    static func missing(_ path: String, data: String) -> SecretsProblem {
        SecretsProblem(
            path: path,
            reason: "there is no such file, and secrets in \(data) are sealed with its keys; "
                + "put it back, or say where it is (secrets: in the configuration)"
        )
    }
}
