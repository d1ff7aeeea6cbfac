import Replication
import Testing
import Time

@testable import JetStream

/// What is decided without a server.
@Suite("Values of JetStream")
struct ValueTests {
    @Test(
        "a server's version: three numbers, whatever follows",
        arguments: [
            ("2.15.1", ServerVersion(major: 2, minor: 15, patch: 1)),
            ("2.16.0-beta.2", ServerVersion(major: 2, minor: 16, patch: 0)),
            ("2.11.3+build.7", ServerVersion(major: 2, minor: 11, patch: 3)),
            ("2.9", nil), ("2.9.x", nil), ("", nil), ("2..1", nil), ("2.-1.0", nil),
        ]
    )
    func version(text: String, expected: ServerVersion?) {
        #expect(ServerVersion(text) == expected)
    }

    @Test(
        "Debian's 2.9.10 and those before messages with an end of their own are too old, later ones are not",
        arguments: [
            ("2.9.10", true), ("2.10.29", true), ("1.99.99", true), ("2.11.0", false),
            ("2.15.1", false), ("3.0.0", false),
        ]
    )
    func age(text: String, isTooOld: Bool) throws {
        let version = try #require(ServerVersion(text))
        #expect((version < .minimum) == isTooOld)
    }

    @Test("a server that is too old is refused with both versions")
    func oldServer() {
        let error = JetStreamError.tooOld(server: "n1", version: "2.9.10", minimum: "2.11.0")
        #expect(error.description.contains("n1 is version 2.9.10"))
        #expect(error.description.contains("2.11.0 or newer"))
    }

    @Test(
        "the place in a server's URL",
        arguments: [
            ("nats://127.0.0.1:4333", "127.0.0.1", 4_333),
            ("tls://user:pass:@word@[::1]:4222/", "::1", 4_222),
            ("nats.example", "nats.example", 4_222),
        ] as [(String, String, UInt16)]
    )
    func place(url: String, host: String, port: UInt16) {
        let place = ServerGreeting.Place(url)
        #expect(place?.host == host && place?.port == port)
    }

    @Test("JSON: what is written is read, with sequences of 64 bits and every character")
    func json() {
        let value: JSON = [
            "seq": .number(UInt64.max), "text": .text("\"\\\u{1}\u{1F600}/"), "none": .null,
            "list": .array([.truth(true), .truth(false), .number(-1), [:], .array([])]),
        ]
        #expect(JSON(value.bytes) == value)
        #expect(JSON(value.bytes)?["seq"]?.unsigned == .max)
        #expect(JSON(Array(#" {"a" : "\ud83d\ude00\n\u0041" } "#.utf8)) == ["a": .text("😀\nA")])
    }

