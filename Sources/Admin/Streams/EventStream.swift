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

    /// Whether the caller may see them still.
    let isAllowed: @Sendable () throws -> Bool

    /// How long nothing is sent, at most.
    private static let beat = Duration.seconds(15)

    private static let batchMaximum = 500

    /// Ends when the client goes, the ledger or the server is shut down, or the caller's key is
    /// revoked.
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
        for await _ in wakes {
            let before = last
            guard try await sendNew(behind: &last, into: &writer) else { return }
            if last == before {
                guard sentAt.duration(to: .now) >= Self.beat else { continue }
                guard try isAllowed() else { return }
                try await writer.write(ByteBuffer(string: ":\n\n"))
            }
            sentAt = .now
        }
        // What was committed before the ledger was shut down.
        _ = try await sendNew(behind: &last, into: &writer)
    }

    /// False when the caller may not see what comes next.
    @concurrent private func sendNew(
        behind last: inout UInt64,
        into writer: inout any ResponseBodyWriter
    ) async throws -> Bool {
        while true {
            let events = try ledger.read { [last] (books, transaction) throws(StoreError) in
                try books.events(after: last, limit: Self.batchMaximum, in: transaction)
            }
            guard let newest = events.last else { return true }
            let isRevoked = events.contains { event in
                if case .keys(.revoked) = event.change { true } else { false }
            }
            if isRevoked, try !isAllowed() { return false }
            var text = ByteBuffer()
            for event in events { Self.append(event, to: &text) }
            try await writer.write(text)
            last = newest.sequence
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

        fileprivate init(_ slots: StreamSlots) { self.slots = slots }

        deinit { slots.taken.withLock { $0 -= 1 } }
    }

    private let taken = Mutex(0)
    private let maximum: Int

    init(maximum: Int) { self.maximum = maximum }

    /// `nil` when all are taken.
    func slot() -> Slot? {
        let isFree = taken.withLock { taken in
            guard taken < maximum else { return false }
            taken += 1
            return true
        }
        return isFree ? Slot(self) : nil
    }

    /// An answer that `body` writes as a stream of events, in a slot.
    func stream(
        named name: String,
        _ body: @concurrent @escaping @Sendable (inout any ResponseBodyWriter) async throws -> Void
    ) throws(Problem) -> Response {
        guard let slot = slot() else {
            throw Problem(
                .tooManyStreams, "no more \(name) can be open at once", retryAfterSeconds: 5)
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { [slot] writer in
                try await body(&writer)
                try await writer.finish(nil)
                withExtendedLifetime(slot) {}
            })
    }
}
