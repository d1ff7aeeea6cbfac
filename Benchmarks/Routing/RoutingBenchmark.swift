import Glibc
import Cryptography
import RoutingLoad

/// Who gets a message, what the packets for many receivers cost, and what retained messages cost to
/// find. CPU time of the one thread that does it.
///
/// `RoutingBenchmark DIRECTORY RETAINED`: makes so many retained messages in the directory, unless it
/// has made them before, and leaves them there. 1,000,000 take some 250 MB.
@main
struct RoutingBenchmark {
    nonisolated static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let count = Int(arguments[2]), count >= 1_000 else {
            print("RoutingBenchmark DIRECTORY RETAINED")
            exit(2)
        }
        matching()
        try ownTopics()
        try tokens()
        print("a message held to two rates: \(rounded(try RateMeasurement.nanoseconds())) ns")
        try fanOut()
        try retained(arguments[1], count)
    }

    nonisolated static func matching() {
        for subscriptions in [100, 100_000, 1_000_000] {
            let one = MatchingMeasurement.nanosecondsOfOne(among: subscriptions)
            print("one receiver among \(subscriptions) filters: \(rounded(one)) ns")
        }
        for (filters, identifier) in [(1, 0), (3, 0), (3, 5)] as [(Int, UInt32)] {
            let each = MatchingMeasurement.nanosecondsOfEach(
                of: 1_000, overlapping: filters, identifier: identifier)
            let identified = identifier == 0 ? "" : " with subscription identifiers"
            print("1,000 receivers, \(filters) filters each\(identified): \(rounded(each)) ns each")
        }
        for members in [2, 100] {
            let (one, spread) = MatchingMeasurement.nanosecondsOfShare(members: members)
            print("a share of \(members): \(rounded(one)) ns, at most \(spread) messages apart")
        }
    }

    nonisolated static func ownTopics() throws {
        for count in [1, 8, 32] {
            let nanoseconds = try OwnTopicMeasurement.nanoseconds(patterns: count)
            print(
                "a topic of a device's own, the last of \(count) patterns: \(rounded(nanoseconds)) ns"
            )
        }
    }

    nonisolated static func tokens() throws {
        for (kind, name) in [(SignatureKey.Kind.p256, "ES256"), (.ed25519, "EdDSA")] {
            let (token, signature) = try TokenMeasurement.nanoseconds(of: kind)
            print(
                "a device's token of \(name): \(rounded(token)) ns, of that its signature \(rounded(signature)) ns"
            )
        }
    }

    nonisolated static func fanOut() throws {
        for size in [64, 1_024] {
            let (once, anew) = try FanOutMeasurement.nanoseconds(receivers: 1_000, payload: size)
            print(
                """
                PUBLISH of \(size) B for 1,000 receivers: \(rounded(once)) ns each encoded once, \
                \(rounded(anew)) ns each encoded anew
                """
            )
        }
    }

    nonisolated static func retained(_ directory: String, _ count: Int) throws {
        unsafe mkdir(directory, 0o700)
        let measurement = try RetainedMeasurement(directory: directory, count: count)
        for figure in try measurement.figures() {
            let microseconds = rounded(figure.microseconds)
            print("\(figure.filter) among \(count): \(figure.messages) in \(microseconds) us")
        }
        print("replacing one: \(rounded(try measurement.replacing(10_000))) us")
    }

    /// With one decimal.
    nonisolated static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }
}
