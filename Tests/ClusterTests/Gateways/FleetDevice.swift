import Fleet
import Gateway
import Glibc
import Ledger
import Linux
import MQTT
import Support

/// Where gateways take connections.
struct GatewayPlaces: Sendable {
    let nodes: [(host: IPAddress, port: UInt16)]

    func client(_ node: Int) throws(TestClientError) -> TestClient {
        let place = nodes[node]
        return try TestClient(port: place.port, context: nil, to: place.host, from: nil)
    }
}

extension TestDevice {
    /// One of a campaign.
    init(number: Int) {
        self.init(
            identity: DeviceIdentity(
                product: ProductKey("RACE")!, device: DeviceKey("d\(number)")!),
            secret: Secret("secret-\(number)")!)
    }
}

/// A device that goes from node to node, and publishes to applications.
///
/// It leaves its old connections as they are when it goes: the gateways have to end them.
final class FleetDevice {
    private struct Pending {
        let number: Int
        let application: Int
        let qos: QoS
        let packetID: UInt16

        /// PUBREC has come.
        var isReceived = false
        var hasBeenSent = false
    }

    private let number: Int
    private let device: TestDevice
    private let places: GatewayPlaces
    private let record: FleetRecord
    private var dice: Dice
    private var node: Int
    private var client: TestClient?
    private var left: [(client: TestClient, node: Int)] = []
    private var pending: Pending?
    private var awaySince: MonotonicInstant?
    private var tries: [String] = []
    private var isKnown = false
    private var packets: UInt16 = 0
    private var lastRest: MonotonicInstant?

    init(_ number: Int, _ places: GatewayPlaces, _ record: FleetRecord, seed: UInt64) {
        self.number = number
        self.places = places
        self.record = record
        device = TestDevice(number: number)
        dice = Dice(seed: seed)
        node = number % places.nodes.count
    }

    func run() {
        while !record.isOver {
            do throws(TestClientError) {
                if client == nil {
                    try connect()
                } else if !record.rests || pending != nil {
                    try publish()
                    usleep(UInt32(20_000 + dice.number(below: 40_000)))
                    if !record.rests, dice.number(below: 30) == 0 { try roam() }
                } else {
                    try rest()
                }
            } catch {
                if !record.isOver { lose(error) }
            }
        }
    }

    // MARK: Connections

    private func connect() throws(TestClientError) {
        if awaySince == nil { awaySince = .now() }
        node = dice.number(below: places.nodes.count)
        tries.append("n\(node + 1) at \(record.time)")
        guard let client = try open(node) else {
            usleep(100_000)
            return
        }
        self.client = client
        if let since = awaySince {
            let milliseconds = MonotonicInstant.now().milliseconds(since: since)
            let trail =
                "device \(number), in at \(record.time): \(tries.prefix(20).joined(separator: ", ")), \(tries.count) tries"
            record.note {
                $0.longestAway = max($0.longestAway, milliseconds)
                if milliseconds > 5_000 { $0.awayTrails.append((milliseconds, trail)) }
            }
        }
        awaySince = nil
        tries = []
    }

    /// A connection that was accepted.
    private func open(_ node: Int) throws(TestClientError) -> TestClient? {
        let client = try places.client(node)
        client.patienceSeconds = 4
        client.tellsUnheard = true
        let answer: TestPacket.Connack
        do throws(TestClientError) {
            answer = try client.connect(
                as: .signed(device, secureMode: 3), isCleanStart: false
            ) { $0.sessionExpiryInterval(seconds: 100_000) }
        } catch {
            // It may have been let in with a new session, and the answer is lost.
            noteSessionLost()
            throw error
        }
        record.note { $0.connacks["device \(answer.code)", default: 0] += 1 }
        guard answer.code == 0 else { return nil }
        let session = answer.isSessionPresent ? "" : " without session"
        let entry = "n\(node + 1)\(session) at \(record.time)"
        record.note { [number] in $0.entries[number, default: []].append(entry) }
        if !answer.isSessionPresent {
            // What the lost session knew of a message of QoS 2 is lost with it.
            pending?.isReceived = false
            noteSessionLost()
            if isKnown { record.note { $0.sessionsLost += 1 } }
            try client.subscribe(device.down("#"))
        }
        isKnown = true
        return client
    }

    private func noteSessionLost() {
        guard let message = pending, message.hasBeenSent else { return }
        record.note { $0.uplinks[message.number]?.hasLostSession = true }
    }

