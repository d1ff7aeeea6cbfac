/// Topics that a device uses, as its maker names them: a topic filter in which `${pk}` and `${dk}` stand for the device's
/// own names, also several of them in one level, and `${clientId}`, alone in its level, for the client identifier that it
/// has connected with. 1 to 256 bytes of UTF-8.
public struct TopicPattern: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    /// The most bytes of one.
    public static let maximumLength = 256

    /// Why a text is no pattern.
    public enum Fault: Error, Hashable, Sendable, CustomStringConvertible {
        case length
        case character
        case reserved
        case unknownVariable(String)
        case multiLevelWildcard
        case singleLevelWildcard
        case clientIdentifier

        public var description: String {
            switch self {
            case .length: "a pattern has 1 to \(TopicPattern.maximumLength) bytes"
            case .character: "a pattern has no control characters"
            case .reserved:
                "topics that begin with $ are the server's, and those below d/ are open to each device as they are"
            case .unknownVariable(let name):
                "there is no ${\(name)}: a pattern may hold ${pk}, ${dk} and ${clientId}"
            case .multiLevelWildcard: "# stands alone in the last level"
            case .singleLevelWildcard: "+ stands alone in its level"
            case .clientIdentifier: "${clientId} stands alone in its level"
            }
        }
    }

    public init(_ text: String) throws(Fault) {
        guard (1...Self.maximumLength).contains(text.utf8.count) else { throw .length }
        guard text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
            throw .character
        }
        self.text = text
        let program = try Self.program(of: text)
        guard program[0] != UInt8(ascii: "$"), text != "d", !text.hasPrefix("d/") else {
            throw .reserved
        }
        let levels = program.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for (place, level) in levels.enumerated() {
            if level.contains(UInt8(ascii: "#")), level.count > 1 || place + 1 < levels.count {
                throw .multiLevelWildcard
            }
            if level.contains(UInt8(ascii: "+")), level.count > 1 { throw .singleLevelWildcard }
            if level.contains(Self.clientByte), level.count > 1 { throw .clientIdentifier }
        }
    }

    public var description: String { text }

    /// What stands in `program` for `${pk}`, for `${dk}` and for `${clientId}`: bytes that no pattern has.
    public static let productByte: UInt8 = 1
    public static let deviceByte: UInt8 = 2
    public static let clientByte: UInt8 = 3

    /// The text in UTF-8, each variable one byte.
    public var program: [UInt8] {
        do throws(Fault) {
            return try Self.program(of: text)
        } catch {
            preconditionFailure("the text was found to be a pattern")
        }
    }

    private static func program(of text: String) throws(Fault) -> [UInt8] {
        var program: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.first {
            guard byte == UInt8(ascii: "$"), rest.dropFirst().first == UInt8(ascii: "{") else {
                program.append(byte)
                rest = rest.dropFirst()
                continue
            }
            let end = rest.firstIndex(of: UInt8(ascii: "}")) ?? rest.endIndex
            let name = String(decoding: rest[(rest.startIndex + 2)..<end], as: UTF8.self)
            switch name {
            case "pk": program.append(productByte)
            case "dk": program.append(deviceByte)
            case "clientId": program.append(clientByte)
            default: throw .unknownVariable(name)
            }
            rest = rest[min(end + 1, rest.endIndex)...]
        }
        return program
    }
}
