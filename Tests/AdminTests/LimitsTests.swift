import Gateway
import HTTPTypes
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Processes
import Testing

@testable import Admin

/// Keeps level and metadata of what is logged.
private struct LineHandler: LogHandler {
    let lines: NIOLockedValueBox<[String]>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map {
            "\($0.key)=\($0.value)"
        }
        let line = (["\(event.level)"] + fields).joined(separator: " ")
        lines.withLockedValue { $0.append(line) }
    }
}

@Suite("Limits", .serves)
struct LimitsTests {
    @Test("two seconds' worth of requests may come at once, then one an interval")
    func rate() {
        let limiter = RateLimiter(requestsPerSecond: 10)
        let start = ContinuousClock.now
        for _ in 1...20 { #expect(limiter.delay(of: .actor("a"), at: start) == nil) }
        #expect(limiter.delay(of: .actor("a"), at: start) == .milliseconds(100))
        #expect(limiter.delay(of: .actor("b"), at: start) == nil)
        let later = start + .milliseconds(100)
        #expect(limiter.delay(of: .actor("a"), at: later) == nil)
        #expect(limiter.delay(of: .actor("a"), at: later) == .milliseconds(100))
        for _ in 1...20 { #expect(limiter.delay(of: .actor("a"), at: start + .seconds(9)) == nil) }
    }

    @Test("a network of IPv6 is one origin, an address of IPv4 is")
    func origins() {
        typealias Caller = RateLimiter.Caller
        #expect(Caller.origin(of: "2001:db8::1") == Caller.origin(of: "2001:db8::ffff:2"))
        #expect(Caller.origin(of: "2001:db8::1") != Caller.origin(of: "2001:db8:0:1::1"))
        #expect(Caller.origin(of: "192.0.2.1") != Caller.origin(of: "192.0.2.2"))
    }

    @Test("too many requests of one caller are answered 429 with Retry-After; others go on")
    func tooMany() async throws {
        let client = try Client { $0.admin.requestsPerSecond = 1 }
        for _ in 1...2 { #expect(try await client.get("/v1/packages").status == 200) }
        let answer = try await client.get("/v1/packages")
        #expect(answer.status == 429 && answer.reason == "too-many-requests")
        #expect(answer.headers[.retryAfter] == "1")
        // Whoever has no token is another caller, and does not spend what health checks need.
        for status in [401, 401, 429] {
            #expect(try await client.get("/v1/packages", token: "wrong").status == status)
        }
        #expect(try await client.get("/healthz", token: nil).status == 200)
        // An interval later, one more.
        client.clock.withLockedValue { $0 += .seconds(1) }
        #expect(try await client.get("/v1/packages").status == 200)
        #expect(try await client.get("/v1/packages").status == 429)
    }

    @Test(
        "wrong tokens are in the log, a line a second, by their keys and addresses, and no secret")
    func wrongTokens() {
        let lines = NIOLockedValueBox<[String]>([])
        var logger = Logger(label: "test") { _ in LineHandler(lines: lines) }
        logger.logLevel = .info
        let wrong = WrongTokens(limits: GatewayConfiguration.Limits(), logger: logger)
        let start = ContinuousClock.now
        _ = wrong.note("k-1.guess", from: "192.0.2.1", at: start)
        for _ in 0..<30 { _ = wrong.note("k-2.guess", from: "192.0.2.2", at: start) }
        _ = wrong.note("no key\u{1B}", from: nil, at: start + .seconds(1))
        let said = lines.withLockedValue { $0 }
        #expect(said == ["notice address=192.0.2.1 key=k-1", "notice address=- key=- more=30"])
    }

    @Test(
        "too many wrong tokens of one address, or one /64, are answered 429 with Retry-After, for longer each time"
    )
    func wrongTokensHeldBack() async throws {
        let client = try Client {
            $0.limits.wrongSecretsPerMinutePerAddress = 5
            $0.limits.wrongSecretPenaltySeconds = 3
            $0.limits.exemptNetworks = ["203.0.113.0/24"]
        }
        func guess(_ count: Int, from address: String) async throws -> [Int] {
            var statuses: [Int] = []
            for number in 0..<count {
                // Where nothing is, a token is tried as well as anywhere.
                let path = number % 2 == 0 ? "/v1/packages" : "/v1/nothing"
                let answer = try await client.send(.get, path, token: "wrong", from: address)
                statuses.append(answer.status)
            }
            return statuses
        }
        let crowd = ["192.0.2.1", "2001:db8::1"]
        for address in crowd {
            #expect(try await guess(8, from: address) == [401, 404, 401, 404, 401, 404, 429, 429])
        }
        let held = try await client.send(
            .get, "/v1/packages", token: "wrong", from: "2001:db8::ffff")
        #expect(held.reason == "too-many-wrong-tokens" && held.headers[.retryAfter] == "1")
        #expect(held.headers[.contentType] == "application/problem+json")
        for seconds in [1, 2, 3, 3] {
            client.clock.withLockedValue { $0 += .seconds(seconds) }
            #expect(try await guess(1, from: crowd[0]) == [401])
            let next = try await client.send(.get, "/v1/packages", token: "k-1.x", from: crowd[0])
            #expect(next.status == 429 && next.headers[.retryAfter] == "\(min(2 * seconds, 3))")
        }
        // Elsewhere, and in a network that is exempt, the answer is what it was.
        for address in ["192.0.2.2", "2001:db8:0:1::1"] {
            #expect(try await guess(1, from: address) == [401])
        }
        #expect(try await guess(40, from: "203.0.113.1").allSatisfy { $0 != 429 })
        // Quiet forgives.
        client.clock.withLockedValue { $0 += .seconds(120) }
        #expect(try await guess(5, from: crowd[0]) == [401, 404, 401, 404, 401])
    }

    @Test(
        "an address that is held back for wrong tokens is heard with a valid one, and for what needs none"
    )
    func validTokenHeard() async throws {
        let client = try Client { $0.limits.wrongSecretsPerMinutePerAddress = 1 }
        let shared = "192.0.2.1"
        for number in 0..<20 {
            let wrong = try await client.send(.get, "/v1/packages", token: "wrong", from: shared)
            #expect(wrong.status == (number < 2 ? 401 : 429))
            #expect(try await client.send(.get, "/v1/packages", from: shared).status == 200)
        }
        #expect(try await client.send(.get, "/healthz", token: nil, from: shared).status == 200)
        // Without a token nothing was guessed.
        let bare = try await client.send(.get, "/v1/packages", token: nil, from: shared)
        #expect(bare.status == 401)
        // A valid one makes good nothing either: it may be the guesser's own.
        let again = try await client.send(.get, "/v1/packages", token: "wrong", from: shared)
        #expect(again.status == 429)
    }

    @Test("wrong tokens are counted in the metrics, valid ones and none at all are not")
    func wrongTokensCounted() async throws {
        let client = try Client { $0.limits.wrongSecretsPerMinutePerAddress = 1 }
        for address in [nil, "192.0.2.1", "192.0.2.1", "192.0.2.1"] {
            _ = try await client.send(.get, "/v1/packages", token: "wrong", from: address)
        }
        _ = try await client.get("/v1/packages")
        _ = try await client.get("/v1/packages", token: nil)
        let metrics = try await client.get("/metrics", token: nil).text
        #expect(metrics.contains("# TYPE tollgate_api_wrong_tokens_total counter\n"))
        #expect(metrics.contains("tollgate_api_wrong_tokens_total 4\n"))
    }

    @Test("requests for what there is not count as well, for their token or where they came from")
    func tooManyUnknown() async throws {
        let client = try Client { $0.admin.requestsPerSecond = 1 }
        #expect(try await client.get("/v1/nothing").status == 404)
        #expect(try await client.send(.delete, "/v1/packages").status == 405)
        let answer = try await client.get("/nothing/else")
        #expect(answer.status == 429 && answer.reason == "too-many-requests")
        #expect(answer.headers[.retryAfter] == "1")
        // They are the same that the token's other requests are counted among.
        #expect(try await client.get("/v1/packages").status == 429)
        #expect(try await client.send(.put, "/healthz", token: nil).status == 405)
        #expect(try await client.get("/nothing", token: "wrong").status == 404)
        #expect(try await client.get("/nothing", token: nil).status == 429)
        #expect(try await client.get("/v1/packages", token: nil).status == 429)
        #expect(try await client.get("/healthz", token: nil).status == 200)
    }

    private func connection(
        bodyMaximum: Int = 1_000
    ) throws -> (channel: EmbeddedChannel, loop: EmbeddedEventLoop) {
        let loop = EmbeddedEventLoop()
        let handler = ConnectionGuard(timeout: .seconds(8), bodyMaximum: bodyMaximum)
        let channel = EmbeddedChannel(handler: handler, loop: loop)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        channel.read()
        return (channel, loop)
    }

    private static let head = HTTPRequestPart.head(
        HTTPRequest(method: .post, scheme: "http", authority: "a", path: "/"))

    @Test("a client that sends no request, or not the rest of it, is left after the timeout")
    func slowRequest() throws {
        let (silent, loop) = try connection()
        loop.advanceTime(by: .seconds(8))
        #expect(silent.isActive)
        loop.advanceTime(by: .seconds(3))
        #expect(!silent.isActive)

        let (slow, slowLoop) = try connection()
        slowLoop.advanceTime(by: .seconds(7))
        try slow.writeInbound(Self.head)
        slow.read()
        slowLoop.advanceTime(by: .seconds(7))
        try slow.writeInbound(HTTPRequestPart.body(ByteBuffer(string: "a")))
        slow.read()
        #expect(slow.isActive)
        // A byte now and then is not enough.
        slowLoop.advanceTime(by: .seconds(3))
        #expect(!slow.isActive)
    }

    @Test("while the server works, or does not want to read, no time runs for the client")
    func slowServer() throws {
        let (channel, loop) = try connection()
        try channel.writeInbound(Self.head)
        // Nobody reads on: the server is busy with what it has.
        loop.advanceTime(by: .seconds(100))
        #expect(channel.isActive)
        channel.read()
        try channel.writeInbound(HTTPRequestPart.end(nil))
        channel.read()
        loop.advanceTime(by: .seconds(100))
        #expect(channel.isActive)
        try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: .ok)))
        try channel.writeOutbound(HTTPResponsePart.end(nil))
        loop.advanceTime(by: .seconds(11))
        #expect(!channel.isActive)
    }

