public import Support

import Gateway
import MQTT

/// What it costs to hand messages on: to one subscriber on the publisher's shard, to one in another
/// shard, and to many. A gateway of two shards in this process, real sockets, 64 bytes of payload.
public struct DeliveryMeasurement {
    private static let topic = "bench/one"
    static let payload = [UInt8](repeating: 0x2A, count: 64)

    /// PUBLISHes of QoS 1 under way at a time.
    private static let window = 16

    private let gateway: TestGateway
    private let homes = Homes(shards: 2)
    private let messages: Int
    private let subscribers: Int

    public init(_ gateway: TestGateway, messages: Int, subscribers: Int) {
        self.gateway = gateway
        self.messages = max(Self.window, messages / Self.window * Self.window)
        self.subscribers = subscribers
    }

    /// Starts a gateway, measures, and stops it.
    public static func run(messages: Int, subscribers: Int) async throws -> [DeliveryFigure] {
        try await TestGateway.run(shards: 2) { gateway in
            try DeliveryMeasurement(gateway, messages: messages, subscribers: subscribers).run()
        }
    }

    private func run() throws -> [DeliveryFigure] {
        let nobody = try unheard()
        func figure(_ name: String, _ microseconds: Double, _ threshold: Double) -> DeliveryFigure {
            DeliveryFigure(
                name: name, microseconds: microseconds, ratio: microseconds / nobody,
                threshold: threshold)
        }
        let many = "\(subscribers) subscribers"
        // Of a delivery to many, most is the system call that writes to the subscriber's socket, and at
        // QoS 1 the one that reads its PUBACK; of the others, sixteen packets share one.
        return [
            figure("QoS 1, nobody has subscribed", nobody, 1),
            figure("QoS 1, one subscriber, same shard", try one(onShard: 0), 4),
            figure("QoS 1, one subscriber, another shard", try one(onShard: 1), 6),
            figure("QoS 0, \(many), a delivery", try fanOut(.atMostOnce), 10),
            figure("QoS 1, \(many), a delivery", try fanOut(.atLeastOnce), 22),
        ]
    }

    // MARK: Clients

    /// A client that is at home on that shard.
    private func client(_ name: String, onShard shard: Int) throws -> TestClient {
        var number = 0
        while homes.shard(ofClientID: "\(name)-\(number)".utf8Span.span) != shard { number += 1 }
        let client = try TestClient(port: gateway.openPort)
        client.acknowledgesMessages = false
        let answer = try client.connect(as: .anonymous("\(name)-\(number)"))
        guard answer.code == 0 else { throw DeliveryProblem.refused(answer.code) }
        return client
    }

    /// PUBLISHes of QoS 1, a window of them.
    private func window(_ topic: String, firstID: UInt16) -> [UInt8] {
        var packets: [UInt8] = []
        for offset in 0..<UInt16(Self.window) {
            packets += Self.publish(topic, .atLeastOnce, packetID: firstID + offset)
        }
        return packets
    }

    // MARK: Measurements

    private func unheard() throws -> Double {
        let publisher = try client("publisher", onShard: 0)
        let packets = window("bench/none", firstID: 1)
        return try measure(count: messages) { count in
            for _ in 0..<count / Self.window {
                try publisher.send(packets)
                try publisher.skip(Self.window)
            }
        }
    }

    private func one(onShard shard: Int) throws -> Double {
        let publisher = try client("publisher", onShard: 0)
        let subscriber = try client("subscriber", onShard: shard)
        _ = try subscriber.subscribe(Self.topic, qos: .atLeastOnce)
        let packets = window(Self.topic, firstID: 1)
        return try measure(count: messages) { count in
            for _ in 0..<count / Self.window {
                try publisher.send(packets)
                try publisher.skip(Self.window)
                try subscriber.acknowledge(Self.window)
            }
        }
    }

    private func fanOut(_ qos: QoS) throws -> Double {
        let publisher = try client("publisher", onShard: 0)
        var all: [TestClient] = []
        for number in 0..<subscribers {
            let subscriber = try client("many-\(number)", onShard: number % 2)
            _ = try subscriber.subscribe("bench/many", qos: qos)
            all.append(subscriber)
        }
        let packet = Self.publish("bench/many", qos, packetID: qos > .atMostOnce ? 1 : nil)
        let rounds = max(1, messages / 500)
        return try measure(count: rounds) { count in
            for _ in 0..<count {
                try publisher.send(packet)
                if qos > .atMostOnce { try publisher.skip(1) }
                for subscriber in all {
                    if qos > .atMostOnce {
                        try subscriber.acknowledge(1)
                    } else {
                        try subscriber.skip(1)
                    }
                }
            }
        } / Double(subscribers)
    }

    /// Microseconds of each of `count`, after a tenth as many to warm up.
    private func measure(count: Int, _ body: (Int) throws -> Void) throws -> Double {
        try body(max(Self.window, count / 10))
        let before = try ShardTimes.now()
        try body(count)
        return try ShardTimes.now().microseconds(since: before, per: count)
    }
}

/// The load met what it was not made for.
enum DeliveryProblem: Error {
    case refused(UInt8)
}
