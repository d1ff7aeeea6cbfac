import Bytes
import Ledger
import MQTT
import Reactor
import Sessions

// Topics of devices' own: what a maker's firmware calls them, and what they are called here. Each of them lies below the
// device's own prefix, whatever its name: `T` that a device publishes to is `d/{PK}/{DK}/up/T`, and `T` that it subscribes
// to is `d/{PK}/{DK}/down/T`. So a topic finds its device's home as any other, and no device hears another one by them.
extension Broker {
    /// Of MQTT (1.5.4).
    private static var topicMaximumBytes: Int { 65_535 }

    /// A PUBLISH that may be on a topic of the device's own.
    @inline(never)
    mutating func serveOwn(
        _ slot: UInt32, _ publish: borrowing Publish, _ topic: Span<UInt8>,
        in context: inout ShardContext
    ) {
        // The broker has none meanwhile, so that it can be lent to a call that changes the broker.
        var name = OwnTopicName()
        swap(&name, &ownName)
        if find(&name, topic, of: slot, in: &context) {
            serveNamed(slot, publish, topic: name.bytes, in: &context)
        } else {
            serveNamed(slot, publish, topic: topic, in: &context)
        }
        swap(&name, &ownName)
    }

    /// The name here of a topic that a client publishes to, if it is a device's own.
    func ownTopic(
        _ topic: Span<UInt8>, of slot: UInt32, in context: inout ShardContext
    ) -> [UInt8]? {
        var name = OwnTopicName()
        return nameUp(&name, topic, of: slot, in: &context) ? name.bytes.bytesArray : nil
    }

    /// The same, in memory that is kept. What arrives in one piece from a device is mostly of one topic: that of the
    /// message before is not looked up again.
    @inline(__always)
    private func find(
        _ name: inout OwnTopicName, _ topic: Span<UInt8>, of slot: UInt32,
        in context: inout ShardContext
    ) -> Bool {
        name.isOf(topic, by: context.wire.token(of: slot), asOf: context.quota.productsVersion)
            || nameUp(&name, topic, of: slot, in: &context)
    }

    private func nameUp(
        _ name: inout OwnTopicName, _ topic: Span<UInt8>, of slot: UInt32,
        in context: inout ShardContext
    ) -> Bool {
        guard let product = context.wire[slot].settings.productSlot,
            let classes = context.quota.topics(of: product),
            case .device(let device) = context.wire[slot].settings.client,
            Self.covers(classes.up, topic, of: device, at: slot, in: &context),
            device.topicPrefix.count + 3 + topic.count <= Self.topicMaximumBytes
        else { return false }
        name.set(
            device.topicPrefix.span, topic, by: context.wire.token(of: slot),
            asOf: context.quota.productsVersion)
        return true
    }

    /// Whether patterns take a topic or filter of the client that is connected there.
    @inline(__always)
    private static func covers(
        _ patterns: PatternSet, _ topic: Span<UInt8>, of device: DeviceClient, at slot: UInt32,
        in context: inout ShardContext
    ) -> Bool {
        guard patterns.namesClient else {
            return patterns.covers(
                topic, product: device.product, device: device.device, client: nil)
        }
        let name = context.wire[slot].clientName
        return patterns.covers(
            topic, product: device.product, device: device.device, client: name.span)
    }

    /// Whether a device's message to `topic`, which is its name here, is not counted (rule C13).
    @inline(never)
    func isUncounted(
        _ topic: Span<UInt8>, from slot: UInt32, in context: inout ShardContext
    ) -> Bool {
        guard let product = context.wire[slot].settings.productSlot,
            let patterns = context.quota.uncounted(of: product),
            case .device(let device) = context.wire[slot].settings.client
        else { return false }
        guard patterns.namesClient else {
            return Self.leavesOut(topic, of: device, patterns, client: nil)
        }
        let client = context.wire[slot].clientName
        return Self.leavesOut(topic, of: device, patterns, client: client.span)
    }

    /// The same of the will of one that has gone: what `${clientId}` stood for is not known any more.
    func isUncounted(
        _ will: Message, of device: DeviceIdentity, _ product: ProductCatalogue.Slot,
        in context: inout ShardContext
    ) -> Bool {
        guard let patterns = context.quota.uncounted(of: product) else { return false }
        let (topic, client) = (will.topic, [UInt8]())
        return Self.leavesOut(
            topic.span, of: DeviceClient(device), patterns, client: client.span)
    }

    private static func leavesOut(
        _ topic: Span<UInt8>, of device: DeviceClient, _ patterns: PatternSet,
        client: Span<UInt8>?
    ) -> Bool {
        let prefix = device.topicPrefix.span
        guard topic.hasPrefix(prefix) else { return false }
        let rest = topic.extracting(prefix.count..<topic.count)
        guard rest.hasPrefix("up/") else { return false }
        return patterns.covers(
            rest.extracting(3..<rest.count), product: device.product, device: device.device,
            client: client)
    }

    /// The name here of a filter that a client of a product with topics of its own subscribes to, or has subscribed
    /// to: `isAsked` is whether it must be allowed.
    func ownFilter(
        _ filter: Span<UInt8>, of slot: UInt32, isAsked: Bool, in context: inout ShardContext
    ) -> [UInt8]? {
        guard context.quota.hasOwnTopics,
            let product = context.wire[slot].settings.productSlot,
            let classes = context.quota.topics(of: product),
            case .device(let device) = context.wire[slot].settings.client,
            !filter.hasPrefix("d/"), !filter.hasPrefix("$"),
            !isAsked || Self.covers(classes.down, filter, of: device, at: slot, in: &context),
            device.topicPrefix.count + 5 + filter.count <= Self.topicMaximumBytes
        else { return nil }
        return device.topicPrefix + Array("down/".utf8) + filter.bytesArray
    }

