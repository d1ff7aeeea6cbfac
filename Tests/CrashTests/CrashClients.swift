import Linux

/// Who is at work while a gateway is killed, and who is away.
struct CrashClients {
    let publishers: [CrashPublisher]
    let present: [CrashSubscriber]
    let away: [CrashSubscriber]

    var subscribers: [CrashSubscriber] { present + away }

    /// How many messages the publishers were told are taken.
    var acknowledged: Int { publishers.reduce(0) { $0 + $1.acknowledged.count } }

    /// What is wrong once all subscribers have drained: acknowledged messages that one of them has not
    /// got, messages of QoS 2 that came twice, and what the clients met.
    var findings: [String] {
        let acknowledged = publishers.flatMap(\.acknowledged)
        return publishers.flatMap(\.complaints)
            + subscribers.flatMap { subscriber in
                let counts = subscriber.counts
                let due = subscriber.publisher.map { name in
                    acknowledged.filter { $0.hasPrefix("\(name) ") }
                }
                let lost = (due ?? acknowledged).filter { counts[$0] == nil }
                let twice = counts.filter { $0.value > 1 && $0.key.hasSuffix("exactlyOnce") }
                return lost.map { "\(subscriber.name) lost \($0)" }
                    + twice.keys.map { "\(subscriber.name) got \($0) twice" }
                    + subscriber.complaints
            }
    }

    /// Starts a thread for each that is at work.
    func start(_ port: UInt16, _ witness: Witness) throws -> [Thread] {
        var threads: [Thread] = []
        for publisher in publishers {
            threads.append(try Thread(name: "publisher") { publisher.run(port, witness) })
        }
        for subscriber in present {
            threads.append(try Thread(name: "subscriber") { subscriber.run(port, witness) })
        }
        return threads
    }
}
