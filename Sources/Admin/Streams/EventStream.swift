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

    /// Events read and sent at once.
    private static let batchMaximum = 500

    /// Ends when the client goes, the ledger or the server is shut down, or the caller's key is
    /// revoked.
    @concurrent func run(into writer: inout any ResponseBodyWriter, of request: Request)
        async throws
    {
        let (wakes, wake) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        // Before the first look at the log, so that no commit falls in between.
        let commits = ledger.commits()
        try await request.body.consumeWithInboundCloseHandler { _ in
            try await withGracefulShutdownHandler {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask {
                        for await _ in commits { wake.yield() }
                        wake.finish()
                    }
                    group.addTask {
                        while true {
                            try await Task.sleep(for: Self.beat)
                            wake.yield()
                        }
                    }
                    wake.yield()
                    try await send(on: wakes, into: &writer)
                }
            } onGracefulShutdown: {
                wake.finish()
            }
        } onInboundClosed: {
            wake.finish()
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
}
