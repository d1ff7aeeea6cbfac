import Cryptography
public import Gateway
public import Linux

/// The key from which the ids and secrets of requests with an idempotency key are derived, so that a repeated
/// request makes the same ones: at each gateway that has the same key.
public struct MintKey: Equatable, Sendable, CustomStringConvertible {
    let text: String

    init(text: String) { self.text = text }

    /// Reads the key, or makes the file (mode 0600) when there is none.
    ///
    /// Programs that knew no mint key derived from the owner's token: where there is one, it is what the file begins
    /// with, so that what they were asked makes the same ids still. So it has to be called before the token is
    /// made.
    public static func loaded(from secrets: SecretsDirectory) throws(MintKeyProblem) -> MintKey {
        let (kept, token): (String?, String?)
        do throws(FileError) {
            kept = try SecretWord.kept(in: secrets.mintFile)
            token = try SecretWord.kept(in: secrets.tokenFile)
        } catch {
            throw .file(error)
        }
        let text = kept ?? token ?? SecretWord.made()
        guard text.utf8.count >= SecretWord.minimumBytes else {
            throw kept == nil
                ? .token(.tooShort(path: secrets.tokenFile)) : .tooShort(path: secrets.mintFile)
        }
        guard kept == nil else { return MintKey(text: text) }
        do throws(FileError) {
            try SecretWord.keep(text, in: secrets.mintFile)
        } catch {
            throw .file(error)
        }
        return MintKey(text: text)
    }

    /// Of the key that is there; `nil` when there is none. Gateways that have the same have the same key, and the key
    /// can't be found from it.
    public static func fingerprint(
        in secrets: SecretsDirectory
    ) throws(MintKeyProblem) -> String? {
        do throws(FileError) {
            return try SecretWord.kept(in: secrets.mintFile).map { MintKey(text: $0).fingerprint }
        } catch {
            throw .file(error)
        }
    }

    /// 64 hexadecimal digits.
    public var fingerprint: String {
        let digest = SHA256.hash(Array("tollgate mint key\n\(text)".utf8).span)
        return hexadecimal((0..<SHA256Digest.length).map { digest.span[$0] })
    }

    /// Hides the key, so that no log shows it by accident.
    public var description: String { "MintKey(hidden)" }
}

/// Why there is no mint key.
public enum MintKeyProblem: Error, Equatable, CustomStringConvertible {
    case file(FileError)

    /// The owner's token, which it would begin with, can't be used.
    case token(OwnerTokenProblem)

    /// The file is left as it is.
    case tooShort(path: String)

    public var description: String {
        switch self {
        case .file(let error): "\(error)"
        case .token(let problem): "\(problem)"
        case .tooShort(let path):
            "\(path): the mint key has \(SecretWord.minimumBytes) characters at least; put the right "
                + "file back, or remove it: requests from before are then answered with other secrets"
        }
    }
}
