import Bytes
import Ledger

/// What a device says of an upgrade, by `sys/ota/progress` or `sys/ota/outcome`: a JSON object (RFC 8259) of texts, numbers,
/// true, false and null. Members that are not known are passed over.
struct DeviceReport: Equatable {
    private(set) var id: String?
    private(set) var percent: Int?
    private(set) var outcome: String?
    private(set) var detail: String?

    /// In bytes, of the payload.
    static let maximumBytes = 4_096

    /// `nil` when the bytes are no such object.
    init?(_ payload: Span<UInt8>) {
        guard payload.count <= Self.maximumBytes else { return nil }
        // Nothing is in the object that has members of its own.
        var reader = JSONValueReader(payload.bytesArray, depthMaximum: 1)
        guard case .object(let members)? = try? reader.whole() else { return nil }
        for member in members {
            let name = String(decoding: member.name, as: UTF8.self)
            switch member.value {
            case .string(let text): note(name, String(decoding: text, as: UTF8.self))
            case .word(let word):
                if name == "percent" { percent = Int(String(decoding: word, as: UTF8.self)) }
            case .null, .array, .object: break
            }
        }
    }

    private mutating func note(_ name: String, _ text: String) {
        if name == "id" { id = text }
        if name == "outcome" { outcome = text }
        if name == "detail" { detail = text }
    }
}
