import Glibc
import Linux
import NATSServers
import Processes
import Replication
import Support
import Synchronization
import Testing

@testable import JetStream

@Suite("Uplink streams in JetStream", .waits)
struct UplinkTests {
    private func open(_ servers: NATSServers) throws -> JetStreamUplink {
        try JetStreamUplink(servers.settings())
    }

    private func message(_ text: String, id: String) -> StreamMessage {
        StreamMessage(
            words: ["PK", "d%2E1", "up", "a"],
            headers: [
                .init("Tollgate-Device", "d.1"), .init("Tollgate-Property", "a=1"),
                .init("Tollgate-Property", "b=2"),
            ],
            payload: Array(text.utf8), id: id)
    }

    /// Tries until it is taken; its position.
    private func put(
        _ text: String, id: String, into stream: String = "MACHINES", _ streams: JetStreamUplink
    ) -> UInt64? {
        var position: UInt64?
        _ = Patience.awaits {
            let answer = Monitor<Result<UInt64, AppendError>?>(nil)
            streams.put(message(text, id: id), into: stream) { result in
                answer.change { $0 = result }
            }
            let result: Result<UInt64, AppendError>? = answer.wait { $0.map { .some($0) } } ?? nil
            if case .success(let found) = result { position = found }
            return position != nil
        }
        return position
    }

    @Test("A stream that is not there is made; subject, header and payload are as they were given")
    func made() throws {
        let servers = try NATSServers(1)
        let streams = try open(servers)
        defer { streams.close() }
        streams.use(["MACHINES"])
        #expect(Patience.awaits { streams.doubts.isEmpty })
        #expect(put("one", id: "x-1", streams) == 1)
        #expect(put("one", id: "x-1", streams) == 1, "the same id: it is there once")
        #expect(put("", id: "x-2", streams) == 2)
        let link = try Link(servers.settings())
        defer { link.close() }
        let question: JSON = ["seq": .number(1)]
        let entry = try link.connection.request(
            question.bytes, on: "$JS.API.DIRECT.GET.MACHINES", milliseconds: 5_000)
        #expect(entry.header("Nats-Subject") == "tollgate.uplink.MACHINES.PK.d%2E1.up.a")
        #expect(entry.header("Tollgate-Device") == "d.1" && entry.bytes == Array("one".utf8))
        #expect(entry.header("Nats-Msg-Id") == "x-1")
        #expect(entry.header("Tollgate-Property") == "a=1")
        let info = try StreamAPI(link, servers.settings(stream: "MACHINES")).info()
        #expect(info.last == 2 && info.config["storage"] == .text("file"))
        #expect(info.config["discard"] == .text("new"))
        #expect(info.config["num_replicas"]?.integer == 1)
    }

    @Test(
        "An operator's stream is used as it is when it takes the subject, and else named as wrong")
    func operators() throws {
        let servers = try NATSServers(1)
        let link = try Link(servers.settings())
        defer { link.close() }
        func make(_ name: String, _ subject: String) throws {
            let api = StreamAPI(link, servers.settings(stream: name))
            _ = try api.create([
                "name": .text(name), "subjects": .array([.text(subject)]),
                "retention": .text("workqueue"), "max_age": .number(3_600_000_000_000),
            ])
        }
        try make("OWN", "tollgate.uplink.OWN.>")
        try make("OTHER", "orders.*")
        let streams = try open(servers)
        defer { streams.close() }
        streams.use(["OWN", "OTHER"])
        #expect(Patience.awaits { streams.doubts.count == 1 })
        #expect(
            streams.doubts["OTHER"]
                == "its subjects have to have tollgate.uplink.OTHER.>, and are orders.*")
        #expect(put("one", id: "1", into: "OWN", streams) == 1)
        let refused = Monitor<Bool?>(nil)
        streams.put(message("x", id: "2"), into: "OTHER") { result in
            refused.change { $0 = (try? result.get()) == nil }
        }
        #expect(refused.wait { $0 } == true)
        let info = try StreamAPI(link, servers.settings(stream: "OWN")).info()
        #expect(info.config["retention"] == .text("workqueue"))
    }

    @Test("While the server is away nothing is acknowledged; when it is back, things go on")
    func away() throws {
        let servers = try NATSServers(1)
        var settings = servers.settings()
        settings.appendMilliseconds = 1_000
        let streams = try JetStreamUplink(settings)
        defer { streams.close() }
        #expect(put("1", id: "1", streams) == 1)
        try servers.stop(0, kill: true)
        let answer = Monitor<Bool?>(nil)
        streams.put(message("2", id: "2"), into: "MACHINES") { result in
            answer.change { $0 = (try? result.get()) != nil }
        }
        #expect(answer.wait { $0 } == false)
        #expect(Patience.awaits { !streams.doubts.isEmpty })
        try servers.start(0)
        #expect(put("2", id: "2", streams) == 2)
        #expect(Patience.awaits { streams.doubts.isEmpty })
    }

    @Test("A stream that is deleted is made again")
    func deleted() throws {
        let servers = try NATSServers(1)
        let streams = try open(servers)
        defer { streams.close() }
        #expect(put("1", id: "1", streams) == 1)
        let link = try Link(servers.settings())
        defer { link.close() }
        _ = try link.connection.request(
            [], on: "$JS.API.STREAM.DELETE.MACHINES", milliseconds: 5_000)
        #expect(put("2", id: "2", streams) == 1)
    }

    @Test("Servers that can't be reached at the start are waited for")
    func late() throws {
        let servers = try NATSServers(1)
        let settings = servers.settings()
        try servers.stop(0)
        #expect(throws: JetStreamError.self) { try JetStreamUplink(settings) }
        let late = try LateUplinkStreams(why: "away", pauseMilliseconds: 50) {
            try JetStreamUplink(settings)
        }
        defer { late.close() }
        late.use(["MACHINES"])
        #expect(late.doubts["MACHINES"]?.contains("away") == true)
        try servers.start(0)
        #expect(Patience.awaits { late.doubts.isEmpty })
    }
}
