import Gateway
import Hummingbird
import Ledger
import NIOCore
import ServiceLifecycle
import Storage
import Synchronization

/// The log as it grows, as server-sent events (HTML Living Standard, 9.2).
///
/// Every event behind the first number comes once, in order: a client that comes back with the last `id:`
/// goes on behind it. A comment now and then shows that the connection is alive.
struct EventStream: Sendable {
    let ledger: Ledger

    /// Only events behind that number.
    let start: UInt64

    /// Which of them.
    let filter: EventFilter

    /// What the caller sees by now; `nil`: nothing any more.
    let reach: @Sendable () throws -> EventReach?

    /// How long nothing is sent, at most.
    private static let beat = Duration.seconds(15)

    private static let batchMaximum = 500

    /// Batches without an event that the caller sees, before it is told how far they go.
    private static let passedOverMaximum = 10

    /// Ends when the client goes, the ledger or the server is shut down, or the caller's key is
    /// revoked. Events that the caller does not see are passed over, so that numbers may be missing.
    @concurrent func run(into writer: inout any ResponseBodyWriter, of request: Request)
        async throws
    {
        // Before the first look at the log, so that no commit falls in between.
        let commits = ledger.commits()
        try await withTicks(every: Self.beat, and: commits, of: request) { ticks in
            try await send(on: ticks, into: &writer)
        }
    }

    @concurrent private func send(
        on wakes: AsyncStream<Void>,
        into writer: inout any ResponseBodyWriter
    ) async throws {
        // A number alone is no event, but what a client comes back with that has seen none.
        try await writer.write(ByteBuffer(string: "retry: 2000\nid: \(start)\n\n"))
        var last = start
        var sentAt = ContinuousClock.now
        var isPassedOver = false
        for await _ in wakes {
            let before = last
            guard let isSent = try await sendNew(behind: &last, into: &writer) else { return }
            isPassedOver = !isSent && (isPassedOver || last != before)
            if !isSent {
                guard sentAt.duration(to: .now) >= Self.beat else { continue }
                guard try reach() != nil else { return }
                // Who comes back need not look at what was passed over again.
                let beat = isPassedOver ? "id: \(last)\n\n" : ":\n\n"
                try await writer.write(ByteBuffer(string: beat))
                isPassedOver = false
            }
            sentAt = .now
        }
        // What was committed before the ledger was shut down.
        _ = try await sendNew(behind: &last, into: &writer)
    }

    /// Whether anything was sent; `nil` when the caller may not see what comes next.
    @concurrent private func sendNew(
        behind last: inout UInt64,
        into writer: inout any ResponseBodyWriter
    ) async throws -> Bool? {
        var isSent = false
        var passedOver = 0
        while true {
            let start = last
            let newest = try ledger.read { (books, transaction) throws(StoreError) in
                try books.lastSequence(in: transaction)
            }
            guard newest > start else { return isSent }
            // What a key reaches changes: it is revoked, its account gets a sub-account.
            guard let reach = try reach() else { return nil }
            let found = try ledger.read { (books, transaction) throws(StoreError) in
                try books.events(
                    after: start, limit: Self.batchMaximum, within: reach, filter,
                    in: transaction)
            }
            last = found.last
            guard !found.events.isEmpty else {
                // Millions may be others': it is others' turn now and then, and a client that has gone is noticed.
                passedOver += 1
                if passedOver.isMultiple(of: Self.passedOverMaximum) {
                    try await writer.write(ByteBuffer(string: "id: \(last)\n\n"))
                } else {
                    await Task.yield()
                }
                continue
            }
            var text = ByteBuffer()
            for event in found.events { Self.append(event, to: &text) }
            try await writer.write(text)
            isSent = true
        }
    }

    private static func append(_ event: Event, to text: inout ByteBuffer) {
        text.writeString("id: \(event.sequence)\nevent: \(event.change.name)\ndata: ")
        text.writeBytes(Documents.event(event).bytes)
        text.writeString("\n\n")
    }
}

/// Runs `body` with ticks: one each `interval`, and one at once and with each of `signals`. They end when
/// the client goes, the server is shut down, or the signals end.
@concurrent
func withTicks(
    every interval: Duration,
    and signals: AsyncStream<Void>? = nil,
    of request: Request,
    _ body: @concurrent (AsyncStream<Void>) async throws -> Void
) async throws {
    let (ticks, tick) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    try await request.body.consumeWithInboundCloseHandler { _ in
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                if let signals {
                    tick.yield()
                    group.addTask {
                        for await _ in signals { tick.yield() }
                        tick.finish()
                    }
                }
                group.addTask {
                    while true {
                        try await Task.sleep(for: interval)
                        tick.yield()
                    }
                }
                try await body(ticks)
            }
        } onGracefulShutdown: {
            tick.finish()
        }
    } onInboundClosed: {
        tick.finish()
    }
}

/// How many streams may be open at once.
final class StreamSlots: Sendable {
    /// Held by a stream for as long as it is open.
    final class Slot: Sendable {
        private let slots: StreamSlots
        private let tenant: String?

        fileprivate init(_ slots: StreamSlots, _ tenant: String?) {
            self.slots = slots
            self.tenant = tenant
        }

        deinit { slots.taken.withLock { $0.give(back: tenant) } }
    }

    private struct Taken {
        var count = 0
        var byTenant: [String: Int] = [:]

        mutating func take(for tenant: String?, _ maximum: Int, ofTenant share: Int) -> Bool {
            guard count < maximum else { return false }
            if let tenant {
                guard byTenant[tenant, default: 0] < share else { return false }
                byTenant[tenant, default: 0] += 1
            }
            count += 1
            return true
        }

        mutating func give(back tenant: String?) {
            count -= 1
            guard let tenant, let left = byTenant[tenant].map({ $0 - 1 }) else { return }
            byTenant[tenant] = left == 0 ? nil : left
        }
    }

    private let taken = Mutex(Taken())
    private let maximum: Int

    init(maximum: Int) { self.maximum = maximum }

    /// `nil` when all are taken, or a quarter of them by that tenant.
    ///
    /// - Parameter share: how many one may have; by default that quarter.
    func slot(for tenant: String? = nil, share: Int? = nil) -> Slot? {
        let share = share ?? max(1, maximum / 4)
        let isFree = taken.withLock { $0.take(for: tenant, maximum, ofTenant: share) }
        return isFree ? Slot(self, tenant) : nil
    }

    /// An answer that `body` writes as a stream of events, in a slot.
    ///
    /// - Parameter tenant: who may take no more than a quarter of the slots; `nil`: one who may take all.
    func stream(
        named name: String,
        for tenant: String? = nil,
        as type: String = "text/event-stream",
        _ body: @concurrent @escaping @Sendable (inout any ResponseBodyWriter) async throws -> Void
    ) throws(Problem) -> Response {
        guard let slot = slot(for: tenant) else {
            throw Problem(
                .tooManyStreams, "no more \(name) can be open at once", retryAfterSeconds: 5)
        }
        return Response(
            status: .ok, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody { [slot] writer in
                try await body(&writer)
                try await writer.finish(nil)
                withExtendedLifetime(slot) {}
            })
    }
}
