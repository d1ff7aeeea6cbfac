import Bytes
import Cryptography
import Linux
import TLS

/// What the keys of session tickets are derived from: 64 hexadecimal digits in a file of their own. Gateways with the
/// same one open each other's tickets.
public struct TicketSecret: Sendable, CustomStringConvertible {
    let bytes: [UInt8]

    /// Of a secrets directory; `nil` when it has no such file.
    public init?(in secrets: SecretsDirectory) throws(GatewayError) {
        let file = secrets.ticketFile
        let content: [UInt8]
        do throws(FileError) {
            content = try FileSystem.read(file, maximumBytes: 4_096)
        } catch {
            if error.code == .noSuchFile { return nil }
            throw .file(error)
        }
        let word = content.prefix { $0 > UInt8(ascii: " ") }
        var decoded = ByteBuffer()
        guard Hexadecimal.decode(Array(word).span, into: &decoded),
            decoded.count == TicketKeys.secretLength
        else {
            throw .secrets(
                SecretsProblem(
                    path: file,
                    reason: "has to be 64 hexadecimal digits; put the right file back, or remove it"
                ))
        }
        bytes = (0..<decoded.count).map { decoded.span[$0] }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// A random one, which no file has.
    static func made() -> TicketSecret {
        TicketSecret(bytes: RandomBytes.make(TicketKeys.secretLength))
    }

    /// Reads it, or makes the file (mode 0600) when there is none.
    public static func opened(in secrets: SecretsDirectory) throws(GatewayError) -> TicketSecret {
        if let kept = try TicketSecret(in: secrets) { return kept }
        let made = made()
        let line = Array("\(Hexadecimal.text(of: made.bytes.span))\n".utf8)
        do throws(FileError) {
            try FileSystem.write(line.span, atomicallyTo: secrets.ticketFile, mode: 0o600)
        } catch {
            throw .file(error)
        }
        return made
    }

    /// 64 hexadecimal digits. Gateways that have the same have the same secret, which can't be found from it.
    public var fingerprint: String {
        var hash = SHA256()
        hash.update(Array("tollgate ticket key\n".utf8).span)
        hash.update(bytes.span)
        let digest = hash.finalize()
        return Hexadecimal.text(of: digest.span)
    }

    /// Hides the secret, so that no log shows it by accident.
    public var description: String { "TicketSecret(hidden)" }
}
