import ArgumentParser
import Load
import MQTT

struct ConnectCommand: ScenarioCommand {
    static let configuration = CommandConfiguration(
        commandName: "connect",
        abstract: "Connects and leaves, again and again.")

    @Option(help: "Connections in all.") var count = 10_000
    @Option(help: "At one time.") var concurrency = 64
    @OptionGroup var common: CommonOptions

    var shape: Shape { Shape(scenario: .connect, connections: count, concurrency: concurrency) }
}

struct ActivateCommand: ScenarioCommand {
    static let configuration = CommandConfiguration(
        commandName: "activate",
        abstract: "Connects each device of a fleet once: first connections consume a code.")

    @Option(help: "Devices, from --first on.") var count = 1_000
    @Option(help: "At one time.") var concurrency = 256
    @OptionGroup var common: CommonOptions

    var shape: Shape { Shape(scenario: .activate, connections: count, concurrency: concurrency) }
}

struct IdleCommand: ScenarioCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle",
        abstract: "Opens connections and holds them: the server's memory for each.",
        discussion: "--rate is of connections that are opened, a second.")

    @Option(help: "Clients.") var count = 10_000
    @Option(help: "Seconds that they are held.") var seconds = 15.0
    @Option(help: "The most that are being opened at one time.") var concurrency = 256
    @OptionGroup var common: CommonOptions

    var shape: Shape {
        Shape(scenario: .idle, connections: count, concurrency: concurrency, seconds: seconds)
    }
}

struct StormCommand: ScenarioCommand {
    static let configuration = CommandConfiguration(
        commandName: "storm",
        abstract: "Opens connections, drops them all, and has them come back at once.",
        discussion: """
            A client that is turned away tries again within a second. Latencies count from the drop. --rate is of \
            connections that are opened before it, a second.
            """)

    @Option(help: "Clients.") var count = 10_000
    @Option(help: "The most that are being opened at one time, before.") var concurrency = 256
    @OptionGroup var common: CommonOptions

    var shape: Shape { Shape(scenario: .storm, connections: count, concurrency: concurrency) }
}

/// What messages are like.
struct MessageOptions: ParsableArguments {
    @Option(help: "Quality of service: 0, 1 or 2.") var qos = 1
    @Option(help: "Bytes of a message's payload.") var size = 64
    @Option(help: "Messages under way on a connection; of QoS 0, written at one time.")
    var window = 1
    @Option(
        help: """
            Topic: %d is a client's number, %P and %D a device's keys. Default: d/%P/%D/up/t, or load/%d without a \
            fleet.
            """)
    var topic: String?
    @Option(help: "The most that are being opened at one time, before.") var concurrency = 256

    func complete(_ plan: inout LoadPlan) throws(Failure) {
        guard let level = UInt8(exactly: qos), let qos = QoS(rawValue: level) else {
            throw Failure(text: "--qos must be 0, 1 or 2, not \(qos)", code: 2)
        }
        plan.qos = qos
        plan.payloadBytes = size
        plan.window = window
    }
}

struct PublishCommand: ScenarioCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Opens connections and publishes over them.",
        discussion: "--rate is of messages a second, over all clients.")

    @Option(help: "Clients.") var count = 50
    @Option(help: "Seconds of publishing.") var seconds = 10.0
    @OptionGroup var messages: MessageOptions
    @OptionGroup var common: CommonOptions

    var shape: Shape {
        Shape(
            scenario: .publish, connections: count, concurrency: messages.concurrency,
            seconds: seconds, topic: messages.topic)
    }

    func complete(_ plan: inout LoadPlan) throws(Failure) { try messages.complete(&plan) }
}

struct SoakCommand: ScenarioCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "Publishes for long, while clients leave and come back.",
        discussion: """
            A client that the server drops is counted, and comes back. --rate is of messages a second, over all \
            clients: 1,000 unless you give one.
            """)

    @Option(help: "Clients.") var count = 1_000
    @Option(help: "Seconds of publishing.") var seconds = 3_600.0
    @Option(help: "Clients a second that leave and come back.") var reconnects = 10.0
    @OptionGroup var messages: MessageOptions
    @OptionGroup var common: CommonOptions

    var shape: Shape {
        Shape(
            scenario: .soak, connections: count, concurrency: messages.concurrency,
            seconds: seconds, topic: messages.topic)
    }

    func complete(_ plan: inout LoadPlan) throws(Failure) {
        try messages.complete(&plan)
        plan.rate = plan.rate ?? 1_000
        plan.reconnectsPerSecond = reconnects
    }
}
