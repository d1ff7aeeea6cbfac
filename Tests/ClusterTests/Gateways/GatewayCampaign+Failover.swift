import Fleet
import Linux
import MQTT
import Support

/// What became of a stored session whose gateway was killed and stayed away.
struct SessionFailover {
    /// From the kill until its client had it at another node, in milliseconds.
    let milliseconds: Int64

    /// Messages that were taken for it, before, meanwhile and afterwards, and those of them that it did not get.
    let taken: Int
    let missing: [Int]
}

extension GatewayCampaign {
    /// Kills the first node under an application that gets what the fleet sends, and has that application find its
    /// session elsewhere.
    func failOver() throws -> SessionFailover {
        let key = try JSONPart(nodes[0].ask("key", "create", "--name", "lasting", "--json"))
        guard let user = key["userName"].text, let secret = key["secret"].text else {
            throw GatewayProcess.Failed(what: "no key")
        }
        // A message is taken as soon as the reader wants it, and each of the fleet's applications is to get its own.
        guard Patience.awaits({ record.now.subscribed.count == nodes.count }) else {
            throw GatewayProcess.Failed(what: "some application has not subscribed")
        }
        let reader = LastingReader(
            as: TestCredentials(clientID: "lasting", userName: user, password: secret),
            GatewayPlaces(nodes: nodes.map { ($0.host, $0.port) }))
        try reader.begin(at: 0)
        let first = record.number()
        guard try Patience.awaits({ try isFollowed() }) else {
            throw GatewayProcess.Failed(what: "the sessions of some node are on no other one")
        }
        for _ in 0..<50 { try reader.read() }
        nodes[0].kill()
        let kill = MonotonicInstant.now()
        noteTrouble(forMilliseconds: 20_000)
        while try !reader.resume(at: 1) {
            guard MonotonicInstant.now().milliseconds(since: kill) < 60_000 else {
                throw GatewayProcess.Failed(what: "the session is not found")
            }
        }
        let milliseconds = MonotonicInstant.now().milliseconds(since: kill)
        for _ in 0..<50 { try reader.read() }
        try nodes[0].start()
        try settle()
        _ = Patience.awaits { record.now.resting.count == Self.devices }
        func awaited() -> [Int] {
            record.now.uplinks.filter {
                $0.key > first && $0.value.isTaken && $0.value.application == 0
            }
            .map(\.key)
        }
        let end = MonotonicInstant.now().adding(milliseconds: 20_000)
        while !reader.numbers.isSuperset(of: awaited()), MonotonicInstant.now() < end {
            try reader.read()
        }
        return SessionFailover(
            milliseconds: milliseconds, taken: awaited().count,
            missing: Set(awaited()).subtracting(reader.numbers).sorted())
    }

    private func isFollowed() throws -> Bool {
        let lines = try nodes[1].ask("cluster", "status").split(separator: "\n")
        return lines.count { $0.contains(" at n") && !$0.contains("now at") } == nodes.count
    }
}

/// An application with a stored session, which goes where it finds it.
private final class LastingReader {
    private let credentials: TestCredentials
    private let places: GatewayPlaces
    private var client: TestClient?

    /// What it has got.
    private(set) var numbers: Set<Int> = []

    init(as credentials: TestCredentials, _ places: GatewayPlaces) {
        self.credentials = credentials
        self.places = places
    }

    func begin(at node: Int) throws(TestClientError) {
        _ = try connect(node)
        try client?.subscribe("d/RACE/+/up/a0", qos: .atLeastOnce)
    }

    /// False when it is not let in.
    func resume(at node: Int) throws -> Bool {
        let isPresent: Bool
        do throws(TestClientError) {
            isPresent = try connect(node)
        } catch {
            return false
        }
        guard isPresent else { throw GatewayProcess.Failed(what: "the session is gone") }
        return true
    }

    private func connect(_ node: Int) throws(TestClientError) -> Bool {
        let client = try places.client(node)
        client.patienceSeconds = 30
        let answer = try client.connect(as: credentials, isCleanStart: false) {
            $0.sessionExpiryInterval(seconds: 100_000)
        }
        self.client = client
        return answer.isSessionPresent
    }

    /// What comes within a tenth of a second; it is acknowledged.
    func read() throws(TestClientError) {
        do throws(TestClientError) {
            while let packet = try client?.next(seconds: 0.1) {
                if case .publish(let message) = packet, let number = Int(message.text) {
                    numbers.insert(number)
                    return
                }
            }
        } catch .timedOut {}
    }
}
