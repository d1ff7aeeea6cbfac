public import Ledger
import Linux
public import Metering
import Reactor
import Sessions
public import Storage
import Synchronization
public import Time

extension DeviceUsage.DayCount {
    fileprivate init(_ usage: DayUsage) {
        self.init(day: usage.day, used: UInt64(usage.used), topUp: UInt64(usage.topUp))
    }
}

extension Gateway: ControlPlane {
    public func verify() async throws(StoreError) -> [String] {
        let (stores, secretKeys) = (self.stores, self.secretKeys)
        let result = await withCheckedContinuation { continuation in
            let body: @Sendable () -> Void = {
                continuation.resume(
                    returning: Result { () throws(StoreError) in
                        try stores.verify(secretKeys: secretKeys)
                    }
                )
            }
            do throws(Errno) {
                _ = try Thread(name: "check", body: body)
            } catch {
                continuation.resume(
                    returning: .failure(
                        .system(code: error.rawValue, operation: "starting a thread")))
            }
        }
        return try result.get()
    }

    public func onlineCount(of product: ProductKey) async -> Int {
        var count = 0
        for shard in commons.mailboxes.indices {
            count += await ask(shard, orElse: 0) { .onlineCount(product, $0) }
        }
        return count
    }

    public func presence(
        of devices: [DeviceIdentity]
    ) async throws(StoreError) -> [DevicePresence] {
        var seen: [DeviceIdentity: Timestamp] = [:]
        let byHome = Dictionary(grouping: devices) { commons.homes.shard(of: $0) }
        for (shard, group) in byHome {
            let none = [Timestamp?](repeating: nil, count: group.count)
            let times = await ask(shard, orElse: none) { .lastSeen(group, $0) }
            for (device, time) in zip(group, times) { seen[device] = time }
        }
        var presence: [DevicePresence] = []
        for device in devices {
            if let time = seen[device] {
                presence.append(DevicePresence(isOnline: true, lastSeenAt: time))
            } else {
                let stored = try usage.usage(of: device)
                presence.append(DevicePresence(isOnline: false, lastSeenAt: stored?.seenAt))
            }
        }
        return presence
    }

    public func connection(of device: DeviceIdentity) async -> DeviceConnection? {
        await ask(commons.homes.shard(of: device), orElse: nil) { .connection(device, $0) }
    }

    public func outcomes(of device: DeviceIdentity) async -> DeviceOutcomes {
        await ask(commons.homes.shard(of: device), orElse: DeviceOutcomes()) {
            .outcomes(device, $0)
        }
    }

    public func begin(_ trace: DeviceTrace) async -> Bool {
        await ask(commons.homes.shard(of: trace.device), orElse: false) { .beginTrace(trace, $0) }
    }

    public func end(_ trace: DeviceTrace) async {
        _ = await ask(commons.homes.shard(of: trace.device), orElse: false) {
            .endTrace(trace, $0)
        }
    }

    public func kick(_ device: DeviceIdentity) async -> Bool {
        await ask(commons.homes.shard(of: device), orElse: false) { .kick(device, $0) }
    }

    public func send(_ downlink: Downlink, to device: DeviceIdentity) async -> DownlinkOutcome {
        let limit = commons.limits.packetBytes
        guard let message = downlink.message(to: device, packetBytes: limit) else {
            return .tooLarge
        }
        let topic = message.topic
        guard topic.span.hasNoMoreLevels(than: commons.limits.topicLevels) else {
            return .noSubscription
        }
        return await ask(commons.homes.shard(of: device), orElse: .notConnected) {
            .send(message, to: device, $0)
        }
    }

    public func usage(of device: DeviceIdentity) async throws(StoreError) -> DeviceUsage {
        let product = try ledger.read { books, transaction throws(StoreError) in
            try books.product(device.product, in: transaction)
        }
        let today = Day(of: now, at: product?.dayOffset ?? .utc)
        var record = try usage.usage(of: device) ?? UsageRecord()
        let home = commons.homes.shard(of: device)
        for count in await ask(home, orElse: [], { .unsettledUsage(device, $0) }) {
            record.record(count)
        }
        let history = record.days.reversed().filter { usage in
            usage.day < today && (usage.used > 0 || usage.topUp > 0)
        }
        return DeviceUsage(
            today: DeviceUsage.DayCount(record.usage(on: today) ?? DayUsage(day: today)),
            history: history.map { DeviceUsage.DayCount($0) }
        )
    }

    public func usage(
        of product: ProductKey,
        in days: ClosedRange<Day>,
        limit: Int
    ) async throws(StoreError) -> [ProductDay] {
        try usage.totals(of: product, in: days, limit: limit)
    }

    public func submit(_ command: Command) async throws(StoreError) -> Outcome {
        let wall = time.wall
        let monotonic = time.monotonic
        _ = commons.clock.time(wall: wall, monotonic: monotonic)
        commons.clock.beatIfDue(at: monotonic, wall: wall, ledger)
        return try await ledger.submit(command)
    }

    /// Asks a shard; `fallback` when it has stopped.
    func ask<Answer: Sendable>(
        _ shard: Int,
        orElse fallback: Answer,
        _ question: (@escaping @Sendable (Answer) -> Void) -> ShardQuestion
    ) async -> Answer {
        await withCheckedContinuation { continuation in
            let message = ShardMessage.ask(question { continuation.resume(returning: $0) })
            // Posted under the lock: stopping the gateway answers what was posted before.
            let isPosted = condition.withLock { condition in
                guard condition != .stopped else { return false }
                commons.mailboxes[shard].post(message)
                return true
            }
            if !isPosted { continuation.resume(returning: fallback) }
        }
    }
}
