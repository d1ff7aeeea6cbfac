public import Gateway
public import Linux

/// The token of the gateway's owner, in a file that only its user can read.
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
            if let kept = try SecretWord.kept(in: secrets.tokenFile) {
                text = kept
            } else {
                text = SecretWord.made()
                try SecretWord.keep(text, in: secrets.tokenFile)
            }
            let target = FileSystem.resolved(secrets.tokenFile)
            try FileSystem.link(target, atomicallyAt: "\(data)/\(linkName)")
        } catch {
            throw .file(error)
        }
        guard text.utf8.count >= SecretWord.minimumBytes else {
            throw .tooShort(path: secrets.tokenFile)
        }
        return OwnerToken(text: text)
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
            "\(path): the owner's token has \(SecretWord.minimumBytes) characters at least; remove "
                + "the file to have one made"
        }
    }
}
