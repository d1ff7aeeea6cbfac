import Delivery
import Glibc

/// What it costs to hand a message on, as processor time of the shards; exit code 1 when a threshold is
/// passed.
///
/// `DeliveryBenchmark [MESSAGES] [SUBSCRIBERS]`: by default 100000 messages, and 1000 subscribers of one.
@main
struct DeliveryBenchmark {
    nonisolated static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst().map { Int($0) ?? 0 }
        guard arguments.allSatisfy({ $0 > 0 }), arguments.count <= 2 else {
            print("DeliveryBenchmark [MESSAGES] [SUBSCRIBERS]")
            exit(2)
        }
        let figures = try await DeliveryMeasurement.run(
            messages: arguments.first ?? 100_000,
            subscribers: arguments.count > 1 ? arguments[1] : 1_000
        )
        print("| processor time of the shards | us | against the first | at most |")
        print("|---|---|---|---|")
        for figure in figures {
            print(
                "| \(figure.name) | \(rounded(figure.microseconds)) | \(rounded(figure.ratio)) "
                    + "| \(rounded(figure.threshold)) |")
        }
        guard figures.allSatisfy({ $0.isReached }) else { exit(1) }
    }

    private static func rounded(_ value: Double) -> String {
        "\((value * 100).rounded() / 100)"
    }
}
