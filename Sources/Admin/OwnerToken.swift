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
    ) throws(OwnerTokenProblem) -> OwnerToken {
        let text: String
        do throws(FileError) {
            if let kept = try kept(in: secrets.tokenFile) {
                text = kept
            } else {
                text = try made(in: secrets.tokenFile)
            }
            let target = FileSystem.resolved(secrets.tokenFile)
            try FileSystem.link(target, atomicallyAt: "\(data)/\(linkName)")
        } catch {
            throw .file(error)
        }
        guard text.utf8.count >= minimumBytes else { throw .tooShort(path: secrets.tokenFile) }
        return OwnerToken(text: text)
    }

    static var minimumBytes: Int { 16 }

    /// The file's first word; `nil` when there is no file, as at the first start.
    private static func kept(in path: String) throws(FileError) -> String? {
        do throws(FileError) {
            let bytes = try FileSystem.read(path, maximumBytes: 4_096)
            let text = String(decoding: bytes, as: UTF8.self)
            return text.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
        } catch {
            guard error.code == .noSuchFile else { throw error }
            return nil
        }
    }

    private static func made(in path: String) throws(FileError) -> String {
        let text = hexadecimal(RandomBytes.make(32))
        try FileSystem.write(Array("\(text)\n".utf8).span, atomicallyTo: path, mode: 0o600)
        return text
    }

    /// The value of an `Authorization` header that presents it.
    public var header: String { "Bearer \(text)" }

    /// Hides the token, so that no log shows it by accident.
    public var description: String { "OwnerToken(hidden)" }
}

/// Why there is no owner's token.
public enum OwnerTokenProblem: Error, Equatable, CustomStringConvertible {
    case file(FileError)

    /// The file is left as it is.
    case tooShort(path: String)

    public var description: String {
        switch self {
        case .file(let error): "\(error)"
        case .tooShort(let path):
            "\(path): the owner's token has \(OwnerToken.minimumBytes) characters at least; remove "
                + "the file to have one made"
        }
    }
}

/// Two lower-case digits a byte.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: text, as: UTF8.self)
}
