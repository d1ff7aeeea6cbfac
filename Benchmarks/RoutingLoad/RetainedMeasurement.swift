import Bytes
import MQTT
import Sessions
public import Storage
import Time

/// What finding retained messages costs: a store of `count` topics, `{site}/{device}/{name}`, a hundred
/// devices at each site, ten names each.
public struct RetainedMeasurement {
    private let environment: Environment
    private let retained: RetainedMessages
    private let sites: Int
    private let now = Timestamp(seconds: 1_000)

    /// One kind of look-up.
    public struct Figure {
        public let filter: String
        public let messages: Int
        public let microseconds: Double
    }

    /// Makes the store in the directory, unless it is there.
    public init(directory: String, count: Int) throws(StoreError) {
        environment = try Environment(
            path: directory, mapSizeBytes: 8 << 30, durability: .unsynced)
        retained = try RetainedMessages(in: environment)
        sites = max(3, count / 1_000)
        let (retained, now) = (retained, now)
        let held = try environment.read { transaction throws(StoreError) in
            try retained.totals(in: transaction).messages
        }
        if held == sites * 1_000 { return }
        for site in 0..<sites {
            try environment.write { transaction throws(StoreError) in
                for number in 0..<1_000 {
                    let topic = Self.topic(site, number / 10, number % 10)
                    _ = try retained.put(
                        Message(
                            topic: Array(topic.utf8),
                            payload: [UInt8](repeating: 0x55, count: 64),
                            qos: .atLeastOnce,
                            expiresAt: number % 10 == 9 ? now.adding(seconds: 60) : nil
                        ),
                        limits: RetainedLimits(messages: .max, bytes: .max),
                        now: now,
                        in: transaction
                    )
                }
            }
        }
    }

    /// Site 1 is `a`; the third name is `c`.
    private static func topic(_ site: Int, _ device: Int, _ name: Int) -> String {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]
        return "\(site == 1 ? "a" : "site-\(site)")/device-\(device)/\(names[name])"
    }

    /// Look-ups by wildcards, of exact topics, and of what is not there: pages of at most 1,000.
    public func figures(rounds: Int = 20) throws(StoreError) -> [Figure] {
        var figures: [Figure] = []
        for filter in [
            "a/+/c", "a/+/z", "a/#", "+/device-50/c", "a/device-50/c", "a/device-50/z", "#",
        ] {
            var found = 0
            let nanoseconds = try ProcessorTime.least(of: rounds) { () throws(StoreError) in
                found = try page(filter).messages.count
            }
            figures.append(
                Figure(filter: filter, messages: found, microseconds: nanoseconds / 1_000))
        }
        return figures
    }

    private func page(_ filter: String) throws(StoreError) -> RetainedPage {
        let limits = RetainedPageLimits(messages: 1_000, bytes: .max, steps: .max)
        return try environment.read { transaction throws(StoreError) in
            try retained.page(
                matching: filter.utf8Span.span, limits: limits, now: now, in: transaction)
        }
    }

    /// Microseconds to replace a message, `count` of them in one commit that is not synced.
    public func replacing(_ count: Int) throws(StoreError) -> Double {
        let (retained, now, sites) = (retained, now, sites)
        let start = ProcessorTime.nanoseconds()
        try environment.write { transaction throws(StoreError) in
            for number in 0..<count {
                let topic = Self.topic(number * 7_919 % sites, number % 100, 0)
                _ = try retained.put(
                    Message(
                        topic: Array(topic.utf8),
                        payload: [UInt8](repeating: 0x44, count: 64),
                        qos: .atLeastOnce
                    ),
                    limits: RetainedLimits(messages: .max, bytes: .max),
                    now: now,
                    in: transaction
                )
            }
        }
        return (ProcessorTime.nanoseconds() - start) / 1_000 / Double(count)
    }

    /// What `tollgate check` would find.
    public func verify() throws(StoreError) -> [String] {
        try environment.read { transaction throws(StoreError) in
            try retained.verify(in: transaction)
        }
    }
}
