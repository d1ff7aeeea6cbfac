import Foundation

/// Files of gateways.
enum GatewayFiles {
    static func makeDirectory(_ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
    }

    static func write(_ text: String, to path: String) throws {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    static func copy(_ path: String, to other: String) throws {
        try? FileManager.default.removeItem(atPath: other)
        try FileManager.default.copyItem(atPath: path, toPath: other)
    }
}

/// A part of a JSON document.
struct JSONPart {
    private let value: Any?

    init(_ text: String) throws {
        value = try JSONSerialization.jsonObject(with: Data(text.utf8))
    }

    private init(value: Any?) { self.value = value }

    subscript(_ name: String) -> JSONPart {
        JSONPart(value: (value as? [String: Any])?[name])
    }

    var number: Int? { value as? Int }
    var text: String? { value as? String }

    /// Anything but `null`.
    var isThere: Bool { value != nil && !(value is NSNull) }
}
