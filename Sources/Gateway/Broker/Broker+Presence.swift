import Bytes
import Ledger
import MQTT
import Reactor
import Sessions
import Time

/// Where applications hear of a device's connections, `d/{PK}/{DK}/presence`, and of what it reports of its state,
/// `d/{PK}/{DK}/state` (Wire.md, "Presence", "State").
///
/// The gateway alone publishes there, and only filters that name `presence` or `state` match them: what an application
/// that has subscribed to `d/{PK}/#` is sent are messages of devices and to them.
enum GatewayTopic {
    static var presence: String { "presence" }
    static var state: String { "state" }

    /// How many bytes `d/{PK}/{DK}/` of such a topic has, in front of the name; `nil` of any other topic.
    static func prefixCount(of topic: Span<UInt8>) -> Int? {
        guard topic.count > 0, topic[topic.count - 1] == UInt8(ascii: "e"), topic.hasPrefix("d/")
        else { return nil }
        return prefixCount(of: topic, named: "presence") ?? prefixCount(of: topic, named: "state")
    }

    private static func prefixCount(of topic: Span<UInt8>, named name: StaticString) -> Int? {
        let count = topic.count - name.utf8CodeUnitCount
        guard count > 0, topic.extracting(count..<topic.count).isEqual(to: name),
            topic[count - 1] == UInt8(ascii: "/")
        else { return nil }
        let prefix = topic.extracting(0..<count)
        return prefix.count(of: UInt8(ascii: "/")) == 3 ? count : nil
    }
}

/// What applications are told of a device's connection.
struct Presence {
    enum State {
        case connected
        case disconnected(Reason)
    }

    let state: State
    let at: Timestamp

    /// When the connection was admitted: which one has ended, when another one has begun meanwhile.
    let connectedAt: Timestamp
    let protocolName: String

    /// The payload, at most about 200 bytes of ASCII.
    var json: String {
        let (name, reason) =
            switch state {
            case .connected: ("connected", "")
            case .disconnected(let reason): ("disconnected", ",\"reason\":\"\(reason.name)\"")
            }
        return "{\"state\":\"\(name)\",\"at\":\"\(at)\"\(reason)"
            + ",\"connectedAt\":\"\(connectedAt)\",\"protocolVersion\":\"\(protocolName)\"}"
    }

    /// As in PUBLISH: what the payload is (3.3.2.3.2, 3.3.2.3.9).
    static let properties: [UInt8] = {
        var buffer = ByteBuffer()
        PropertyWriter.write(into: &buffer, in: .publish) { properties in
            properties.payloadFormat(.utf8)
            let type = "application/json"
            properties.contentType(type.utf8Span.span)
        }
        // Without the length before them, which takes one byte.
        return Array(buffer.span.bytesArray.dropFirst())
    }()
}

// Presence: that a device has come or gone, for the applications that have asked for it. Nothing is made when there are
// none.
extension Broker {
    /// A device has been let in.
    mutating func announceArrival(_ slot: UInt32, in context: inout ShardContext) {
        announce(.connected, slot, at: context.wire[slot].openedAt, in: &context)
    }

    /// A device's connection is about to be closed, or another one has taken its session. The first of these counts:
    /// so it is said before anything of the next connection.
    mutating func announceDeparture(_ slot: UInt32, in context: inout ShardContext) {
        guard context.wire[slot].openedAt.milliseconds != 0 else { return }
        let reason = context.wire[slot].ending ?? .sessionTakenOver
        announce(.disconnected(reason), slot, at: context.now.wall, in: &context)
        context.wire[slot].openedAt = Timestamp(milliseconds: 0)
    }

    /// To those who follow the product's devices by the API.
    private func show(
        _ state: Presence.State, _ slot: UInt32, _ device: DeviceClient, at time: Timestamp,
        in context: borrowing ShardContext
    ) {
        guard !context.wire.journal.watches.isEmpty else { return }
        let identity = device.identity
        let shown: PresenceEvent.State =
            switch state {
            case .connected:
                .connected(
                    address: "\(context.wire[slot].peer)",
                    listener: context.wire.journal.listeners[context.wire[slot].listener])
            case .disconnected(let reason): .disconnected(reason)
            }
        context.wire.journal.watches.show(
            PresenceEvent(
                device: identity, state: shown, at: time,
                connectedAt: context.wire[slot].openedAt,
                protocolVersion: context.wire[slot].settings.protocolName),
            of: identity.product, by: context.index)
    }

    /// At QoS 1, so that a stored session hears of it later; nothing waits for that, as with wills.
    private mutating func announce(
        _ state: Presence.State, _ slot: UInt32, at time: Timestamp,
        in context: inout ShardContext
    ) {
        guard !subscriptions.isEmpty || !context.wire.journal.watches.isEmpty,
            case .device(let device) = context.wire[slot].settings.client
        else { return }
        show(state, slot, device, at: time, in: context)
        guard !subscriptions.isEmpty else { return }
        var found = Matches()
        swap(&found, &matches)
        defer { swap(&found, &matches) }
        let name = GatewayTopic.presence
        subscriptions.collect(
            naming: name.utf8Span.span, below: device.topicPrefix.span, into: &found)
        guard !found.isEmpty else { return }
        let presence = Presence(
            state: state, at: time, connectedAt: context.wire[slot].openedAt,
            protocolName: context.wire[slot].settings.protocolName)
        let message = Message(
            topic: device.topicPrefix + Array(name.utf8),
            payload: Array(presence.json.utf8), qos: .atLeastOnce,
            properties: Presence.properties)
        var shared: Message? = message
        message.withOutbound(isRetained: false) { outbound in
            _ = distribute(outbound, to: found, for: .nobody, sharing: &shared, in: &context)
        }
    }
}
