import Bytes
import MQTT

/// The bytes that `body` appends.
func bytes(_ body: (inout ByteBuffer) -> Void) -> [UInt8] {
    var buffer = ByteBuffer()
    body(&buffer)
    return array(buffer.span)
}

/// A copy of borrowed bytes.
func array(_ span: Span<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    for index in span.indices { result.append(span[index]) }
    return result
}

/// The same, or nil where there are none.
func arrayIfPresent(_ span: Span<UInt8>?) -> [UInt8]? {
    guard let span else { return nil }
    return array(span)
}

/// Borrowed UTF-8 as text; nil where there is none.
func text(_ span: Span<UInt8>?) -> String? {
    guard let span else { return nil }
    return String(decoding: array(span), as: UTF8.self)
}

/// The rule that decoding breaks, or nil.
func violation(_ body: () throws(DecodingError) -> Void) -> Violation? {
    do throws(DecodingError) {
        try body()
        return nil
    } catch {
        return error.violation
    }
}

/// A string with its length, as MQTT writes it.
func counted(_ text: String) -> [UInt8] {
    let utf8 = Array(text.utf8)
    return [UInt8(utf8.count >> 8), UInt8(utf8.count & 0xFF)] + utf8
}
