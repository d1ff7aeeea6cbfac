import MQTT
import Storage
import TestFiles
import Time

@testable import Sessions

/// Retained messages in a directory of their own, with text for topics.
final class RetainedTestStore {
    static let unbounded = RetainedLimits(messages: .max, bytes: .max)
    private let directory = TemporaryDirectory()
    let environment: Environment
    let retained: RetainedMessages

    init() throws(StoreError) {
        environment = try Environment(
            path: directory.path, mapSizeBytes: 1 << 30, durability: .unsynced)
        retained = try RetainedMessages(in: environment)
    }

    static func message(
        _ topic: String,
        _ payload: String,
        expiresAt: Int64? = nil
    ) -> Message {
        Message(
            topic: Array(topic.utf8),
            payload: Array(payload.utf8),
            qos: .atLeastOnce,
            expiresAt: expiresAt.map { Timestamp(seconds: $0) }
        )
    }

    @discardableResult
    func put(
        _ topic: String,
        _ payload: String,
        expiresAt: Int64? = nil,
        limits: RetainedLimits = unbounded,
        now: Int64 = 0
    ) throws(StoreError) -> RetainedOutcome {
        let message = Self.message(topic, payload, expiresAt: expiresAt)
        return try environment.write { transaction throws(StoreError) in
            try retained.put(
                message, limits: limits, now: Timestamp(seconds: now), in: transaction)
        }
    }

    func sweep(now: Int64, limit: Int = .max) throws(StoreError) -> Int {
        try environment.write { transaction throws(StoreError) in
            try retained.sweep(now: Timestamp(seconds: now), limit: limit, in: transaction)
        }
    }

    /// All that match, page by page, each of which does at most what `limits` say.
    func lookUp(
        _ filter: String,
        limits: RetainedPageLimits = RetainedPageLimits(
            messages: .max, bytes: .max, steps: .max),
        now: Int64 = 0
    ) throws(StoreError) -> [Message] {
        var found: [Message] = []
        var start: RetainedCursor?
        repeat {
            let page = try environment.read { transaction throws(StoreError) in
                try retained.page(
                    matching: filter.utf8Span.span,
                    from: start,
                    limits: limits,
                    now: Timestamp(seconds: now),
                    in: transaction
                )
            }
            found += page.messages
            start = page.next
        } while start != nil
        return found
    }

    func topics(_ filter: String) throws(StoreError) -> [String] {
        try lookUp(filter).map { String(decoding: $0.topic, as: UTF8.self) }
    }

    func verify() throws(StoreError) -> [String] {
        try environment.read { transaction throws(StoreError) in
            try retained.verify(in: transaction)
        }
    }

    func totals() throws(StoreError) -> RetainedTotals {
        try environment.read { transaction throws(StoreError) in
            try retained.totals(in: transaction)
        }
    }
}

extension Message {
    var text: String { String(decoding: payload, as: UTF8.self) }
}