    @Test("a body that is longer than any request may be is not read to its end")
    func endlessBody() throws {
        let (channel, _) = try connection()
        try channel.writeInbound(Self.head)
        let part = HTTPRequestPart.body(ByteBuffer(repeating: 0, count: 600))
        try channel.writeInbound(part)
        #expect(channel.isActive)
        try channel.writeInbound(part)
        #expect(!channel.isActive)
    }

    @Test("a client that does not take its answer is left after the timeout")
    func stalled() throws {
        let (channel, loop) = try connection()
        try channel.writeInbound(Self.head)
        try channel.writeInbound(HTTPRequestPart.end(nil))
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        loop.advanceTime(by: .seconds(7))
        #expect(channel.isActive)
        loop.advanceTime(by: .seconds(4))
        #expect(!channel.isActive)
    }
}

/// What bodies take.
@Suite("Bodies", .serves)
struct BodyTests {
    @Test(
        "every operation that takes JSON has a limit of bytes and of values; only lists have large ones"
    )
    func declared() {
        let bodies = Routes.all.compactMap { route in
            route.operation.body?.json == nil ? nil : (route.operation.id, route.operation.body)
        }
        let large = bodies.filter { $0.1?.jsonLimit.bytes == nil }.map(\.0)
        #expect(
            Set(large) == [
                "changeDevices", "createCampaign", "createKey", "importDevices", "sendMessage",
                "setRevocationList",
            ])
        for (id, body) in bodies { #expect((body?.jsonLimit.values ?? 0) <= 50_000, "\(id)") }
    }

