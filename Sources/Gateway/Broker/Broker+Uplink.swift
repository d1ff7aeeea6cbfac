import Bytes
import Ledger
import MQTT
import Reactor
import Replication
import Sessions

// Devices' messages that go into a stream, as their product names one.
extension Broker {
    /// Puts a device's message into the stream of its product, if it has one. The acknowledgement waits for that as for
    /// another shard's write; of QoS 2 in a stored session the packet identifier is on disk only then.
    mutating func putIntoStream(
        _ message: borrowing OutboundMessage,
        isDuplicate: Bool,
        from slot: UInt32,
        for answer: PublishAnswer,
        sharing shared: inout Message?,
        _ publication: inout Publication, in context: inout ShardContext
    ) {
        guard case .device(let device) = context.wire[slot].settings.client,
            let product = context.wire[slot].settings.productSlot,
            let stream = context.quota.uplink(of: product)
        else { return }
        let content = UplinkMessage(
            device: device.identity,
            stream: stream,
            message: Self.shared(message, &shared),
            at: context.now.wall,
            units: units(of: message, from: slot, in: &context),
            packetID: answer.packetID,
            isDuplicate: isDuplicate
        )
        publication.noteWrite(elsewhereFor: answer.written(on: context.index))
        if publication.verdict == .noSubscribers { publication.verdict = .taken }
        context.commons.uplink.put(
            content, completion: completion(of: answer, in: &context))
    }

    /// The will of a device that has gone meanwhile: no one waits for it.
    func putIntoStream(
        _ will: Message,
        of device: DeviceIdentity,
        _ product: ProductCatalogue.Slot, in context: inout ShardContext
    ) {
        guard let stream = context.quota.uplink(of: product) else { return }
        let content = UplinkMessage(
            device: device,
            stream: stream,
            message: will,
            at: context.now.wall,
            units: isUncounted(will, of: device, product, in: &context)
                ? 0 : context.quota.units(payloadBytes: will.payload.count),
            packetID: nil,
            isDuplicate: false
        )
        context.commons.uplink.put(content) { _ in }
    }

    /// What a device's message has been counted as.
    private func units(
        of message: borrowing OutboundMessage, from slot: UInt32, in context: inout ShardContext
    ) -> UInt32 {
        context.quota.hasUncounted && isUncounted(message.topic, from: slot, in: &context)
            ? 0 : context.quota.units(payloadBytes: message.payload.count)
    }

    /// Whether a message of the device's is larger than its product's stream takes.
    func isTooLargeForStream(
        _ slot: UInt32, payloadBytes: Int, in context: inout ShardContext
    ) -> Bool {
        guard payloadBytes > uplinkPayloadMaximumBytes,
            let product = context.wire[slot].settings.productSlot
        else { return false }
        return context.quota.uplink(of: product) != nil
    }

    /// Tells this shard, on which the publisher is, what has become of its message.
    private func completion(
        of answer: PublishAnswer, in context: inout ShardContext
    ) -> UplinkPuts.Completion {
        let mailbox = context.commons.mailboxes[context.index]
        switch answer {
        case .nothing: return { _ in }
        case .acknowledgement(let token, let packetID):
            return { outcome in
                mailbox.post(.confirmed(token, packetID: packetID, count: 1, outcome))
            }
        case .commit(let token, let packetID):
            return { outcome in
                let isThere = outcome.verdict == nil
                mailbox.post(.gathered(token, packetID: packetID, isThere ? .nothing : .lost))
            }
        }
    }
}
