import Cryptography
public import Gateway
public import Linux

/// The token of the gateway's owner, in a file that only its user can read.
///
/// It is also the key from which the ids and secrets of requests with an idempotency key are derived,
/// so that a repeated request makes the same ones.
public struct OwnerToken: Equatable, Sendable, CustomStringConvertible {
    /// 64 hexadecimal digits.
    let text: String

    /// The name of the symbolic link in the data directory, for tools: the file itself is in the
    /// secrets directory.
    public static var linkName: String { "admin.token" }

    init(text: String) { self.text = text }

    /// Reads the token, or makes one (mode 0600) when there is none, and has `admin.token` in the data
    /// directory lead to it.
    public static func loaded(
        from secrets: SecretsDirectory,
        linkedIn data: String
    ) throws(FileError) -> OwnerToken {
        let token = try loaded(from: secrets.tokenFile)
        let target = FileSystem.resolved(secrets.tokenFile)
        try FileSystem.link(target, atomicallyAt: "\(data)/\(linkName)")
        return token
    }

    /// A file whose first word is shorter than 16 bytes is refused (`EINVAL`), and left as it is.
    private static func loaded(from path: String) throws(FileError) -> OwnerToken {
        do throws(FileError) {
            let bytes = try FileSystem.read(path, maximumBytes: 4_096)
            let text = String(decoding: bytes, as: UTF8.self)
            guard let token = text.split(whereSeparator: \.isWhitespace).first,
                token.utf8.count >= 16
            else { throw FileError(operation: "read token", path: path, code: .invalidArgument) }
            return OwnerToken(text: String(token))
        } catch {
            // There is none at the first start.
            guard error.code == .noSuchFile else { throw error }
        }
        let token = OwnerToken(text: hexadecimal(RandomBytes.make(32)))
        try FileSystem.write(Array("\(token.text)\n".utf8).span, atomicallyTo: path, mode: 0o600)
        return token
    }

    /// The value of an `Authorization` header that presents it.
    public var header: String { "Bearer \(text)" }

    /// Hides the token, so that no log shows it by accident.
    public var description: String { "OwnerToken(hidden)" }
}

/// Two lower-case digits a byte.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: text, as: UTF8.self)
}
