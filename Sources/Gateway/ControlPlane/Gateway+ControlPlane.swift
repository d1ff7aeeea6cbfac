public import Ledger
import Linux
public import MessageLog
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
    public var offersUplink: Bool { commons.uplink.isOffered }

    public var firmwareLinks: FirmwareLinks? { commons.firmwareLinks }

    public func verify() async throws(StoreError) -> [String] {
        let (stores, secretKeys) = (self.stores, self.secretKeys)
        let result: Result<[String], StoreError>
        do throws(Errno) {
            result = try await Self.onThread("check") {
                Result { () throws(StoreError) in try stores.verify(secretKeys: secretKeys) }
            }
        } catch {
            throw .system(code: error.rawValue, operation: "starting a thread")
        }
        return try result.get()
    }

    /// What holds up a thread for long has one of its own. Throws when there is none to be had.
    static func onThread<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable () -> Value
    ) async throws(Errno) -> Value {
        let result: Result<Value, Errno> = await withCheckedContinuation { continuation in
            do throws(Errno) {
                _ = try Thread(name: name) { continuation.resume(returning: .success(body())) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    public func onlineCount(of product: ProductKey) async -> Int {
        var count = await askShards(orElse: 0) { .onlineCount(product, $0) }.reduce(0, +)
        for case .count(let elsewhere) in await askOtherNodes(.onlineCount(product)) {
            count += Int(clamping: elsewhere)
        }
        return count
    }

    public func presence(
        of devices: [DeviceIdentity]
    ) async throws(StoreError) -> [DevicePresence] {
        var seen: [DeviceIdentity: Timestamp] = [:]
        let byHome = Dictionary(grouping: devices) { commons.homes.shard(of: $0) }
        let found = await byHome.mapAtOnce { shard, group in
            let none = [Timestamp?](repeating: nil, count: group.count)
            return zip(group, await self.ask(shard, orElse: none) { .lastSeen(group, $0) })
        }
        for (device, time) in found.joined() { seen[device] = time }
        let missing = devices.filter { seen[$0] == nil }
        if !missing.isEmpty {
            for case .times(let times) in await askOtherNodes(.lastSeen(missing)) {
                for case (let device, let time?) in zip(missing, times) { seen[device] = time }
            }
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
        let home = commons.homes.shard(of: device)
        if let here = await ask(home, orElse: nil, { .connection(device, $0) }) { return here }
        for case .connection(let elsewhere?) in await askOtherNodes(
            .connection(device), home: device)
        {
            return elsewhere
        }
        return nil
    }

    public func outcomes(of device: DeviceIdentity) async -> DeviceOutcomes {
        let home = commons.homes.shard(of: device)
        var found = [await ask(home, orElse: DeviceOutcomes()) { .outcomes(device, $0) }]
        for case .outcomes(let elsewhere) in await askOtherNodes(.outcomes(device), home: device) {
            found.append(elsewhere)
        }
        return DeviceOutcomes(
            lastRefusal: found.compactMap(\.lastRefusal).max { $0.at < $1.at },
            lastEnding: found.compactMap(\.lastEnding).max { $0.at < $1.at })
    }

    public func refusals(of devices: [DeviceIdentity]) async -> [ConnectionOutcome?] {
        var found: [DeviceIdentity: ConnectionOutcome] = [:]
        func take(_ outcomes: [ConnectionOutcome?], of devices: [DeviceIdentity]) {
            for case (let device, let outcome?) in zip(devices, outcomes)
            where found[device].map({ $0.at < outcome.at }) ?? true {
                found[device] = outcome
            }
        }
        for (shard, group) in Dictionary(grouping: devices, by: { commons.homes.shard(of: $0) }) {
            let none = [ConnectionOutcome?](repeating: nil, count: group.count)
            take(await ask(shard, orElse: none) { .refusals(group, $0) }, of: group)
        }
        if !devices.isEmpty {
            for case .refusals(let outcomes) in await askOtherNodes(.refusals(devices)) {
                take(outcomes, of: devices)
            }
        }
        return devices.map { found[$0] }
    }

    public func begin(_ trace: DeviceTrace) async -> Bool {
        let home = commons.homes.shard(of: trace.device)
        guard await ask(home, orElse: false, { .beginTrace(trace, $0) }) else { return false }
        await beginElsewhere(trace)
        return true
    }

    public func end(_ trace: DeviceTrace) async {
        feedRelays.end(trace)
        _ = await ask(commons.homes.shard(of: trace.device), orElse: false) {
            .endTrace(trace, $0)
        }
    }

    public func watchPresence(of product: ProductKey) async -> PresenceWatch? {
        let watch = PresenceWatch(of: product, shards: commons.mailboxes.count)
        for shard in commons.mailboxes.indices {
            guard await ask(shard, orElse: false, { .beginWatch(watch, $0) }) else { return nil }
        }
        await beginElsewhere(watch)
        return watch
    }

    public func end(_ watch: PresenceWatch) async {
        feedRelays.end(watch)
        for shard in commons.mailboxes.indices {
            _ = await ask(shard, orElse: false) { .endWatch(watch, $0) }
        }
    }

    public func kick(_ device: DeviceIdentity) async -> Bool {
        let home = commons.homes.shard(of: device)
        if await ask(home, orElse: false, { .kick(device, $0) }) { return true }
        for case .flag(true) in await askOtherNodes(.kick(device), home: device) { return true }
        return false
    }

    public func reportedState(
        of device: DeviceIdentity, registeredAt: Timestamp
    ) throws(StoreError) -> ReportedState {
        let record = try commons.retained.reported(by: device, now: now)
        return ReportedState(record, registeredAt: registeredAt)
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

    public func messages(
        of device: DeviceIdentity, _ query: MessageQuery
    ) async throws(StoreError) -> MessagePage {
        guard let log = commons.messageLog else { return MessagePage() }
        do throws(FileError) {
            return try log.messages(of: device, query)
        } catch {
            throw .system(code: error.code.rawValue, operation: "\(error.operation) \(error.path)")
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
        for case .days(let days) in await askOtherNodes(.usage(device), home: device) {
            for count in days { record.record(count) }
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
        let here = try usage.totals(of: product, in: days, limit: limit)
        guard commons.neighbours != nil else { return here }
        var sums: [Day: ProductDay] = [:]
        for day in here { sums[day.day] = day }
        let question = NodeQuestion.productDays(
            product, from: days.lowerBound, to: days.upperBound)
        for case .productDays(let elsewhere) in await askOtherNodes(question) {
            for day in elsewhere { sums[day.day] = day.adding(sums[day.day]) }
        }
        return Array(sums.values.sorted { $0.day < $1.day }.prefix(limit))
    }

    public func submit(_ command: Command) async throws(StoreError) -> Outcome {
        let wall = time.wall
        let monotonic = time.monotonic
        _ = commons.clock.time(wall: wall, monotonic: monotonic)
        commons.clock.beatIfDue(at: monotonic, wall: wall, ledger)
        return try await ledger.submit(
            command, withinMilliseconds: configuration.ledgerPatience.requestMilliseconds)
    }

    /// Asks a shard; `fallback` when it has stopped.
    func ask<Answer: Sendable>(
        _ shard: Int,
        orElse fallback: Answer,
        _ question: (@escaping @Sendable (Answer) -> Void) -> ShardQuestion
    ) async -> Answer {
        await withCheckedContinuation { continuation in
            ask(shard, orElse: fallback, then: { continuation.resume(returning: $0) }, question)
        }
    }

    /// Asks all shards at once; their answers in order, `fallback` of those that have stopped.
    func askShards<Answer: Sendable>(
        orElse fallback: Answer,
        _ question: @escaping @Sendable (@escaping @Sendable (Answer) -> Void) -> ShardQuestion
    ) async -> [Answer] {
        await commons.mailboxes.indices.mapAtOnce { shard in
            await self.ask(shard, orElse: fallback, question)
        }
    }

    /// Asks a shard, on whose thread `done` is called; here, with `fallback`, when it has stopped.
    func ask<Answer: Sendable>(
        _ shard: Int,
        orElse fallback: Answer,
        then done: @escaping @Sendable (Answer) -> Void,
        _ question: (@escaping @Sendable (Answer) -> Void) -> ShardQuestion
    ) {
        let message = ShardMessage.ask(question(done))
        // Posted under the lock: stopping the gateway answers what was posted before.
        let isPosted = condition.withLock { condition in
            guard condition != .stopped else { return false }
            commons.mailboxes[shard].post(message)
            return true
        }
        if !isPosted { done(fallback) }
    }
}
