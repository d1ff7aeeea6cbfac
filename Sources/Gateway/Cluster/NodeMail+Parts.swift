import Bytes
import Ledger
import Metering
import Sessions
import Storage
import Time

// What several messages between nodes have in common.

extension DownlinkOutcome {
    /// Fixed for good: nodes of two versions understand each other by it.
    var nodeCode: UInt8 {
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

    init?(nodeCode: UInt8) {
        guard let outcome = Self.allCases.first(where: { $0.nodeCode == nodeCode }) else {
            return nil
        }
        self = outcome
    }
}

extension DeviceConnection {
    func encode(into buffer: inout ByteBuffer) {
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
        buffer.append(optional: parent) { $0.append($1) }
        buffer.appendVarint(UInt64(clamping: children))
        buffer.append(optional: certificateExpiresAt) { $0.append($1) }
    }

    init(taking reader: inout ByteReader) throws(MalformedRecord) {
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
            },
            parent: try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeDevice()
            },
            children: Int(clamping: try reader.takeVarint()),
            certificateExpiresAt: try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeTime()
            })
    }
}

extension ClientConnection {
    func encode(into buffer: inout ByteBuffer) {
        buffer.append(optional: device) { $0.append($1) }
        buffer.append(optional: key) { $0.append(text: $1.text) }
        connection.encode(into: &buffer)
        buffer.append(lastSeenAt)
    }

    init(taking reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            device: try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeDevice()
            },
            key: try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeKey()
            },
            connection: try DeviceConnection(taking: &reader),
            lastSeenAt: try reader.takeTime())
    }
}

extension ConnectionOutcome {
    func encode(into buffer: inout ByteBuffer) {
        buffer.append(text: reason.name)
        buffer.append(at)
        buffer.append(text: address)
        buffer.append(text: listener)
    }

    init(taking reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            reason: try reader.takeReason(), at: try reader.takeTime(),
            address: try reader.takeText(),
            listener: try reader.takeText())
    }
}

extension ByteBuffer {
    mutating func append(_ request: NodeRequest) { append(request.number) }

    mutating func append(_ delivery: NodeDelivery) {
        append(delivery.isRetained)
        append(delivery.isForSubscribers)
        append(list: delivery.shares) { $0.append(counted: $1.span) }
    }

    /// What a message that is kept has behind all else, if anything: nodes of before don't know of it.
    mutating func append(heirs delivery: NodeDelivery) {
        let isOfHeir = delivery.keeper != nil || delivery.inherited?.keeper != nil
        guard isOfHeir || delivery.inherited != nil || !delivery.excluded.isEmpty else { return }
        append(optional: delivery.inherited) {
            $0.append(text: $1.node.text)
            $0.append($1.number.rawValue)
            $0.append($1.shard)
            $0.append($1.shardCount)
        }
        append(nodes: delivery.excluded)
        guard isOfHeir else { return }
        append(optional: delivery.keeper) { $0.append(text: $1.text) }
        append(optional: delivery.inherited?.keeper) { $0.append(text: $1.text) }
    }

    mutating func append(nodes: [NodeName]) { append(list: nodes) { $0.append(text: $1.text) } }

    mutating func append(_ name: SessionName) { append(counted: name.bytes.span) }

    mutating func append(_ time: Timestamp) { appendSignedVarint(time.milliseconds) }

    mutating func append(_ device: DeviceIdentity) {
        append(text: device.product.text)
        append(text: device.device.text)
    }

    mutating func append(_ place: ClientPlace) {
        append(place.name)
        append(place.number)
    }

    mutating func append(_ usage: DayUsage) {
        appendSignedVarint(Int64(usage.day.number))
        appendVarint(UInt64(usage.used))
        appendVarint(UInt64(usage.topUp))
        append(usage.isNoticed)
    }

    mutating func append(_ day: ProductDay) {
        appendSignedVarint(Int64(day.day.number))
        appendVarint(day.used)
        appendVarint(day.topUp)
        append(optional: day.devices) { $0.appendVarint($1) }
    }

