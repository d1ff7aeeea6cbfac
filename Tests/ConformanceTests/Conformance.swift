import Processes
import Support
import Testing

/// What the two standards demand of a server, each test named by the statements that it shows: those of
/// MQTT 5.0 by their numbers alone, those of 3.1.1 with "of 3.1.1" behind.
///
/// All share two gateways, with one shard and with four; each test has a `Room` in one of them.
@Suite(.serialized, .waits, .gateways) enum Conformance {
    @TaskLocal static var gateways: [Int: TestGateway] = [:]
}
