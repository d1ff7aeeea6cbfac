import Gateway
import Hummingbird
import Ledger
import NIOCore
import ServiceLifecycle

/// What is followed live, a device's trace or the presence of a product's devices, as server-sent events (HTML Living
/// Standard, 9.2).
///
/// Ends when the client goes, the gateway or the server is shut down, or the caller's key is revoked.
struct LiveStream: Sendable {
    /// The next event, if there is one by now.
    let next: @Sendable () -> JSON?

    /// How many events were dropped since the start.
    let dropped: @Sendable () -> Int

    /// Whether nothing more comes: what is left can be taken.
    let isOver: @Sendable () -> Bool

    /// Whether the caller may see it still.
    let isAllowed: @Sendable () throws -> Bool

    /// How long an event waits for others to be sent with.
    private static let pause = Duration.milliseconds(50)

    /// How long nothing is sent, at most.
    private static let beat = Duration.seconds(15)

    @concurrent func run(into writer: inout any ResponseBodyWriter, of request: Request)
        async throws
    {
        try await withTicks(every: Self.pause, of: request) { ticks in
            try await send(on: ticks, into: &writer)
        }
    }

    @concurrent private func send(
        on ticks: AsyncStream<Void>,
        into writer: inout any ResponseBodyWriter
    ) async throws {
        try await writer.write(ByteBuffer(string: ":\n\n"))
        var told = 0
        var sentAt = ContinuousClock.now
        var checkedAt = sentAt
        for await _ in ticks {
            // Asked first: what was put before the end is read below.
            let isOver = isOver()
            let now = ContinuousClock.now
            var text = ByteBuffer()
            while let event = next() { Self.append(event, to: &text) }
            let dropped = dropped()
            if dropped > told {
                let document: JSON = ["event": "dropped", "count": JSON(dropped - told)]
                Self.append(document, to: &text)
                told = dropped
            }
            if checkedAt.duration(to: now) >= Self.beat {
                guard try isAllowed() else { return }
                checkedAt = now
            }
            if text.readableBytes == 0, sentAt.duration(to: now) >= Self.beat {
                text.writeString(":\n\n")
            }
            if text.readableBytes > 0 {
                try await writer.write(text)
                sentAt = now
            }
            if isOver { return }
        }
    }

    private static func append(_ document: JSON, to text: inout ByteBuffer) {
        text.writeString("event: \(document["event"]?.text ?? "")\ndata: ")
        text.writeBytes(document.bytes)
        text.writeString("\n\n")
    }
}

extension LiveStream {
    init(of trace: DeviceTrace, isAllowed: @escaping @Sendable () throws -> Bool) {
        self.init(
            next: { trace.next().map { Documents.trace($0) } }, dropped: { trace.dropped },
            isOver: { trace.isOver }, isAllowed: isAllowed)
    }

    init(of watch: PresenceWatch, isAllowed: @escaping @Sendable () throws -> Bool) {
        self.init(
            next: { watch.next().map { Documents.presence($0) } }, dropped: { watch.dropped },
            isOver: { watch.isOver }, isAllowed: isAllowed)
    }
}

extension Documents {
    /// That a device has come or gone. Its members depend on `event`.
    static func presence(_ event: PresenceEvent) -> JSON {
        let name =
            switch event.state {
            case .connected: "connected"
            case .disconnected: "disconnected"
            }
        var document: JSON = [
            "at": JSON(event.at), "event": .text(name), "pk": .text(event.device.product.text),
            "dk": .text(event.device.device.text), "connectedAt": JSON(event.connectedAt),
            "protocolVersion": .text(event.protocolVersion),
        ]
        switch event.state {
        case .connected(let address, let listener):
            document.add("address", .text(address))
            document.add("listener", .text(listener))
        case .disconnected(let reason): document.add("reason", .text(reason.name))
        }
        if let node = event.node { document.add("node", .text(node)) }
        return document
    }

    /// An event of a trace. Its members depend on `event`.
    static func trace(_ event: TraceEvent) -> JSON {
        var document = trace(of: event)
        if let node = event.node { document.add("node", .text(node)) }
        return document
    }

    private static func trace(of event: TraceEvent) -> JSON {
        let at = JSON(event.at)
        switch event.kind {
        case .connected(let address, let listener, let version):
            return [
                "at": at, "event": "connected", "address": .text(address),
                "listener": .text(listener), "protocolVersion": .text(version),
            ]
        case .refused(let reason, let address, let listener):
            return [
                "at": at, "event": "refused", "reason": .text(reason.name),
                "remedy": .text(reason.remedy), "address": .text(address),
                "listener": .text(listener),
            ]
        case .ended(let reason):
            return ["at": at, "event": "ended", "reason": .text(reason.name)]
        case .packet(let packet):
            var document: JSON = [
                "at": at, "event": "packet", "from": packet.isFromDevice ? "device" : "gateway",
                "type": .text(packet.type), "bytes": JSON(packet.bytes),
            ]
            if let topic = packet.topic { document.add("topic", .text(topic)) }
            if let qos = packet.qos { document.add("qos", JSON(qos)) }
            if let outcome = packet.outcome { document.add("outcome", .text(outcome)) }
            if let reason = packet.reason { document.add("reason", .text(reason.name)) }
            return document
        }
    }
}