    mutating func append(_ count: OnlineCount) {
        appendSignedVarint(Int64(count.quarter.number))
        appendVarint(count.online)
        appendVarint(count.devices)
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    mutating func takeRequest() throws(MalformedRecord) -> NodeRequest {
        NodeRequest(number: try takeUInt32())
    }

    @_lifetime(self: copy self)
    mutating func takeOptionalRequest() throws(MalformedRecord) -> NodeRequest? {
        try takeOptional { reader throws(MalformedRecord) in try reader.takeRequest() }
    }

    @_lifetime(self: copy self)
    mutating func takeByteArray() throws(MalformedRecord) -> [UInt8] {
        let bytes = try takeCounted()
        return bytes.bytesArray
    }

    @_lifetime(self: copy self)
    mutating func takeByteArrays() throws(MalformedRecord) -> [[UInt8]] {
        try takeList { reader throws(MalformedRecord) in try reader.takeByteArray() }
    }

    @_lifetime(self: copy self)
    mutating func takeNodes() throws(MalformedRecord) -> [NodeName] {
        try takeList { reader throws(MalformedRecord) in try reader.takeNode() }
    }

    @_lifetime(self: copy self)
    mutating func takeDelivery() throws(MalformedRecord) -> NodeDelivery {
        NodeDelivery(
            isRetained: try takeBool(), isForSubscribers: try takeBool(),
            shares: try takeByteArrays())
    }

    @_lifetime(self: copy self)
    mutating func takeHeirs(of delivery: inout NodeDelivery) throws(MalformedRecord) {
        guard !isAtEnd else { return }
        delivery.inherited = try takeOptional { reader throws(MalformedRecord) in
            InheritedForward(
                node: try reader.takeNode(),
                number: ForwardNumber(rawValue: try reader.takeUInt64()),
                shard: try reader.takeUInt8(), shardCount: try reader.takeUInt8())
        }
        delivery.excluded = try takeNodes()
        if isAtEnd {
            if delivery.inherited != nil || !delivery.excluded.isEmpty { return }
            throw .malformed(what: "whom a message is for")
        }
        delivery.keeper = try takeOptional { reader throws(MalformedRecord) in
            try reader.takeNode()
        }
        let former = try takeOptional { reader throws(MalformedRecord) in try reader.takeNode() }
        guard delivery.keeper != nil || former != nil,
            former == nil || delivery.inherited != nil
        else { throw .malformed(what: "who has kept a message") }
        delivery.inherited?.keeper = former
    }

    @_lifetime(self: copy self)
    mutating func takeForwardNumbers() throws(MalformedRecord) -> [ForwardNumber] {
        try takeList { reader throws(MalformedRecord) in
            ForwardNumber(rawValue: try reader.takeUInt64())
        }
    }

    @_lifetime(self: copy self)
    mutating func takeTime() throws(MalformedRecord) -> Timestamp {
        Timestamp(milliseconds: try takeSignedVarint())
    }

    @_lifetime(self: copy self)
    mutating func takeProduct() throws(MalformedRecord) -> ProductKey {
        guard let product = ProductKey(try takeText()) else {
            throw .malformed(what: "ProductKey")
        }
        return product
    }

    @_lifetime(self: copy self)
    mutating func takeAccount() throws(MalformedRecord) -> AccountID {
        guard let account = AccountID(try takeText()) else { throw .malformed(what: "account") }
        return account
    }

    @_lifetime(self: copy self)
    mutating func takeDevice() throws(MalformedRecord) -> DeviceIdentity {
        let product = try takeProduct()
        guard let device = DeviceKey(try takeText()) else { throw .malformed(what: "DeviceKey") }
        return DeviceIdentity(product: product, device: device)
    }

    @_lifetime(self: copy self)
    mutating func takeKey() throws(MalformedRecord) -> KeyID {
        guard let key = KeyID(try takeText()) else { throw .malformed(what: "key") }
        return key
    }

    @_lifetime(self: copy self)
    mutating func takeFeed() throws(MalformedRecord) -> FeedNumber {
        FeedNumber(number: try takeUInt64())
    }

    @_lifetime(self: copy self)
    mutating func takeNode() throws(MalformedRecord) -> NodeName {
        guard let node = NodeName(try takeText()) else { throw .malformed(what: "node") }
        return node
    }

    @_lifetime(self: copy self)
    mutating func takeSessionName() throws(MalformedRecord) -> SessionName {
        let bytes = try takeCounted()
        var reader = ByteReader(bytes)
        guard let name = SessionName(decoding: &reader) else {
            throw .malformed(what: "name of a session")
        }
        return name
    }

    @_lifetime(self: copy self)
    mutating func takePlace() throws(MalformedRecord) -> ClientPlace {
        ClientPlace(name: try takeSessionName(), number: try takeUInt64())
    }

    @_lifetime(self: copy self)
    mutating func takeDay() throws(MalformedRecord) -> Day {
        guard let number = Int32(exactly: try takeSignedVarint()) else {
            throw .malformed(what: "day")
        }
        return Day(number: number)
    }

    @_lifetime(self: copy self)
    mutating func takeUsage() throws(MalformedRecord) -> DayUsage {
        let day = try takeDay()
        guard let used = UInt32(exactly: try takeVarint()),
            let topUp = UInt32(exactly: try takeVarint())
        else { throw .malformed(what: "count of a day") }
        return DayUsage(day: day, used: used, topUp: topUp, isNoticed: try takeBool())
    }

    @_lifetime(self: copy self)
    mutating func takeUsages() throws(MalformedRecord) -> [DayUsage] {
        try takeList { reader throws(MalformedRecord) in try reader.takeUsage() }
    }

    @_lifetime(self: copy self)
    mutating func takeProducts() throws(MalformedRecord) -> [ProductKey] {
        try takeList { reader throws(MalformedRecord) in try reader.takeProduct() }
    }

    @_lifetime(self: copy self)
    mutating func takeQuarter() throws(MalformedRecord) -> Quarter {
        guard let number = Int32(exactly: try takeSignedVarint()) else {
            throw .malformed(what: "quarter of an hour")
        }
        return Quarter(number: number)
    }

    @_lifetime(self: copy self)
    mutating func takeProductDay() throws(MalformedRecord) -> ProductDay {
        ProductDay(
            day: try takeDay(), used: try takeVarint(), topUp: try takeVarint(),
            devices: try takeOptional { reader throws(MalformedRecord) in
                try reader.takeVarint()
            })
    }

    @_lifetime(self: copy self)
    mutating func takeOnlineCount() throws(MalformedRecord) -> OnlineCount {
        OnlineCount(
            quarter: try takeQuarter(), online: try takeVarint(), devices: try takeVarint())
    }
}
