import Linux

/// Who is at work while a gateway is killed, and who is away.
struct CrashClients {
    let publishers: [CrashPublisher]
    let present: [CrashSubscriber]
    let away: [CrashSubscriber]

    var subscribers: [CrashSubscriber] { present + away }

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
