import Bytes
public import Cryptography
import Gateway
import Ledger
import Time

/// What it costs to check a device's token at its CONNECT, beside what every CONNECT costs.
public enum TokenMeasurement {
    // Made by PyJWT with the keys of RFC 7515, A.3, and RFC 8037, A.1, at this time and for an hour.
    private static let time = Timestamp(seconds: 1_728_043_200)
    private static let ofP256 =
        "eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIiwidHlwIjoiSldUIn0"
        + ".eyJzdWIiOiJsYW1wLmQxIiwiYXVkIjoibGFtcCIsImlhdCI6MTcyODA0MzIwMCwiZXhwIjoxNzI4MDQ2ODAwfQ"
        + ".YgP6xSwccG-1uFI0fBrPTs-RJX66PvmKd2_pLg7n3wDt4kY12P8DbAhdjrmOz8c3oSDSc8bbEBoKHHcTH9BJ9A"
    private static let ofEdwards =
        "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIiwidHlwIjoiSldUIn0"
        + ".eyJzdWIiOiJsYW1wLmQxIiwiYXVkIjoibGFtcCIsImlhdCI6MTcyODA0MzIwMCwiZXhwIjoxNzI4MDQ2ODAwfQ"
        + ".s3JhAKPA_WHpzMe0qAk8jJjRi-Decn6h4M9q8BbT2dVcxGCJaDpQgypoq3RrdD4lUPrdUsgkAJrR32ybILWbCw"

    /// Nanoseconds for a token, and for its signature alone.
    public static func nanoseconds(
        of kind: SignatureKey.Kind, rounds: Int = 2_000
    ) throws -> (token: Double, signature: Double) {
        let (text, bytes) =
            switch kind {
            case .p256:
                (
                    ofP256,
                    [0x04] + decoded("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")
                        + decoded("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")
                )
            case .ed25519: (ofEdwards, decoded("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))
            }
        guard let key = SignatureKey(kind, bytes), let product = ProductKey("lamp"),
            let device = DeviceKey("d1")
        else { preconditionFailure("the standards' keys are keys") }
        let identity = DeviceIdentity(product: product, device: device)
        let password = Array(text.utf8)
        var right = 0
        let whole = ProcessorTime.least(of: 5) {
            for _ in 0..<rounds {
                guard let token = WebToken(password.span), token.signing() != nil,
                    let signature = token.signatureBytes(),
                    key.isSignature(signature.span, of: token.signed),
                    let claims = token.content(), claims.isAbout(identity, for: "lamp"),
                    claims.isTimely(at: time)
                else { continue }
                right += 1
            }
        }
        precondition(right == 5 * rounds, "the token is good")
        let parts = text.split(separator: ".")
        let signature = decoded(String(parts[2]))
        let signed = Array("\(parts[0]).\(parts[1])".utf8)
        let alone = ProcessorTime.least(of: 5) {
            for _ in 0..<rounds where !key.isSignature(signature.span, of: signed.span) {
                preconditionFailure("the signature is right")
            }
        }
        return (Double(whole) / Double(rounds), Double(alone) / Double(rounds))
    }

    private static func decoded(_ text: String) -> [UInt8] { Base64URL.decoded(text) ?? [] }
}
