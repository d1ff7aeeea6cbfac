import Bytes
import Ledger
import Metering
import Sessions
import Storage
import Time

// How messages between nodes travel: a byte for the kind, then the parts in the order of the case. What can't be read is
// passed over: a node must not be told of a kind that its version does not have. A question that it does not know is
// answered so, and so counts an answer that can't be read: the request comes first.
extension NodeMail {
    private enum Kind: UInt8 {
        case subscribe = 1
        case unsubscribe, connected, deliver, toDevice, claim, yield, taken, rest, holds, released,
            superseded, counted
        case ask, answer
        case filtersTold, crowded, forward, forwarding, settled, away, placesTold, left
    }

    func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .subscribe(let filter, let hasConnected, let isStored, let request):
            buffer.append(Kind.subscribe.rawValue)
            buffer.append(counted: filter.span)
            buffer.append(hasConnected)
            buffer.append(isStored)
            buffer.append(request)
        case .unsubscribe(let filter, let request):
            buffer.append(Kind.unsubscribe.rawValue)
            buffer.append(counted: filter.span)
            buffer.append(request)
        case .connected(let share, let isConnected):
            buffer.append(Kind.connected.rawValue)
            buffer.append(counted: share.span)
            buffer.append(isConnected)
        case .filtersTold: buffer.append(Kind.filtersTold.rawValue)
        case .away(let node, let shard, let shards, let filter):
            buffer.append(Kind.away.rawValue)
            buffer.append(text: node.text)
            buffer.append(shard)
            buffer.append(shards)
            buffer.append(counted: filter.span)
        case .crowded(let session, let filters):
            buffer.append(Kind.crowded.rawValue)
            buffer.append(session)
            buffer.append(list: filters) { $0.append(counted: $1.span) }
        case .deliver(let message, let delivery, let request):
            buffer.append(Kind.deliver.rawValue)
            message.append(to: &buffer)
            buffer.append(delivery)
            buffer.append(optional: request) { $0.append($1) }
            if !delivery.excluded.isEmpty { buffer.append(nodes: delivery.excluded) }
        case .forward(let number, let message, let delivery, let request):
            buffer.append(Kind.forward.rawValue)
            buffer.append(number.rawValue)
            message.append(to: &buffer)
            buffer.append(delivery)
            buffer.append(request)
            buffer.append(heirs: delivery)
        case .forwarding(let numbers, let first):
            buffer.append(Kind.forwarding.rawValue)
            buffer.append(list: numbers) { $0.append($1.rawValue) }
            if first > 0 { buffer.append(first) }
        case .settled(let numbers, let keeper):
            buffer.append(Kind.settled.rawValue)
            buffer.append(list: numbers) { $0.append($1.rawValue) }
            if let keeper { buffer.append(text: keeper.text) }
        case .toDevice(let message, let isRetained, let device, let isForwarded, let request):
            buffer.append(Kind.toDevice.rawValue)
            message.append(to: &buffer)
            buffer.append(isRetained)
            buffer.append(device)
            buffer.append(isForwarded)
            buffer.append(optional: request) { $0.append($1) }
        case .claim(let name, let isCleanStart, let request):
            buffer.append(Kind.claim.rawValue)
            buffer.append(name)
            buffer.append(isCleanStart)
            buffer.append(request)
        case .yield(let name, let isCleanStart, let request, let node):
            buffer.append(Kind.yield.rawValue)
            buffer.append(name)
            buffer.append(isCleanStart)
            buffer.append(request)
            if let node { buffer.append(text: node.text) }
        case .taken(let name):
            buffer.append(Kind.taken.rawValue)
            buffer.append(name)
        case .rest(let name, let messages):
            buffer.append(Kind.rest.rawValue)
            buffer.append(name)
            buffer.append(list: messages) { $1.append(to: &$0) }
        case .left(let name):
            buffer.append(Kind.left.rawValue)
            buffer.append(name)
        case .holds(let places):
            buffer.append(Kind.holds.rawValue)
            buffer.append(list: places) { $0.append($1) }
        case .released(let place):
            buffer.append(Kind.released.rawValue)
            buffer.append(place)
        case .superseded(let place):
            buffer.append(Kind.superseded.rawValue)
            buffer.append(place)
        case .placesTold(let mark):
            buffer.append(Kind.placesTold.rawValue)
            buffer.append(mark.table)
            buffer.append(list: mark.inherited) { buffer, inherited in
                buffer.append(text: inherited.node.text)
                buffer.append(inherited.number)
            }
        case .counted(let entries, let time):
            buffer.append(Kind.counted.rawValue)
            buffer.append(list: entries) { buffer, entry in
                buffer.append(entry.device)
                buffer.append(entry.usage)
            }
            buffer.append(time)
        case .ask(let question, let request):
            buffer.append(Kind.ask.rawValue)
            buffer.append(request)
            question.encode(into: &buffer)
        case .answer(let request, let answer):
            buffer.append(Kind.answer.rawValue)
            buffer.append(request)
            answer.encode(into: &buffer)
        }
    }

    init(taking reader: inout ByteReader) throws(MalformedRecord) {
        guard let kind = Kind(rawValue: try reader.takeUInt8()) else {
            throw .malformed(what: "kind of a message between nodes")
        }
        switch kind {
        case .subscribe:
            self = .subscribe(
                filter: try reader.takeByteArray(), hasConnected: try reader.takeBool(),
                isStored: try reader.takeBool(), try reader.takeRequest())
        case .unsubscribe:
            self = .unsubscribe(filter: try reader.takeByteArray(), try reader.takeRequest())
        case .connected:
            self = .connected(share: try reader.takeByteArray(), try reader.takeBool())
        case .deliver:
            let message = try Message(taking: &reader)
            var delivery = try reader.takeDelivery()
            let request = try reader.takeOptionalRequest()
            if !reader.isAtEnd { delivery.excluded = try reader.takeNodes() }
            self = .deliver(message, delivery, request)
        case .filtersTold: self = .filtersTold
        case .away:
            self = .away(
                try reader.takeNode(), shard: try reader.takeUInt8(),
                shards: try reader.takeUInt8(), filter: try reader.takeByteArray())
        case .crowded:
            self = .crowded(try reader.takeUInt64(), filters: try reader.takeByteArrays())
        case .forward:
            let number = ForwardNumber(rawValue: try reader.takeUInt64())
            let message = try Message(taking: &reader)
            var delivery = try reader.takeDelivery()
            let request = try reader.takeRequest()
            try reader.takeHeirs(of: &delivery)
            self = .forward(number, message, delivery, request)
        case .forwarding:
            self = .forwarding(
                try reader.takeForwardNumbers(),
                first: reader.isAtEnd ? 0 : try reader.takeUInt64())
        case .settled:
            self = .settled(
                try reader.takeForwardNumbers(),
                keeper: reader.isAtEnd ? nil : try reader.takeNode())
        case .toDevice:
            self = .toDevice(
                try Message(taking: &reader), isRetained: try reader.takeBool(),
                try reader.takeDevice(), isForwarded: try reader.takeBool(),
                try reader.takeOptionalRequest())
        case .claim:
            self = .claim(
                try reader.takeSessionName(), isCleanStart: try reader.takeBool(),
                try reader.takeRequest())
        case .yield:
            self = .yield(
                try reader.takeSessionName(), isCleanStart: try reader.takeBool(),
                try reader.takeRequest(), to: reader.isAtEnd ? nil : try reader.takeNode())
        case .taken: self = .taken(try reader.takeSessionName())
        case .rest:
            self = .rest(
                try reader.takeSessionName(),
                try reader.takeList { reader throws(MalformedRecord) in
                    try QueuedMessage(taking: &reader)
                })
        case .left: self = .left(try reader.takeSessionName())
        case .holds:
            self = .holds(
                try reader.takeList { reader throws(MalformedRecord) in try reader.takePlace() })
        case .released: self = .released(try reader.takePlace())
        case .superseded: self = .superseded(try reader.takePlace())
        case .placesTold:
            self = .placesTold(
                PlacesMark(
                    table: try reader.takeUInt64(),
                    inherited: try reader.takeList { reader throws(MalformedRecord) in
                        PlacesMark.Inherited(
                            node: try reader.takeNode(), number: try reader.takeUInt64())
                    }))
        case .counted:
            self = .counted(
                try reader.takeList { reader throws(MalformedRecord) in
                    UsageBatch.Entry(device: try reader.takeDevice(), usage: try reader.takeUsage())
                }, at: try reader.takeTime())
        case .ask:
            let request = try reader.takeRequest()
            self = .ask((try? NodeQuestion(taking: &reader)) ?? .unknown, request)
        case .answer:
            let request = try reader.takeRequest()
            self = .answer(request, (try? NodeAnswer(taking: &reader)) ?? .unknown)
        }
    }
}
