import Glibc
import Support
import TestFiles
import Testing

/// What a client says in a session, and what it is to hear: the bytes of MQTT 3.1.1, the same for all.
///
/// It subscribes to what it then publishes at QoS 1: 60,000 bytes, which are four records at least, and five bytes.
struct Conversation {
    struct Step {
        let sent: [UInt8]

        /// In any order.
        let answers: [[UInt8]]
    }

    let steps: [Step]

    static let disconnect: [UInt8] = [0xE0, 0]

    init() {
        let name = Self.field("other-stacks")
        let subscribe = Self.packet(0x82, [0, 1] + name + [0])
        steps = [
            Step(
                sent: Self.packet(0x10, Self.field("MQTT") + [4, 2, 0, 60] + name) + subscribe,
                answers: [[0x20, 2, 0, 0], [0x90, 3, 0, 1, 0]]),
            Self.publication(of: Self.large, on: name, packetID: 2),
            Self.publication(of: Array("last\n".utf8), on: name, packetID: 3),
        ]
    }

    /// Text from l to z: no letter that is a command of `openssl s_client`. It ends a line, as `gnutls-cli` looks for
    /// commands behind one only.
    private static var large: [UInt8] {
        (0..<59_999).map { 0x6C + UInt8(($0 + $0 / 15) % 15) } + [0x0A]
    }

    private static func publication(
        of payload: [UInt8],
        on name: [UInt8],
        packetID: UInt8
    ) -> Step {
        Step(
            sent: packet(0x32, name + [0, packetID] + payload),
            answers: [[0x40, 2, 0, packetID], packet(0x30, name + payload)])
    }

    private static func field(_ text: String) -> [UInt8] {
        [0, UInt8(text.utf8.count)] + text.utf8
    }

    private static func packet(_ header: UInt8, _ body: [UInt8]) -> [UInt8] {
        var packet = [header]
        var rest = body.count
        repeat {
            packet.append(UInt8(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0))
            rest >>= 7
        } while rest > 0
        return packet + body
    }
}

// For clients that are programs of ours.
extension Conversation {
    /// Writes a file for each step, and the one that names them, each with how many bytes are to be waited for.
    func write(to directory: TemporaryDirectory) throws -> String {
        var lines = ""
        for (number, step) in steps.enumerated() {
            let path = directory.file("step-\(number)")
            try Self.write(step.sent, to: path)
            lines += "\(path) \(step.answers.map(\.count).reduce(0, +))\n"
        }
        try Self.write(Array(lines.utf8), to: directory.file("steps"))
        return directory.file("steps")
    }

    /// Whether this is what the client is to hear.
    func isHeard(in received: [UInt8]) -> Bool {
        var rest = received[...]
        for step in steps {
            let forwards = step.answers.flatMap { $0 }
            let backwards = step.answers.reversed().flatMap { $0 }
            guard rest.starts(with: forwards) || rest.starts(with: backwards) else { return false }
            rest = rest.dropFirst(forwards.count)
        }
        return rest.isEmpty
    }

    static func write(_ bytes: [UInt8], to path: String) throws {
        let file = unsafe fopen(path, "w")
        try #require(unsafe file != nil)
        // Safe: the array is borrowed for the call.
        #expect(unsafe fwrite(bytes, 1, bytes.count, file) == bytes.count)
        unsafe fclose(file)
    }

    static func read(_ path: String) throws -> [UInt8] {
        let file = unsafe fopen(path, "r")
        try #require(unsafe file != nil, "no file \(path)")
        defer { unsafe fclose(file) }
        // More than is ever received.
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        // Safe: as many bytes as there is room for, at most.
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        return Array(bytes.prefix(count))
    }
}
