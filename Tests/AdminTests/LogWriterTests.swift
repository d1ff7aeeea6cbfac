import Gateway
import Logging
import Processes
import Synchronization
import Testing

@testable import Admin

@Suite("Lines of the log", .serves)
struct LogWriterTests {
    private final class Sink: Sendable {
        let bytes = Mutex<[UInt8]>([])

        var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }
    }

    private func logger(
        _ format: GatewayConfiguration.Log.Format,
        level: LogLevel = .info,
        _ sink: Sink
    ) -> Logger {
        var configuration = GatewayConfiguration.Log()
        configuration.format = format
        configuration.level = level
        let writer = LogWriter(configuration) { line in sink.bytes.withLock { $0 += line } }
        return Logger(label: "test") { _ in writer }
    }

    private static let refusal = LogLine(
        level: .info,
        message: "connection refused",
        fields: [
            .init("listener", "devices"), .init("device", "d1"), .init("product", "lamp"),
            .init("reason", "no-code-left"), .init("client", "a \"b\"\n=c"),
        ]
    )

    @Test("a text line is time, level, message and fields, the reason first, and stays one line")
    func text() {
        let sink = Sink()
        logger(.text, sink).write(Self.refusal)
        let line = sink.text
        #expect(line.count { $0 == "\n" } == 1 && line.last == "\n")
        let time = line.prefix { $0 != " " }
        #expect(time.last == "Z" && time.contains("T"))
        #expect(
            line.dropFirst(time.count)
                == " info connection refused reason=no-code-left product=lamp device=d1"
                + " client=\"a \\\"b\\\"\\u{a}=c\" listener=devices\n")
    }

    @Test("a JSON line is an object that parses, whatever a client calls itself")
    func json() {
        let sink = Sink()
        logger(.json, sink).write(Self.refusal)
        #expect(sink.text.count { $0 == "\n" } == 1 && sink.text.last == "\n")
        let json = JSON(parsing: Array(sink.text.utf8))
        #expect(json?["level"]?.text == "info")
        #expect(json?["message"]?.text == "connection refused")
        #expect(json?["reason"]?.text == "no-code-left")
        #expect(json?["client"]?.text == "a \"b\"\n=c")
        #expect(json?["time"]?.text?.last == "Z")
    }

    @Test("lines below the level are not written")
    func levels() {
        let sink = Sink()
        let logger = logger(.text, level: .warning, sink)
        logger.write(Self.refusal)
        #expect(sink.text.isEmpty)
        logger.write(LogLine(level: .error, message: "the store failed"))
        #expect(sink.text.hasSuffix(" error the store failed\n"))
    }
}
