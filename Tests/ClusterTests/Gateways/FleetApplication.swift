import Fleet
import Glibc
import Linux
import MQTT
import Support

/// An application with a stored session on one node, to which it always comes back. It records what it gets, and sends
/// messages to devices.
final class FleetApplication {
    private let number: Int
    private let credentials: TestCredentials
    private let places: GatewayPlaces
    private let record: FleetRecord
    private let devices: Int
    private var dice: Dice

    /// It has been told that its subscription is taken.
    private var hasSession = false
    private var unanswered = 0

    /// Messages of QoS 2 whose PUBREL has not come, by packet identifier: the same again is no new one (4.3.3).
    private var unreleased: [UInt16: Int] = [:]

    init(
        _ number: Int, as credentials: TestCredentials, _ places: GatewayPlaces,
        _ record: FleetRecord, devices: Int, seed: UInt64
    ) {
        self.number = number
        self.credentials = credentials
        self.places = places
        self.record = record
        self.devices = devices
        dice = Dice(seed: seed)
    }

    func run() {
        while !record.isOver {
            do throws(TestClientError) {
                let client = try places.client(number)
                try serve(client)
            } catch {
                usleep(100_000)
            }
        }
    }

    private func serve(_ client: TestClient) throws(TestClientError) {
        client.patienceSeconds = 8
        let answer = try client.connect(as: credentials, isCleanStart: false) {
            $0.sessionExpiryInterval(seconds: 100_000)
        }
        record.note { $0.connacks["application \(answer.code)", default: 0] += 1 }
        guard answer.code == 0 else { return }
        record.note { [number, time = record.time] in
            let session = answer.isSessionPresent ? "its session" : "none"
            $0.applications.append("\(number) with \(session) at \(time)")
        }
        if hasSession, !answer.isSessionPresent {
            record.finds("the session of application \(number) is gone at \(record.time)")
        }
        // What was acknowledged is recorded, also when the connection ends meanwhile.
        defer {
            record.note { $0.present.remove(number) }
            while let packet = try? client.next(seconds: 0) { take(packet) }
        }
        if !hasSession || !answer.isSessionPresent {
            try client.subscribe("d/RACE/+/up/a\(number)", qos: .exactlyOnce)
            hasSession = true
            record.note { [number, time = record.time] in
                $0.subscribed.insert(number)
                $0.applications.append("\(number) subscribed at \(time)")
            }
        }
        unanswered = 0
        record.note { $0.present.insert(number) }
        while !record.isOver {
            do throws(TestClientError) {
                guard let packet = try client.next(seconds: 0.05) else { return }
                take(packet)
            } catch .timedOut {
                try ping(client)
            }
            if !record.rests, unanswered < 10, dice.number(below: 4) == 0 { try send(client) }
        }
    }

    /// A node that stands still is found out by its silence.
    private func ping(_ client: TestClient) throws(TestClientError) {
        if dice.number(below: 20) == 0 { try client.ping() }
    }

    private func take(_ packet: TestPacket) {
        switch packet {
        case .publish(let message):
            guard let number = Int(message.text) else { return }
            if message.qos == .exactlyOnce, let packetID = message.packetID {
                if message.isDuplicate, unreleased[packetID] == number { return }
                unreleased[packetID] = number
            }
            record.note { [time = record.time] facts in
                facts.arrivals[number, default: 0] += 1
                guard message.qos == .exactlyOnce, let packetID = message.packetID else { return }
                let again = message.isDuplicate ? " again" : ""
                facts.arrivalTrails[number, default: []].append("\(packetID)\(again) at \(time)")
            }
        case .acknowledgement(let answer):
            if answer.type == .pubrel { unreleased[answer.packetID] = nil }
            guard answer.type == .puback else { return }
            unanswered -= 1
            record.note { $0.answers["downlink \(answer.code)", default: 0] += 1 }
        case .disconnect(let code, _):
            record.note { $0.endings["application \(code)", default: 0] += 1 }
        case .connack, .subscription, .pingresp, .other: break
        }
    }

    private func send(_ client: TestClient) throws(TestClientError) {
        let device = dice.number(below: devices)
        unanswered += 1
        record.note { facts in
            facts.downlinks += 1
            facts.begun[device, default: 0] += 1
        }
        try client.sendPublish(
            TestDevice(number: device).down(), Array("\(record.number())".utf8),
            qos: .atLeastOnce, packetID: client.nextPacketID())
    }
}
