import Bytes
import Ledger
import Metering
import Sessions
import Storage
import Time

// How messages between nodes travel: a byte for the kind, then the parts in the order of the case. A node of another
// version that knows a kind not yet passes the batch over, and ends the link.
extension NodeMail {
    private enum Kind: UInt8 {
        case subscribe = 1
        case unsubscribe, connected, deliver, toDevice, claim, yield, taken, rest, holds, released,
            superseded, counted
        case ask, answer
    }

    func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .subscribe(let filter, let hasConnected, let request):
            buffer.append(Kind.subscribe.rawValue)
            buffer.append(counted: filter.span)
            buffer.append(hasConnected)
            buffer.append(request)
        case .unsubscribe(let filter, let request):
            buffer.append(Kind.unsubscribe.rawValue)
            buffer.append(counted: filter.span)
            buffer.append(request)
        case .connected(let share, let isConnected):
            buffer.append(Kind.connected.rawValue)
            buffer.append(counted: share.span)
            buffer.append(isConnected)
        case .deliver(let message, let delivery, let request):
            buffer.append(Kind.deliver.rawValue)
            message.append(to: &buffer)
            buffer.append(delivery.isRetained)
            buffer.append(delivery.isForSubscribers)
            buffer.append(list: delivery.shares) { $0.append(counted: $1.span) }
            buffer.append(optional: request) { $0.append($1) }
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
        case .yield(let name, let isCleanStart, let request):
            buffer.append(Kind.yield.rawValue)
            buffer.append(name)
            buffer.append(isCleanStart)
            buffer.append(request)
        case .taken(let name):
            buffer.append(Kind.taken.rawValue)
            buffer.append(name)
        case .rest(let name, let messages):
            buffer.append(Kind.rest.rawValue)
            buffer.append(name)
            buffer.append(list: messages) { $1.append(to: &$0) }
        case .holds(let places):
            buffer.append(Kind.holds.rawValue)
            buffer.append(list: places) { $0.append($1) }
        case .released(let place):
            buffer.append(Kind.released.rawValue)
            buffer.append(place)
        case .superseded(let place):
            buffer.append(Kind.superseded.rawValue)
            buffer.append(place)
        case .counted(let entries, let time):
            buffer.append(Kind.counted.rawValue)
            buffer.append(list: entries) { buffer, entry in
                buffer.append(entry.device)
                buffer.append(entry.usage)
            }
            buffer.append(time)
        case .ask(let question, let request):
            buffer.append(Kind.ask.rawValue)
            question.encode(into: &buffer)
            buffer.append(request)
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
                try reader.takeRequest())
        case .unsubscribe:
            self = .unsubscribe(filter: try reader.takeByteArray(), try reader.takeRequest())
        case .connected:
            self = .connected(share: try reader.takeByteArray(), try reader.takeBool())
        case .deliver:
            let message = try Message(taking: &reader)
            let delivery = NodeDelivery(
                isRetained: try reader.takeBool(), isForSubscribers: try reader.takeBool(),
                shares: try reader.takeList { reader throws(MalformedRecord) in
                    try reader.takeByteArray()
                })
            self = .deliver(message, delivery, try reader.takeOptionalRequest())
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
                try reader.takeRequest())
        case .taken: self = .taken(try reader.takeSessionName())
        case .rest:
            self = .rest(
                try reader.takeSessionName(),
                try reader.takeList { reader throws(MalformedRecord) in
                    try QueuedMessage(taking: &reader)
                })
        case .holds:
            self = .holds(
                try reader.takeList { reader throws(MalformedRecord) in try reader.takePlace() })
        case .released: self = .released(try reader.takePlace())
        case .superseded: self = .superseded(try reader.takePlace())
        case .counted:
            self = .counted(
                try reader.takeList { reader throws(MalformedRecord) in
                    UsageBatch.Entry(device: try reader.takeDevice(), usage: try reader.takeUsage())
                }, at: try reader.takeTime())
        case .ask: self = .ask(try NodeQuestion(taking: &reader), try reader.takeRequest())
        case .answer: self = .answer(try reader.takeRequest(), try NodeAnswer(taking: &reader))
        }
    }
}

extension NodeQuestion {
    private enum Kind: UInt8 {
        case onlineCount = 1
        case connection, outcomes, lastSeen, usage, kick, productDays
    }