    @Test(
        "what is not JSON is not read",
        arguments: [
            "", "{", "[1,]", "{\"a\"}", "{\"a\":}", "tru", "1 2", "\"", "\"\\x\"", "\"\\u12\"",
            "\"\\ud83d\"", "{a:1}", "--", "nan", "01", "1.", "\"\\u+123\"",
            String(repeating: "[", count: 40) + String(repeating: "]", count: 40),
        ]
    )
    func notJSON(text: String) { #expect(JSON(Array(text.utf8)) == nil) }

    @Test(
        "an append is refused only when the server has said that it did not store the entry",
        arguments: [
            (#"{"stream":"L","seq":12}"#, Result<UInt64, AppendError>.success(12)),
            (
                #"{"error":{"code":400,"err_code":10054,"description":"too large"},"seq":0}"#,
                .failure(.refused("too large"))
            ),
            (
                #"{"error":{"code":503,"err_code":10077,"description":"store"},"stream":"L"}"#,
                .failure(.unknown("store"))
            ),
            (#"{"error":{}}"#, .failure(.unknown("an error without words"))),
            (
                #"{"stream":"M","seq":12}"#,
                .failure(.unknown("the acknowledgement is of another stream"))
            ),
            (
                #"{"stream":"L","seq":0}"#,
                .failure(.unknown("the acknowledgement is of another stream"))
            ),
            ("+OK", .failure(.unknown("the acknowledgement is not JSON"))),
        ]
    )
    func acknowledgement(text: String, expected: Result<UInt64, AppendError>) {
        #expect(Acknowledgement.result(Array(text.utf8), of: "L") == expected)
    }

    @Test("settings that can't be right are refused before any connection")
    func settings() {
        func refusal(_ change: (inout JetStreamSettings) -> Void) -> JetStreamError? {
            var settings = JetStreamSettings(
                servers: ["nats://localhost:4222"], stream: "L", subject: "l.entries")
            change(&settings)
            do throws(JetStreamError) {
                try settings.check()
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal { _ in } == nil)
        let wrong: [(inout JetStreamSettings) -> Void] = [
            { $0.servers = [] }, { $0.servers.append("localhost") }, { $0.stream = "a.b" },
            { $0.stream = "" }, { $0.subject = "a..b" }, { $0.subject = "a.>" },
            { $0.replicas = 2 }, { $0.tls = .init(certificateChainFile: "cert.pem") },
        ]
        for change in wrong {
            guard case .badSettings = refusal(change) else {
                Issue.record("taken, or refused otherwise")
                continue
            }
        }
    }

    @Test("a stream is compared with what a log needs: what differs is named")
    func differences() throws {
        let settings = JetStreamSettings(
            servers: ["nats://localhost:4222"], stream: "L", subject: "l")
        func differences(_ changes: [String: JSON]) throws -> [String] {
            guard case .object(var config) = StreamInfo.config(for: settings, clusterID: "c") else {
                return []
            }
            config.merge(changes) { $1 }
            let answer: JSON = ["config": .object(config), "state": ["last_seq": .number(0)]]
            return try #require(StreamInfo(answer)).differences(from: settings)
        }
        #expect(try differences([:]) == [])
        #expect(try differences(["num_replicas": .number(5)]) == [])
        let unsafeChanges: [String: JSON] = [
            "num_replicas": .number(1), "storage": .text("memory"), "discard": .text("old"),
            "retention": .text("workqueue"), "deny_delete": .truth(false), "max_age": .number(5),
            "max_msgs": .number(10), "max_bytes": .number(10), "max_msgs_per_subject": .number(1),
            "max_msg_size": .number(10), "allow_rollup_hdrs": .truth(true),
            "no_ack": .truth(true), "sealed": .truth(true), "allow_direct": .truth(false),
            "subjects": .array([.text("l"), .text("m")]), "persist_mode": .text("async"),
            "mirror": ["name": .text("M")], "allow_msg_ttl": .truth(true),
        ]
        for (name, value) in unsafeChanges {
            let found = try differences([name: value])
            #expect(found.count == 1 && found[0].hasPrefix("\(name) is \(value)"), "\(found)")
        }
    }

    @Test("a keyed record has its key in front; one without a key is none")
    func keyedRecord() {
        let key = [UInt8](repeating: 0x61, count: 258)
        let bytes = KeyedRecord.encode(key, [1, 2])
        #expect(bytes == [1, 2] + key + [1, 2])
        func decoded(_ bytes: [UInt8]) -> LatestRecord? {
            KeyedRecord.decode(LogEntry(position: 7, at: Timestamp(seconds: 1), bytes: bytes))
        }
        let record = LatestRecord(key: key, position: 7, at: Timestamp(seconds: 1), bytes: [1, 2])
        #expect(decoded(bytes) == record)
        #expect(decoded(KeyedRecord.encode(key, []))?.bytes == [])
        for bytes in [[], [0], [0, 0], [0, 0, 1], [0, 2, 1], [1, 0, 1]] as [[UInt8]] {
            #expect(decoded(bytes) == nil)
        }
    }
}
