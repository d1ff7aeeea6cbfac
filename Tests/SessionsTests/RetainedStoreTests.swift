import Storage
import Synchronization
import TestFiles
import Testing
import Time

@testable import Sessions

@Suite struct RetainedStoreTests {
    private let directory = TemporaryDirectory()
    private let limits = RetainedPageLimits(messages: 2, bytes: .max, steps: 100)

    private func open(messages: Int = 1_000) throws(StoreError) -> (
        SharedEnvironment, RetainedStore
    ) {
        let shared = try SharedEnvironment(
            path: directory.path, mapSizeBytes: 1 << 26, durability: .unsynced)
        let store = try RetainedStore(
            in: shared, limits: RetainedLimits(messages: messages, bytes: .max))
        return (shared, store)
    }

    private func put(
        _ store: RetainedStore, _ topic: String, _ payload: String, expiresAt: Int64? = nil
    )
        async throws -> RetainedOutcome
    {
        let message = RetainedTestStore.message(topic, payload, expiresAt: expiresAt)
        return try await withCheckedContinuation { continuation in
            store.put(message, now: Timestamp(seconds: 0)) { continuation.resume(returning: $0) }
        }.get()
    }

    @Test("What is put is confirmed with its outcome, and found by readers after it")
    func put() async throws {
        let (shared, store) = try open(messages: 3)
        for topic in ["a/1", "a/2", "a/3"] {
            #expect(try await put(store, topic, "x") == .stored)
        }
        #expect(try await put(store, "a/4", "x") == .full)
        #expect(try await put(store, "a/1", "y") == .replaced)
        var reader = try store.reader()
        let now = Timestamp(seconds: 0)
        let first = try reader.page(matching: "a/+".utf8Span.span, limits: limits, now: now)
        let rest = try reader.page(
            matching: "a/+".utf8Span.span, from: first.next, limits: limits, now: now)
        #expect(first.messages.map(\.text) == ["y", "x"] && rest.messages.map(\.text) == ["x"])
        #expect(first.next != nil && rest.next == nil)
        #expect(try store.totals().messages == 3)
        #expect(try store.verify() == [])
        shared.shutdown()
        let refused = try? await put(store, "a/1", "z")
        #expect(refused == nil && !store.hasWritesUnderWay)
    }

    @Test("After the writes under way, a look-up finds what they put")
    func afterWrites() async throws {
        let (shared, store) = try open()
        for number in 0..<500 {
            let message = RetainedTestStore.message("a/\(number)", "x")
            store.put(message, now: Timestamp(seconds: 0)) { _ in }
        }
        await withCheckedContinuation { continuation in
            store.afterWrites { continuation.resume() }
        }
        #expect(!store.hasWritesUnderWay)
        #expect(try store.totals().messages == 500)
        shared.shutdown()
    }

    @Test("What is over is swept in steps, as long as there may be more")
    func sweep() async throws {
        let (shared, store) = try open()
        for number in 0..<600 {
            let message = RetainedTestStore.message("a/\(number)", "x", expiresAt: 1)
            store.put(message, now: Timestamp(seconds: 0)) { _ in }
        }
        #expect(try await put(store, "b", "x", expiresAt: 2) == .stored)
        var answers: [Bool] = []
        for _ in 0..<3 {
            answers.append(
                await withCheckedContinuation { continuation in
                    store.sweep(now: Timestamp(seconds: 1)) { continuation.resume(returning: $0) }
                })
        }
        #expect(answers == [true, false, false])
        #expect(try store.totals().messages == 1)
        #expect(try store.verify() == [])
        shared.shutdown()
    }
}