    @Test("a body that is longer, or has more values, than its operation takes, is answered 413")
    func limits() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,s\n")
        let long = JSON.object([
            .init(name: "name", value: .text(String(repeating: "a", count: 70_000)))
        ])
        let many = JSON.array(Array(repeating: 1, count: 50_001))
        let names = ["account": "acme", "pk": "lamp", "product": "lamp", "dk": "d1"]
        let sample = Sample(names: names)
        for route in Routes.all where route.operation.body?.json != nil {
            let path = sample.path(of: route)
            for body in route.operation.body?.jsonLimit.bytes == nil ? [many] : [many, long] {
                let answer = try await client.send(route.method, path, body.bytes)
                #expect(answer.status == 413, "\(route.operation.id) \(answer.text)")
                #expect(answer.reason == "request-too-large")
            }
        }
    }

    @Test("the reader stops at the first value that is too many")
    func values() throws {
        let bytes = Array("[1,[2,{\"a\":\"b\"}],null]".utf8)
        #expect(throws: Never.self) { try JSON(bytes, upTo: 7) }
        #expect(throws: JSON.Fault.tooManyValues) { try JSON(bytes, upTo: 6) }
        // What comes behind is not looked at.
        #expect(throws: JSON.Fault.tooManyValues) { try JSON(Array("[1,2,".utf8), upTo: 2) }
        #expect(throws: JSON.Fault.malformed) { try JSON(Array("[1,2,".utf8), upTo: 4) }
    }

    @Test("the budget counts what each body has beyond its free bytes, until its request is over")
    func budget() {
        let budget = BodyBudget(maximumBytes: 100)
        var first: BodyBudget.Share? = budget.share()
        #expect(first?.grow(to: BodyBudget.freeBytes) == true && budget.takenBytes == 0)
        #expect(first?.grow(to: BodyBudget.freeBytes + 60) == true && budget.takenBytes == 60)
        let second = budget.share()
        #expect(second.grow(to: BodyBudget.freeBytes + 40))
        #expect(!second.grow(to: BodyBudget.freeBytes + 41))
        #expect(budget.takenBytes == 100)
        first = nil
        #expect(budget.takenBytes == 40 && second.grow(to: BodyBudget.freeBytes + 41))
    }
}

