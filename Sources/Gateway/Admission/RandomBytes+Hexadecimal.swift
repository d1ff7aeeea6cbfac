import Bytes
import Linux
import TLS

extension RandomBytes {
    /// `count` random bytes as twice as many hexadecimal digits.
    static func hexadecimal(_ count: Int) -> String {
        var digits = ByteBuffer()
        Hexadecimal.append(make(count).span, to: &digits)
        return digits.span.text ?? ""
    }
}