    func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .onlineCount(let product):
            buffer.append(Kind.onlineCount.rawValue)
            buffer.append(text: product.text)
        case .connection(let device):
            buffer.append(Kind.connection.rawValue)
            buffer.append(device)
        case .outcomes(let device):
            buffer.append(Kind.outcomes.rawValue)
            buffer.append(device)
        case .lastSeen(let devices):
            buffer.append(Kind.lastSeen.rawValue)
            buffer.append(list: devices) { $0.append($1) }
        case .usage(let device):
            buffer.append(Kind.usage.rawValue)
            buffer.append(device)
        case .kick(let device):
            buffer.append(Kind.kick.rawValue)
            buffer.append(device)
        case .productDays(let product, let from, let to):
            buffer.append(Kind.productDays.rawValue)
            buffer.append(text: product.text)
            buffer.appendSignedVarint(Int64(from.number))
            buffer.appendSignedVarint(Int64(to.number))
        }
    }

    init(taking reader: inout ByteReader) throws(MalformedRecord) {
        guard let kind = Kind(rawValue: try reader.takeUInt8()) else {
            throw .malformed(what: "kind of a question between nodes")
        }
        self =
            switch kind {
            case .onlineCount: .onlineCount(try reader.takeProduct())
            case .connection: .connection(try reader.takeDevice())
            case .outcomes: .outcomes(try reader.takeDevice())
            case .lastSeen:
                .lastSeen(
                    try reader.takeList { reader throws(MalformedRecord) in try reader.takeDevice()
                    }
                )
            case .usage: .usage(try reader.takeDevice())
            case .kick: .kick(try reader.takeDevice())
            case .productDays:
                .productDays(
                    try reader.takeProduct(), from: try reader.takeDay(), to: try reader.takeDay())
            }
    }
}

extension NodeAnswer {
    private enum Kind: UInt8 {
        case done = 1
        case notStored, outcome, granted, yielded, count, flag, connection, outcomes, times, days,
            productDays
    }