/// Who gets a place among the connections.
@Suite("Places", .serves)
struct PlaceTests {
    private final class Gone: Sendable {
        let ids = NIOLockedValueBox<[Int]>([])
    }

    @Test("the connection that has waited longest gives way; one that is busy never does")
    func oldest() throws {
        let places = ConnectionPlaces(maximum: 3, addressMaximum: 3)
        let gone = Gone()
        func enter(_ id: Int) -> ConnectionPlaces.Place? {
            places.enter(from: UInt64(id)) { gone.ids.withLockedValue { $0.append(id) } }
        }
        let first = try #require(enter(1))
        let second = try #require(enter(2))
        _ = try #require(enter(3))
        places.isWaiting(first, false)
        #expect(enter(4)?.isReserve == false)
        #expect(gone.ids.withLockedValue { $0 } == [2])
        // Left already: once more makes no room.
        places.leave(second)
        #expect(places.count == 3)
        // Its wait begins anew behind its request.
        places.isWaiting(first, true)
        #expect(enter(5)?.isReserve == false && enter(6)?.isReserve == false)
        #expect(gone.ids.withLockedValue { $0 } == [2, 3, 4])
    }

    @Test("when all are busy there is a reserve, which gives way among itself")
    func reserve() throws {
        let places = ConnectionPlaces(maximum: 1, addressMaximum: 1)
        let busy = try #require(places.enter(from: 1) {})
        places.isWaiting(busy, false)
        for number in 0..<(2 * ConnectionPlaces.reserve) {
            let origin = UInt64(10 + number / 4)
            #expect(places.enter(from: origin) {}?.isReserve == true)
        }
        #expect(places.count == 1 + ConnectionPlaces.reserve)
        #expect(places.enter(from: 2) {}?.isReserve == true)
        places.leave(busy)
        #expect(places.enter(from: 2) {}?.isReserve == false)
    }

    @Test("one address has a quarter of the reserve, and answers under way can't fill all of it")
    func reserveOfAddress() throws {
        let places = ConnectionPlaces(maximum: 1, addressMaximum: 1)
        places.isWaiting(try #require(places.enter(from: 1) {}), false)
        for _ in 0..<ConnectionPlaces.reserveOfAddress {
            places.isWaiting(try #require(places.enter(from: 1) {}), false)
        }
        #expect(places.enter(from: 1) {} == nil)
        #expect(places.enter(from: 2) {}?.isReserve == true)
    }

    @Test("who takes nothing of an answer for two seconds gives way; who reads on is busy again")
    func stalled() throws {
        let places = ConnectionPlaces(maximum: 1, addressMaximum: 1)
        let limits = ConnectionLimits(timeout: .seconds(8), bodyMaximum: 1_000)
        let loop = EmbeddedEventLoop()
        let channel = EmbeddedChannel(
            handler: ConnectionGuard(limits: limits, places: places), loop: loop)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        let request = HTTPRequest(method: .get, scheme: nil, authority: "a", path: "/v1/packages")
        try channel.writeInbound(HTTPRequestPart.head(request))
        try channel.writeInbound(HTTPRequestPart.end(nil))
        func takes(_ isWritable: Bool) {
            channel.isWritable = isWritable
            channel.pipeline.fireChannelWritabilityChanged()
        }
        for isReading in [true, false] {
            takes(false)
            #expect(places.enter(from: 7) {}?.isReserve == true)
            loop.advanceTime(by: .seconds(4))
            if isReading { takes(true) }
            #expect(places.enter(from: 8) {}?.isReserve == isReading)
        }
        loop.run()
        #expect(!channel.isActive)
    }
}
