import MQTT
import Testing

/// Where a rule is tried: in which version of the protocol, with how many shards.
struct Place: Sendable, CustomTestStringConvertible {
    let version: ProtocolVersion
    let shards: Int

    static let all = [v3, v5].flatMap { $0 }
    static let v3 = [Place(version: .v3_1_1, shards: 1), Place(version: .v3_1_1, shards: 4)]
    static let v5 = [Place(version: .v5, shards: 1), Place(version: .v5, shards: 4)]

    var testDescription: String { "\(version), shards: \(shards)" }
}
