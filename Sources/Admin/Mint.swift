import Cryptography
import Gateway

/// Makes the ids and secrets that commands carry.
///
/// Without an idempotency key they are random. With one they are derived from it (HMAC-SHA-256 under
/// the mint key), so that the same request makes the same command again, and its answer the
/// first time and every other time are the same (rule A8).
struct Mint: Sendable {
    private let seed: String?
    private let key: String
    private var count: UInt32 = 0

    init(key: MintKey, actor: String, idempotencyKey: String?) {
        self.key = key.text
        seed = idempotencyKey.map { "\(actor)\n\($0)" }
    }

    private static let letters = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    /// `length` letters and digits, at most 40; about 5.9 bits each.
    mutating func text(_ length: Int) -> String {
        let letters = Self.letters
        var text: [UInt8] = []
        while text.count < length {
            // 248 is the greatest multiple of 62 in a byte: no letter is more likely than another.
            for byte in block() where byte < 248 && text.count < length {
                text.append(letters[Int(byte) % letters.count])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// 32 letters and digits: 190 bits.
    mutating func secret() -> Secret {
        guard let secret = Secret(text(32)) else { preconditionFailure("letters are a secret") }
        return secret
    }

    /// A webhook's secret, as Standard Webhooks has them: `whsec_` and 32 bytes in Base64.
    mutating func webhookSecret() -> Secret {
        guard let secret = Secret(WebhookSignature.prefix + Base64.encoded(block())) else {
            preconditionFailure("Base64 is a secret")
        }
        return secret
    }

    private mutating func block() -> [UInt8] {
        defer { count += 1 }
        guard let seed else { return RandomBytes.make(32) }
        var code = HMACSHA256(key: Array(key.utf8).span)
        code.update(Array("tollgate mint\n\(count)\n\(seed)".utf8).span)
        let digest = code.finalize()
        return (0..<SHA256Digest.length).map { digest.span[$0] }
    }
}