    private func roam() throws(TestClientError) {
        let other = (node + 1 + dice.number(below: places.nodes.count - 1)) % places.nodes.count
        do throws(TestClientError) {
            guard let next = try open(other) else { return }
            if let client { left.append((client, node)) }
            (client, node) = (next, other)
        } catch {
            // That node is away: it stays, if it still can.
        }
    }

    /// The connection has gone, or does not answer.
    private func lose(_ error: TestClientError) {
        if let client {
            if awaySince == nil { awaySince = .now() }
            take(from: client)
            if case .timedOut = error { left.append((client, node)) }
        } else {
            usleep(50_000)
        }
        client = nil
        record.note { $0.resting.remove(number) }
    }

    // MARK: Messages

    private func publish() throws(TestClientError) {
        guard let client else { return }
        var message = pending ?? fresh()
        let text = "\(message.number)"
        if !message.isReceived {
            let isAgain = message.hasBeenSent
            message.hasBeenSent = true
            pending = message
            record.note { $0.begun[number, default: 0] += 1 }
            try client.sendPublish(
                device.up("a\(message.application)"), Array(text.utf8), qos: message.qos,
                packetID: message.packetID, isDuplicate: isAgain
            ) {
                // Less than nodes' clocks may differ.
                $0.messageExpiryInterval(seconds: 1_800)
            }
            let type: PacketType = message.qos == .atLeastOnce ? .puback : .pubrec
            follow(message, isAgain ? "again to" : "to")
            let answer = try client.acknowledgement(type, message.packetID)
            follow(message, "\(answer.code) by")
            note(answer.code, message, isAgain: isAgain)
            pending = message.qos == .exactlyOnce && answer.code < 0x80 ? message : nil
            pending?.isReceived = true
        }
        if pending != nil {
            try client.send {
                Pubrel.encode(packetID: message.packetID, version: .v5, into: &$0)
            }
            _ = try client.acknowledgement(.pubcomp, message.packetID)
            pending = nil
        }
        take(from: client)
    }

    private func fresh() -> Pending {
        packets = packets == .max ? 1 : packets + 1
        let message = Pending(
            number: record.number(), application: dice.number(below: places.nodes.count),
            qos: dice.number(below: 4) == 0 ? .exactlyOnce : .atLeastOnce, packetID: packets)
        record.note { facts in
            facts.uplinks[message.number] = FleetRecord.Uplink(
                device: number, application: message.application,
                isOnce: message.qos == .exactlyOnce)
        }
        return message
    }

    private func follow(_ message: Pending, _ what: String) {
        let line = "\(what) n\(node + 1) at \(record.time)"
        record.note { $0.uplinks[message.number]?.trail.append(line) }
    }

    private func note(_ code: UInt8, _ message: Pending, isAgain: Bool) {
        // PUBREC to a QoS 2 message that comes again does not tell that the first one had no receiver.
        let isTaken = code == 0 && !(isAgain && message.qos == .exactlyOnce)
        record.note { [node] facts in
            facts.answers["\(message.qos) \(code)", default: 0] += 1
            if code == 0x10, facts.present.contains(message.application) { facts.unheard += 1 }
            if isTaken { facts.uplinks[message.number]?.isTaken = true }
            if code < 0x80 { facts.acknowledged[number, default: []].append((.now(), node)) }
        }
    }

    /// Looks at what has come by the way.
    private func take(from client: TestClient) {
        while let packet = try? client.next(seconds: 0) {
            switch packet {
            case .publish(let message):
                if !message.topic.hasPrefix(device.topicPrefix) {
                    record.finds("device \(number) got a message to \(message.topic)")
                }
            case .disconnect(let code, _):
                record.note { $0.endings["device \(code)", default: 0] += 1 }
            case .connack, .acknowledgement, .subscription, .pingresp, .other: break
            }
        }
    }

    // MARK: Afterwards

    /// Stays, and sees whether its earlier connections have been ended.
    private func rest() throws(TestClientError) {
        try client?.ping()
        if let client { take(from: client) }
        left.removeAll { hasEnded($0.client) }
        let isAlone = left.isEmpty
        record.note { facts in
            if isAlone { facts.resting.insert(number) } else { facts.resting.remove(number) }
        }
        usleep(200_000)
    }

    private func hasEnded(_ client: TestClient) -> Bool {
        do throws(TestClientError) {
            while try client.next(seconds: 0) != nil {}
            return true
        } catch {
            if case .timedOut = error { return false }
            return true
        }
    }
}
