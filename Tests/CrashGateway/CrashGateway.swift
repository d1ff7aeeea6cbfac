import Gateway
import Glibc
import Linux

/// A process for tests to kill: a gateway that flushes its counters every second.
///
/// `CrashGateway DATA CERTIFICATE KEY [SHARDS [encrypted]]`, by default 2 shards, serves the data directory on free
/// ports of the loopback, prints `ready PLAIN TLS OPEN` with their numbers, and runs until it is killed. The listener
/// without authentication speaks TLS if it is to be `encrypted`.
@main
struct CrashGateway {
    static func main() async throws {
        let arguments = CommandLine.arguments
        precondition(
            arguments.count >= 4, "CrashGateway DATA CERTIFICATE KEY [SHARDS [encrypted]]")
        var configuration = GatewayConfiguration()
        configuration.shards = arguments.count > 4 ? Int(arguments[4]) ?? 2 : 2
        configuration.data = arguments[1]
        configuration.storage.ledgerMapBytes = 1 << 28
        configuration.storage.usageMapBytes = 1 << 28
        configuration.tls.certificate = arguments[2]
        configuration.tls.key = arguments[3]
        configuration.metering.flushIntervalSeconds = 1
        configuration.limits.queueMessages = 1_000_000
        configuration.limits.queueBytes = 1 << 30
        configuration.listeners = [
            GatewayConfiguration.Listener(name: "plain", port: 0, tls: false),
            GatewayConfiguration.Listener(name: "tls", port: 0),
            GatewayConfiguration.Listener(
                name: "open", port: 0, tls: arguments.last == "encrypted", authentication: .none),
        ]
        let gateway = try Gateway.start(configuration)
        let ports = ["plain", "tls", "open"].map { "\(gateway.addresses[$0]?.port ?? 0)" }
        say("ready \(ports.joined(separator: " "))")
        await gateway.upkeep()
    }

    /// One write, so that a line is whole or not there.
    static func say(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        // Safe: `write` reads the array during the call.
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(1, $0.baseAddress, $0.count) }
    }
}
