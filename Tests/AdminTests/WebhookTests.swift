import Cryptography
import Foundation
import Gateway
import HTTPTypes
import Ledger
import Linux
import Logging
import Processes
import Storage
import Support
import Testing
import Time

@testable import Admin

/// Rule E4, with a receiver, the courier's process and the books as they are; the clock is the test's.
@Suite("Webhooks", .serialized, .waitsApart)
struct WebhookTests {
    /// A gateway that sends to webhooks until the body returns.
    private func sending(
        schedule: RetrySchedule = .standard,
        configure: @escaping (inout GatewayConfiguration.Webhooks) -> Void = { webhooks in
            webhooks.allowPrivateAddresses = true
            webhooks.allowPlainHTTP = true
        },
        _ body: (Client, WebhookDispatcher) async throws -> Void
    ) async throws {
        var webhooks = GatewayConfiguration.Webhooks()
        configure(&webhooks)
        let client = try Client { [webhooks] in $0.webhooks = webhooks }
        let dispatcher = WebhookDispatcher(
            controlPlane: client.controlPlane, configuration: webhooks, schedule: schedule,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let task = Task(priority: .userInitiated) { await dispatcher.run(as: nil) }
        do {
            try await body(client, dispatcher)
        } catch {
            task.cancel()
            await task.value
            throw error
        }
        task.cancel()
        await task.value
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    private func create(
        _ client: Client, _ url: String, account: String? = nil, kinds: [String] = []
    ) async throws -> (id: String, secret: String) {
        let made = try await client.post(
            "/v1/webhooks",
            [
                "name": "Hook", "url": .text(url), "account": JSON(account),
                "kinds": .array(kinds.map { .text($0) }),
            ])
        let (id, secret) = (made.json["id"]?.text, made.json["secret"]?.text)
        return (try #require(id, "\(made.text)"), try #require(secret))
    }

    private func account(_ client: Client, _ id: String, parent: String? = nil) async throws {
        let path = parent.map { "/v1/accounts/\($0)/sub-accounts" } ?? "/v1/accounts"
        var body: JSON = ["id": .text(id), "name": "A"]
        if parent == nil { body.add("kind", "individual") }
        let made = try await client.post(path, body)
        #expect(made.status == 201, "\(made.text)")
    }

    /// Until a condition holds.
    private func awaits(_ condition: @Sendable () async throws -> Bool) async throws -> Bool {
        let end = MonotonicInstant.now().adding(milliseconds: Int64(Patience.seconds * 1_000))
        while try await !condition() {
            guard MonotonicInstant.now() < end else { return false }
            try await Task.sleep(for: .milliseconds(5))
        }
        return true
    }

    private func deliveries(_ client: Client, _ id: String) async throws -> [JSON] {
        try await client.get("/v1/webhooks/\(id)/deliveries").json["items"]?.array ?? []
    }

    @Test("E4: events come in order, each with its document, its own id, and a right signature")
    func order() async throws {
        let receiver = try await WebhookReceiver()
        try await sending { client, _ in
            let (id, secret) = try await create(client, receiver.url("/all"))
            for number in 0..<60 { try await account(client, "a\(number)") }
            let areAll = try await awaits { receiver.received("/all").count >= 60 }
            let last = try await deliveries(client, id).first
            #expect(areAll, "the last attempt: \(last.map { "\($0)" } ?? "none")")
            let messages = receiver.received("/all")
            let events = try await client.get("/v1/events?after=1&limit=1000").json["items"]?.array
            #expect(
                messages.map(\.json) == (events ?? []).map { $0.adding("to", .text(id)) })
            #expect(Set(messages.map { $0.header("webhook-id") }).count == messages.count)
            let key = try #require(
                Data(base64Encoded: String(secret.dropFirst("whsec_".count))))
            for message in messages {
                let (name, time) = (
                    message.header("webhook-id"), message.header("webhook-timestamp")
                )
                var code = HMACSHA256(key: Array(key).span)
                code.update(Array("\(name ?? "").\(time ?? "").".utf8).span)
                code.update(message.bytes.span)
                let digest = code.finalize()
                let expected = Data((0..<32).map { digest.span[$0] }).base64EncodedString()
                #expect(message.header("webhook-signature") == "v1,\(expected)")
                #expect(message.header("content-type") == "application/json")
            }
            #expect(
                try await awaits {
                    try await client.get("/v1/webhooks/\(id)").json["behind"] == 0
                })
        }
    }