    /// Whether a device's filter below its own `down/` is one that its product has no place for: its devices use
    /// topics of their own.
    func isOutOfUse(_ filter: Span<UInt8>, of slot: UInt32, in context: inout ShardContext) -> Bool
    {
        guard context.quota.hasOwnTopics,
            let product = context.wire[slot].settings.productSlot,
            // What is told to a child's parent names the child.
            context.wire[slot].parent == nil,
            context.quota.topics(of: product) != nil
        else { return false }
        let prefix = context.wire[slot].settings.topicPrefix.span
        return filter.hasPrefix(prefix)
            && filter.extracting(prefix.count..<filter.count).hasPrefix("down/")
    }

    /// How many bytes of a message's topic are not told to a client: a device of a product with topics of its own hears
    /// what follows `down/`.
    @inline(__always)
    func untoldBytes(
        _ topic: Span<UInt8>, to slot: UInt32, in context: inout ShardContext
    ) -> Int {
        context.quota.hasOwnTopics ? untoldBytesOfOwn(topic, to: slot, in: &context) : 0
    }

    @inline(never)
    private func untoldBytesOfOwn(
        _ topic: Span<UInt8>, to slot: UInt32, in context: inout ShardContext
    ) -> Int {
        guard let product = context.wire[slot].settings.productSlot,
            context.wire[slot].parent == nil,
            context.quota.topics(of: product) != nil
        else { return 0 }
        let prefix = context.wire[slot].settings.topicPrefix.span
        guard topic.hasPrefix(prefix),
            topic.extracting(prefix.count..<topic.count).hasPrefix("down/"),
            topic.count > prefix.count + 5
        else { return 0 }
        return prefix.count + 5
    }

    /// Whether a message to a device of a product with topics of its own is on one that is allowed now, whatever the
    /// device has subscribed to before.
    func hears(_ session: UInt32, _ topic: Span<UInt8>, in context: inout ShardContext) -> Bool {
        guard context.quota.hasOwnTopics, let product = sessions[slot: session].productSlot,
            let classes = context.quota.topics(of: product),
            case .device(let device) = sessions[slot: session].client
        else { return true }
        return Self.isAllowed(topic, of: device, by: classes)
    }

    /// Whether a topic or filter below a device's `down/` is of a class that it may subscribe to; others are not asked for
    /// here. What `${clientId}` stands for was looked at when the device subscribed: its session may have outlived that
    /// connection, and is the device's alone.
    private static func isAllowed(
        _ topic: Span<UInt8>, of device: DeviceClient, by classes: TopicClasses
    ) -> Bool {
        let prefix = device.topicPrefix.span
        guard topic.hasPrefix(prefix) else { return true }
        let rest = topic.extracting(prefix.count..<topic.count)
        guard rest.hasPrefix("down/") else { return true }
        return classes.down.covers(
            rest.extracting(5..<rest.count), product: device.product, device: device.device,
            client: nil)
    }

    /// The topics of a product have changed: what its devices may not subscribe to any more ends. Which of them are
    /// connected and have lost something: they have to come again, as they can't be told otherwise.
    mutating func endSubscriptions(
        ofProductAt slots: [ProductCatalogue.Slot], now classes: TopicClasses?, hadOwn: Bool,
        in context: inout ShardContext
    ) -> [UInt32] {
        var losers: [UInt32] = []
        var next = sessions.occupiedSlot(from: 0)
        while let session = next {
            next = sessions.occupiedSlot(from: session + 1)
            guard let product = sessions[slot: session].productSlot, slots.contains(product),
                case .device(let device) = sessions[slot: session].client
            else { continue }
            let before = sessions[slot: session].subscriptions.count
            let prefix = device.topicPrefix
            sessions[slot: session].subscriptions.removeAll { subscription in
                let filter = subscription.filter.span
                guard filter.hasPrefix(prefix.span),
                    filter.extracting(prefix.count..<filter.count).hasPrefix("down/")
                else { return false }
                guard let classes, hadOwn else { return true }
                return !Self.isAllowed(filter, of: device, by: classes)
            }
            guard sessions[slot: session].subscriptions.count < before else { continue }
            if sessions[slot: session].stored != nil { store(session, in: &context) }
            if let connection = sessions[slot: session].connection {
                losers.append(connection.slot)
            }
        }
        return losers
    }
}

/// The name here of a topic that a device has published to by its own name for it: `d/{PK}/{DK}/up/T` of `T`.
struct OwnTopicName: ~Copyable {
    private var buffer = ByteBuffer()

    /// Where `T` begins.
    private var start = 0

    /// Which connection has published to it, and what its product's topics were then.
    private var publisher: Token?
    private var version: UInt64 = 0

    var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        get { buffer.span }
    }

    /// Whether it is the name of `topic`, by which the same client means the same now.
    @inline(__always)
    func isOf(_ topic: Span<UInt8>, by client: Token?, asOf version: UInt64) -> Bool {
        guard let publisher, publisher == client, version == self.version else { return false }
        return buffer.span.extracting(start..<buffer.count).isEqual(to: topic)
    }

    mutating func set(
        _ prefix: Span<UInt8>, _ topic: Span<UInt8>, by client: Token?, asOf version: UInt64
    ) {
        buffer.removeAll()
        buffer.append(prefix)
        buffer.append(utf8: "up/")
        start = buffer.count
        buffer.append(topic)
        publisher = client
        self.version = version
    }
}
