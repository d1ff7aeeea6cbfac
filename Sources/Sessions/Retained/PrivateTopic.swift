/// Names under which the gateway keeps records of its own among retained messages.
///
/// No client can publish to one, or subscribe to it: its second byte is in no text of UTF-8 ([MQTT-1.5.4-1]). Nor does
/// `#` match it, as it begins with `$` ([MQTT-4.7.2-1]).
public enum PrivateTopic {
    private static let mark: [UInt8] = [UInt8(ascii: "$"), 0xFF]

    /// - Parameter levels: joined by slashes.
    public static func name(_ levels: String) -> [UInt8] { mark + Array(levels.utf8) }

    static func includes(_ topic: [UInt8]) -> Bool { topic.starts(with: mark) }
}