    @Test(
        "E4: what fails is sent again with the same id, later and later, and what is behind it waits"
    )
    func retries() async throws {
        let receiver = try await WebhookReceiver { _, count in
            count <= 3 ? .internalServerError : .ok
        }
        try await sending { client, _ in
            let (id, _) = try await create(client, receiver.url("/fails"))
            try await account(client, "a1")
            try await account(client, "a2")
            let pauses = RetrySchedule.standard.pauses
            for failures in 1...3 {
                #expect(try await awaits { try await deliveries(client, id).count == failures })
                let next = try #require(try await deliveries(client, id).first?["nextAt"]?.text)
                let wait = try #require(Timestamp(next)).milliseconds(
                    since: client.controlPlane.now)
                let pause = pauses[failures - 1] * 1_000
                #expect((pause * 9 / 10...pause * 11 / 10).contains(wait))
                // Not a moment earlier.
                client.controlPlane.advance(milliseconds: wait - 1)
                try await Task.sleep(for: .milliseconds(100))
                #expect(receiver.received("/fails").count == failures)
                client.controlPlane.advance(milliseconds: 1)
            }
            #expect(try await awaits { receiver.received("/fails").count == 5 })
            let messages = receiver.received("/fails")
            #expect(Set(messages.prefix(4).map { $0.header("webhook-id") }).count == 1)
            #expect(messages.map(\.sequence) == [2, 2, 2, 2, 3])
            #expect(try await awaits { try await deliveries(client, id).count == 5 })
            let attempts = try await deliveries(client, id).reversed()
            #expect(attempts.map { $0["attempt"]?.integer } == [1, 2, 3, 4, 1])
            #expect(attempts.map { $0["status"]?.integer } == [500, 500, 500, 200, 200])
            #expect(
                attempts.map { $0["delivered"]?.bool } == [false, false, false, true, true])
        }
    }

    @Test("E4: after the last attempt an event is given up, and the next one is sent")
    func givenUp() async throws {
        let receiver = try await WebhookReceiver { message, _ in
            message.sequence == 2 ? .internalServerError : .ok
        }
        try await sending(schedule: RetrySchedule(pauses: [5])) { client, dispatcher in
            let (id, _) = try await create(client, receiver.url("/given"))
            try await account(client, "a1")
            try await account(client, "a2")
            #expect(try await awaits { try await deliveries(client, id).count == 1 })
            client.controlPlane.advance(milliseconds: 6_000)
            #expect(try await awaits { receiver.received("/given").count == 3 })
            #expect(receiver.received("/given").map(\.sequence) == [2, 2, 3])
            #expect(try await awaits { try await deliveries(client, id).count == 3 })
            let attempts = try await deliveries(client, id)
            #expect(attempts[1]["nextAt"] == .null)
            #expect(attempts[1]["error"]?.text?.contains("not tried again") == true)
        }
    }

    @Test("E4: a redirect is a failure, and isn't followed; 410 switches the webhook off")
    func redirectAndGone() async throws {
        let receiver = try await WebhookReceiver { message, _ in
            message.path == "/gone" ? .gone : .found
        }
        try await sending { client, _ in
            let (moved, _) = try await create(client, receiver.url("/moved"))
            let (gone, _) = try await create(client, receiver.url("/gone"))
            try await account(client, "a1")
            #expect(
                try await awaits {
                    try await client.get("/v1/webhooks/\(gone)").json["on"] == false
                })
            #expect(try await awaits { try await !deliveries(client, moved).isEmpty })
            let attempt = try #require(try await deliveries(client, moved).last)
            #expect(attempt["status"]?.integer == 302 && attempt["delivered"] == false)
            #expect(attempt["error"] == "a redirect is not followed")
            #expect(receiver.received("/elsewhere").isEmpty)
            let last = try #require(try await deliveries(client, gone).first)
            #expect(last["status"]?.integer == 410 && last["nextAt"] == .null)
            let events = try await client.get("/v1/events?limit=1000").json["items"]?.array ?? []
            let off = events.last { $0["change"] == "webhook-updated" }
            #expect(off?["webhook"]?.text == gone && off?["actor"] == "gateway")
            let count = receiver.received("/gone").count
            try await account(client, "a2")
            client.controlPlane.advance(milliseconds: 6_000)
            #expect(try await awaits { receiver.received("/moved").count >= 2 })
            #expect(receiver.received("/gone").count == count)
        }
    }

    @Test("E4: Retry-After is heeded, in seconds and as a date, a day at most")
    func retryAfter() async throws {
        let receiver = try await WebhookReceiver { message, _ in
            message.path == "/busy" ? .tooManyRequests : .serviceUnavailable
        }
        try await sending { client, _ in
            let (busy, _) = try await create(client, receiver.url("/busy"))
            let (away, _) = try await create(client, receiver.url("/away"))
            try await account(client, "a1")
            for (id, seconds) in [(busy, 600 as Int64), (away, 86_400)] {
                #expect(try await awaits { try await deliveries(client, id).count == 1 })
                let attempt = try #require(try await deliveries(client, id).first)
                let sent = try #require(Timestamp(attempt["at"]?.text ?? ""))
                let next = try #require(Timestamp(attempt["nextAt"]?.text ?? ""))
                let pause = next.milliseconds(since: sent)
                #expect(pause == seconds * 1_000, "\(attempt)")
            }
        }
    }

    @Test("E4: a receiver that is slow delays no other webhook")
    func slow() async throws {
        let receiver = try await WebhookReceiver { message, _ in
            if message.path.hasPrefix("/slow") { try? await Task.sleep(for: .seconds(60)) }
            return .ok
        }
        try await sending { client, _ in
            for number in 0..<10 {
                _ = try await create(client, receiver.url("/slow\(number)"))
            }
            _ = try await create(client, receiver.url("/fast"))
            let begun = MonotonicInstant.now()
            try await account(client, "a1")
            #expect(try await awaits { receiver.received("/fast").count == 1 })
            #expect(
                try await awaits {
                    (0..<10).allSatisfy { receiver.received("/slow\($0)").count == 1 }
                })
            // None of the slow ones was given up by then.
            #expect(MonotonicInstant.now().milliseconds(since: begun) < 15_000)
        }
    }

    @Test("a courier that is killed is started again, and nothing is lost")
    func courier() async throws {
        let receiver = try await WebhookReceiver()
        try await sending { client, dispatcher in
            let (id, _) = try await create(client, receiver.url("/courier"))
            try await account(client, "a1")
            #expect(try await awaits { receiver.received("/courier").count == 1 })
            // What is under way when the courier ends is tried again later, by a clock that stands here.
            #expect(try await awaits { try await deliveries(client, id).count == 1 })
            let first = try #require(await dispatcher.courierNumber)
            kill(first, SIGKILL)
            #expect(try await awaits { await dispatcher.courierNumber != first })
            try await account(client, "a2")
            #expect(try await awaits { receiver.received("/courier").count == 2 })
            #expect(await dispatcher.courierNumber != first)
            #expect(try await awaits { try await deliveries(client, id).count == 2 })
        }
    }

    @Test(
        "addresses that are not public are refused, whatever a name resolves to",
        arguments: [
            "http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/",
            "http://[::ffff:127.0.0.1]:9/", "http://169.254.169.254/", "http://10.1.2.3/",
            "http://0.0.0.0:9/", "http://2130706433:9/",
        ])
    func privateAddresses(_ url: String) async throws {
        try await sending(configure: { $0.allowPlainHTTP = true }) { client, _ in
            let (id, _) = try await create(client, url)
            let answer = try await client.post("/v1/webhooks/\(id)/test", .null).json
            #expect(answer["delivered"] == false && answer["status"] == 0)
            #expect(answer["error"]?.text?.contains("has no public address") == true, "\(answer)")
        }
    }

    @Test("without webhooks.allowPlainHTTP a URL is https")
    func plainHTTP() async throws {
        let client = try Client()
        let body: JSON = ["name": "Hook", "url": "http://example.org/"]
        let refused = try await client.post("/v1/webhooks", body)
        #expect(refused.status == 422 && refused.text.contains("https://"))
        let unknown = try await client.post(
            "/v1/webhooks", ["name": "H", "url": "https://example.org", "kinds": ["no-such"]])
        #expect(unknown.status == 422)
    }

    @Test("a test says what comes back, and an event is sent once more when that is asked for")
    func testAndRedelivery() async throws {
        let receiver = try await WebhookReceiver { message, _ in
            message.sequence == 0 ? .forbidden : .ok
        }
        try await sending { client, _ in
            let (id, _) = try await create(client, receiver.url("/test"))
            let tested = try await client.post("/v1/webhooks/\(id)/test", .null).json
            #expect(tested["status"]?.integer == 403 && tested["delivered"] == false)
            try await account(client, "a1")
            #expect(try await awaits { try await deliveries(client, id).count == 2 })
            let delivered = try #require(try await deliveries(client, id).first)
            let number = try #require(delivered["id"]?.text)
            let again = try await client.post(
                "/v1/webhooks/\(id)/deliveries/\(number)/redeliver", .null)
            #expect(again.status == 200 && again.json["delivered"] == true, "\(again.text)")
            let messages = receiver.received("/test").filter { $0.sequence > 0 }
            #expect(messages.count == 2 && messages[0].bytes == messages[1].bytes)
            #expect(messages[0].header("webhook-id") == messages[1].header("webhook-id"))
            let list = try await deliveries(client, id)
            #expect(list.map { $0["cause"]?.text } == ["redelivery", "event", "test"])
            // There is no event of a test.
            let first = try #require(list.last?["id"]?.text)
            for path in ["\(first)", "99"] {
                let answer = try await client.post(
                    "/v1/webhooks/\(id)/deliveries/\(path)/redeliver", .null)
                #expect(answer.reason == "unknown-delivery")
            }
        }
    }

    @Test("a rotated secret signs beside the one before, as long as that was said")
    func rotation() async throws {
        let receiver = try await WebhookReceiver()
        try await sending { client, _ in
            let (id, secret) = try await create(client, receiver.url("/rotated"))
            let rotated = try await client.post(
                "/v1/webhooks/\(id)/secret/rotate", ["overlapHours": 1]
            ).json["secret"]?.text
            #expect(rotated != nil && rotated != secret)
            #expect(try await awaits { receiver.received("/rotated").count == 1 })
            client.controlPlane.advance(milliseconds: 3_600_000)
            try await account(client, "a1")
            #expect(try await awaits { receiver.received("/rotated").count == 2 })
            let signatures = receiver.received("/rotated").map {
                $0.header("webhook-signature")?.split(separator: " ").count
            }
            #expect(signatures == [2, 1])
        }
    }

    @Test("a webhook of an account gets what that account may see, of the kinds that it names")
    func scope() async throws {
        let receiver = try await WebhookReceiver()
        try await sending { client, _ in
            try await client.furnish()
            try await account(client, "other")
            _ = try await create(client, receiver.url("/acme"), account: "acme")
            _ = try await create(client, receiver.url("/other"), account: "other")
            _ = try await create(
                client, receiver.url("/kinds"), account: "acme", kinds: ["account-created"])
            _ = try await create(client, receiver.url("/all"))
            try await account(client, "child", parent: "acme")
            _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,s\n")
            _ = try await client.post("/v1/products/lamp/devices/d1/activate", [:])
            try await account(client, "last")
            #expect(
                try await awaits {
                    receiver.received("/all").last?.json["account"]?.text == "last"
                })
            @Sendable func changes(_ path: String) -> [String] {
                receiver.received(path).compactMap { $0.json["change"]?.text }
            }
            let expected = [
                "webhook-created", "account-created", "devices-imported", "device-activated",
            ]
            #expect(try await awaits { changes("/acme").count >= expected.count })
            #expect(changes("/acme") == expected)
            #expect(changes("/other") == [])
            #expect(changes("/kinds") == ["account-created"])
        }
    }

    @Test("a key sees and changes the webhooks of its own accounts alone")
    func rights() async throws {
        let client = try Client()
        for id in ["acme", "other"] { try await account(client, id) }
        try await account(client, "child", parent: "acme")
        _ = try await client.post("/v1/products", ["pk": "lamp", "name": "L", "account": "acme"])
        var ids: [String: String] = [:]
        for owner in ["acme", "child", "other"] {
            ids[owner] = try await create(client, "https://example.org", account: owner).id
        }
        ids["all"] = try await create(client, "https://example.org").id
        func token(_ role: String, _ account: String?, products: [String]? = nil) async throws
            -> String
        {
            let body: JSON = [
                "name": "k", "role": .text(role), "account": JSON(account),
                "products": products.map { .array($0.map { .text($0) }) } ?? .null,
            ]
            return try #require(try await client.post("/v1/keys", body).json["token"]?.text)
        }
        let cases: [(String, Set<String>)] = [
            (try await token("sub-account", "acme"), ["acme", "child"]),
            (try await token("operator", "acme"), ["acme", "child"]),
            (try await token("owner", "child"), ["child"]),
            (try await token("operator", nil), ["acme", "child", "other", "all"]),
            (try await token("operator", "acme", products: ["lamp"]), []),
            (try await token("operator", nil, products: ["lamp"]), []),
        ]
        for (token, reached) in cases {
            let list = try await client.get("/v1/webhooks", token: token).json["items"]?.array
            let listed = Set((list ?? []).compactMap { $0["id"]?.text })
            // Those that other keys have made meanwhile are of the same accounts.
            #expect(listed.intersection(ids.values) == Set(reached.compactMap { ids[$0] }))
            for (owner, id) in ids {
                for path in ["", "/deliveries"] {
                    let answer = try await client.get("/v1/webhooks/\(id)\(path)", token: token)
                    #expect(answer.status == (reached.contains(owner) ? 200 : 404))
                }
                let patch: JSON = ["name": "Other"]
                for headers in [[:], ["Idempotency-Key": "k-\(id)"]] {
                    let changed = try await client.send(
                        .patch, "/v1/webhooks/\(id)", patch.bytes, token: token, headers: headers)
                    #expect(changed.status == (reached.contains(owner) ? 200 : 404))
                }
                guard !reached.contains(owner) else { continue }
                for headers in [[:], ["Idempotency-Key": "d-\(id)"]] {
                    let deleted = try await client.send(
                        .delete, "/v1/webhooks/\(id)", token: token, headers: headers)
                    #expect(deleted.reason == "unknown-webhook")
                }
            }
            for owner in ["acme", "child", "other", nil] {
                let body: JSON = [
                    "name": "New", "url": "https://example.org", "account": JSON(owner),
                ]
                let made = try await client.send(
                    .post, "/v1/webhooks", body.bytes, token: token)
                #expect((made.status == 201) == reached.contains(owner ?? "all"), "\(made.text)")
            }
        }
        let application = try await token("application", "acme")
        #expect(try await client.get("/v1/webhooks", token: application).status == 403)
    }
}

/// What goes to a receiver, and when again, without a socket or a clock.
@Suite("Messages of webhooks", .serves)
struct WebhookMessageTests {
    @Test("eight attempts within a day, a tenth earlier or later")
    func schedule() {
        let schedule = RetrySchedule.standard
        #expect(schedule.attempts == 8)
        #expect(
            schedule.pauses.reduce(0, +) < 86_400 && schedule.pauses == schedule.pauses.sorted())
        #expect(schedule.pause(afterFailures: 1, jitter: 0) == 4_500)
        #expect(schedule.pause(afterFailures: 1, jitter: 1) == 5_500)
        #expect(schedule.pause(afterFailures: 7, jitter: 0.5) == 28_800_000)
        #expect(schedule.pause(afterFailures: 8, jitter: 0.5) == nil)
    }

    @Test("a signature is the one of Standard Webhooks' own example")
    func signature() throws {
        // github.com/standard-webhooks/standard-webhooks, libraries' test vector.
        let secret = try #require(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let text = WebhookSignature.text(
            of: Array(#"{"test": 2432232314}"#.utf8), "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330, secret: secret)
        #expect(text == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }
}
