import Cryptography
import Processes
import RoutingLoad
import TestFiles
import Testing

/// The benchmarks of `Benchmarks/Routing`, with less to do.
@Suite(.computes) struct RoutingMeasurementTests {
    @Test("What matching costs does not grow with the number of subscriptions")
    func matching() {
        let few = MatchingMeasurement.nanosecondsOfOne(among: 100, topics: 100)
        let many = MatchingMeasurement.nanosecondsOfOne(among: 100_000, topics: 100)
        print("topic matching: \(few) ns among 100, \(many) ns among 100,000")
        // A thousand times as many; what is allowed for is memory further away.
        #expect(many < 10 * few)
    }

    @Test("Patterns that begin alike are read about once, however many they are")
    func ownTopics() throws {
        let one = try OwnTopicMeasurement.nanoseconds(patterns: 1, rounds: 2_000)
        let all = try OwnTopicMeasurement.nanoseconds(patterns: 32, rounds: 2_000)
        print("topics of a device's own: \(one) ns with 1 pattern, \(all) ns with 32")
        // Each of them read anew would be 32 times as much.
        #expect(all < 10 * one)
    }

    @Test("A token's cost is that of its signature, about", arguments: SignatureKey.Kind.allCases)
    func tokens(kind: SignatureKey.Kind) throws {
        let (token, signature) = try TokenMeasurement.nanoseconds(of: kind, rounds: 20)
        print("a device's token of \(kind): \(token) ns, of that its signature \(signature) ns")
        // Without optimization reading it costs as much again, and more.
        #expect(signature <= token && token < 20 * signature)
    }

    @Test("What many receivers cost grows with their number only")
    func receivers() {
        let few = MatchingMeasurement.nanosecondsOfEach(of: 10, overlapping: 3, identifier: 5)
        let many = MatchingMeasurement.nanosecondsOfEach(of: 5_000, overlapping: 3, identifier: 5)
        print("overlapping receivers: \(few) ns each of 10, \(many) ns each of 5,000")
        #expect(many < 10 * few)
        let share = MatchingMeasurement.nanosecondsOfShare(members: 7, messages: 700)
        #expect(share.spread == 0)
    }

    @Test("Packets for many receivers are the same as those encoded anew")
    func fanOut() throws {
        let (once, anew) = try FanOutMeasurement.nanoseconds(
            receivers: 50, payload: 64, rounds: 3)
        #expect(once > 0 && anew > 0)
    }

    @Test("Retained messages are found by what the filter says, and the books agree")
    func retained() throws {
        let directory = TemporaryDirectory()
        let measurement = try RetainedMeasurement(directory: directory.path, count: 3_000)
        let figures = try measurement.figures(rounds: 1)
        #expect(figures.map(\.messages) == [100, 0, 1_000, 3, 1, 0, 1_000])
        #expect(try measurement.replacing(100) > 0)
        #expect(try measurement.verify() == [])
    }
}