    func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .done: buffer.append(Kind.done.rawValue)
        case .notStored: buffer.append(Kind.notStored.rawValue)
        case .outcome(let outcome):
            buffer.append(Kind.outcome.rawValue)
            buffer.append(outcome.nodeCode)
        case .granted(let grant):
            buffer.append(Kind.granted.rawValue)
            buffer.append(grant.number)
            buffer.append(grant.hasDisplaced)
            buffer.append(list: grant.days) { $0.append($1) }
            buffer.append(optional: grant.session) { buffer, session in
                session.content.encode(into: &buffer)
                buffer.append(text: session.from.text)
            }
        case .yielded(let client):
            buffer.append(Kind.yielded.rawValue)
            buffer.append(client.wasConnected)
            buffer.append(list: client.days) { $0.append($1) }
            buffer.append(optional: client.session) { $1.encode(into: &$0) }
        case .count(let count):
            buffer.append(Kind.count.rawValue)
            buffer.append(count)
        case .flag(let flag):
            buffer.append(Kind.flag.rawValue)
            buffer.append(flag)
        case .connection(let connection):
            buffer.append(Kind.connection.rawValue)
            buffer.append(optional: connection) { $1.encode(into: &$0) }
        case .outcomes(let outcomes):
            buffer.append(Kind.outcomes.rawValue)
            buffer.append(optional: outcomes.lastRefusal) { $1.encode(into: &$0) }
            buffer.append(optional: outcomes.lastEnding) { $1.encode(into: &$0) }
        case .times(let times):
            buffer.append(Kind.times.rawValue)
            buffer.append(list: times) { buffer, time in
                buffer.append(optional: time) { $0.append($1) }
            }
        case .days(let days):
            buffer.append(Kind.days.rawValue)
            buffer.append(list: days) { $0.append($1) }
        case .productDays(let days):
            buffer.append(Kind.productDays.rawValue)
            buffer.append(list: days) { buffer, day in
                buffer.appendSignedVarint(Int64(day.day.number))
                buffer.append(day.used)
                buffer.append(day.topUp)
            }
        }
    }

    init(taking reader: inout ByteReader) throws(MalformedRecord) {
        guard let kind = Kind(rawValue: try reader.takeUInt8()) else {
            throw .malformed(what: "kind of an answer between nodes")
        }
        switch kind {
        case .done: self = .done
        case .notStored: self = .notStored
        case .outcome:
            guard let outcome = DownlinkOutcome(nodeCode: try reader.takeUInt8()) else {
                throw .malformed(what: "outcome of a message")
            }
            self = .outcome(outcome)
        case .granted:
            let number = try reader.takeUInt64()
            let hasDisplaced = try reader.takeBool()
            let days = try reader.takeUsages()
            let session = try reader.takeOptional { reader throws(MalformedRecord) in
                let content = try StoredSession(taking: &reader)
                return (content: content, from: try reader.takeNode())
            }
            self = .granted(
                ClaimGrant(
                    number: number, hasDisplaced: hasDisplaced, days: days, session: session))
        case .yielded:
            self = .yielded(
                YieldedClient(
                    wasConnected: try reader.takeBool(), days: try reader.takeUsages(),
                    session: try reader.takeOptional { reader throws(MalformedRecord) in
                        try StoredSession(taking: &reader)
                    }))
        case .count: self = .count(try reader.takeUInt64())
        case .flag: self = .flag(try reader.takeBool())
        case .connection:
            self = .connection(
                try reader.takeOptional { reader throws(MalformedRecord) in
                    try DeviceConnection(taking: &reader)
                })
        case .outcomes:
            let refusal = try reader.takeOptional { reader throws(MalformedRecord) in
                try ConnectionOutcome(taking: &reader)
            }
            let ending = try reader.takeOptional { reader throws(MalformedRecord) in
                try ConnectionOutcome(taking: &reader)
            }
            self = .outcomes(DeviceOutcomes(lastRefusal: refusal, lastEnding: ending))
        case .times:
            self = .times(
                try reader.takeList { reader throws(MalformedRecord) in
                    try reader.takeOptional { reader throws(MalformedRecord) in
                        try reader.takeTime()
                    }
                })
        case .days: self = .days(try reader.takeUsages())
        case .productDays:
            self = .productDays(
                try reader.takeList { reader throws(MalformedRecord) in
                    ProductDay(
                        day: try reader.takeDay(), used: try reader.takeUInt64(),
                        topUp: try reader.takeUInt64())
                })
        }
    }
}

// MARK: Parts

extension DownlinkOutcome {
    /// Fixed for good: nodes of two versions understand each other by it.
    fileprivate var nodeCode: UInt8 {
        switch self {
        case .delivered: 1
        case .queued: 2
        case .notConnected: 3
        case .noSubscription: 4
        case .quotaExceeded: 5
        case .tooLarge: 6
        case .queueFull: 7
        case .expired: 8
        case .notStored: 9
        }
    }

    fileprivate init?(nodeCode: UInt8) {
        guard let outcome = Self.allCases.first(where: { $0.nodeCode == nodeCode }) else {
            return nil
        }
        self = outcome
    }
}

extension DeviceConnection {
    fileprivate func encode(into buffer: inout ByteBuffer) {
        buffer.append(text: address)
        buffer.append(text: listener)
        buffer.append(connectedAt)
        buffer.append(text: protocolVersion)
        buffer.append(text: clientID)
        buffer.appendVarint(UInt64(clamping: keepAliveSeconds))
        buffer.append(optional: encryption) { buffer, encryption in
            buffer.append(text: encryption.version)
            buffer.append(text: encryption.cipher)
            buffer.append(encryption.isResumed)
        }
    }

    fileprivate init(taking reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            address: try reader.takeText(),
            listener: try reader.takeText(),
            connectedAt: try reader.takeTime(),
            protocolVersion: try reader.takeText(),
            clientID: try reader.takeText(),
            keepAliveSeconds: Int(clamping: try reader.takeVarint()),
            encryption: try reader.takeOptional { reader throws(MalformedRecord) in
                Encryption(
                    version: try reader.takeText(), cipher: try reader.takeText(),
                    isResumed: try reader.takeBool())
            })
    }
}

extension ConnectionOutcome {
    fileprivate func encode(into buffer: inout ByteBuffer) {
        buffer.append(text: reason.name)
        buffer.append(at)
        buffer.append(text: address)
        buffer.append(text: listener)
    }

    fileprivate init(taking reader: inout ByteReader) throws(MalformedRecord) {
        let name = try reader.takeText()
        guard let reason = Reason.allCases.first(where: { $0.name == name }) else {
            throw .malformed(what: "reason of an ending")
        }
        self.init(
            reason: reason, at: try reader.takeTime(), address: try reader.takeText(),
            listener: try reader.takeText())
    }
}

extension ByteBuffer {
    fileprivate mutating func append(_ request: NodeRequest) { append(request.number) }

    fileprivate mutating func append(_ name: SessionName) { append(counted: name.bytes.span) }

    fileprivate mutating func append(_ time: Timestamp) { appendSignedVarint(time.milliseconds) }

    fileprivate mutating func append(_ device: DeviceIdentity) {
        append(text: device.product.text)
        append(text: device.device.text)
    }

    fileprivate mutating func append(_ place: ClientPlace) {
        append(place.name)
        append(place.number)
    }

    fileprivate mutating func append(_ usage: DayUsage) {
        appendSignedVarint(Int64(usage.day.number))
        appendVarint(UInt64(usage.used))
        appendVarint(UInt64(usage.topUp))
        append(usage.isNoticed)
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    fileprivate mutating func takeRequest() throws(MalformedRecord) -> NodeRequest {
        NodeRequest(number: try takeUInt32())
    }

    @_lifetime(self: copy self)
    fileprivate mutating func takeOptionalRequest() throws(MalformedRecord) -> NodeRequest? {
        try takeOptional { reader throws(MalformedRecord) in try reader.takeRequest() }
    }

    @_lifetime(self: copy self)
    fileprivate mutating func takeByteArray() throws(MalformedRecord) -> [UInt8] {
        let bytes = try takeCounted()
        return bytes.bytesArray
    }

    @_lifetime(self: copy self)
    fileprivate mutating func takeTime() throws(MalformedRecord) -> Timestamp {
        Timestamp(milliseconds: try takeSignedVarint())
    }

    @_lifetime(self: copy self)
    fileprivate mutating func takeProduct() throws(MalformedRecord) -> ProductKey {
        guard let product = ProductKey(try takeText()) else {
            throw .malformed(what: "ProductKey")
        }
        return product
    }

    @_lifetime(self: copy self)
    fileprivate mutating func takeDevice() throws(MalformedRecord) -> DeviceIdentity {
        let product = try takeProduct()
        guard let device = DeviceKey(try takeText()) else { throw .malformed(what: "DeviceKey") }
        return DeviceIdentity(product: product, device: device)
    }

    @_lifetime(self: copy self)
    fileprivate mutating func takeNode() throws(MalformedRecord) -> NodeName {
        guard let node = NodeName(try takeText()) else { throw .malformed(what: "node") }
        return node
    }

    @_lifetime(self: copy self)
    fileprivate mutating func takeSessionName() throws(MalformedRecord) -> SessionName {
        let bytes = try takeCounted()
        var reader = ByteReader(bytes)
        guard let name = SessionName(decoding: &reader) else {
            throw .malformed(what: "name of a session")
        }
        return name
    }

    @_lifetime(self: copy self)
    fileprivate mutating func takePlace() throws(MalformedRecord) -> ClientPlace {
        ClientPlace(name: try takeSessionName(), number: try takeUInt64())
    }

    @_lifetime(self: copy self)
    fileprivate mutating func takeDay() throws(MalformedRecord) -> Day {
        guard let number = Int32(exactly: try takeSignedVarint()) else {
            throw .malformed(what: "day")
        }
        return Day(number: number)
    }

    @_lifetime(self: copy self)
    fileprivate mutating func takeUsage() throws(MalformedRecord) -> DayUsage {
        let day = try takeDay()
        guard let used = UInt32(exactly: try takeVarint()),
            let topUp = UInt32(exactly: try takeVarint())
        else { throw .malformed(what: "count of a day") }
        return DayUsage(day: day, used: used, topUp: topUp, isNoticed: try takeBool())
    }

    @_lifetime(self: copy self)
    fileprivate mutating func takeUsages() throws(MalformedRecord) -> [DayUsage] {
        try takeList { reader throws(MalformedRecord) in try reader.takeUsage() }
    }
}
