public import Bytes
public import Encoding
public import Time

/// Names a campaign of a product: 1 to 48 of `[A-Za-z0-9_.-]`.
public struct CampaignID: Identifier {
    public static var maximumLength: Int { 48 }

    public let text: String

    public init(checked text: String) { self.text = text }

    /// What its upgrades are called, each among those of its device.
    public var upgrade: UpgradeID { UpgradeID(checked: "\(Self.prefix)\(text)") }

    /// The campaign of an upgrade; `nil` of one that was started by itself.
    public init?(of upgrade: UpgradeID) {
        guard upgrade.text.hasPrefix(Self.prefix) else { return nil }
        self.init(String(upgrade.text.dropFirst(Self.prefix.count)))
    }

    private static let prefix = "campaign."
}

extension CampaignID: RecordField {}

/// Which devices of a product a campaign is for.
public enum CampaignFilter: Hashable, Sendable {
    case all

    /// With that value under that key.
    case metadata(MetadataKey, MetadataValue)

    /// In order, each once; at most `devicesMaximum`.
    case devices([DeviceKey])

    public static var devicesMaximum: Int { 1_000 }

    /// Whether it names as many devices as it may.
    package var isInRange: Bool {
        switch self {
        case .all, .metadata: true
        case .devices(let devices): (1...Self.devicesMaximum).contains(devices.count)
        }
    }

    /// The same, its devices in order and each once.
    fileprivate var inOrder: CampaignFilter {
        switch self {
        case .all, .metadata: self
        case .devices(let devices): .devices(Set(devices).sorted())
        }
    }
}

extension CampaignFilter: TaggedRecord {
    enum Tag: UInt16, RecordTag {
        case all = 1
        case metadata = 2
        case devices = 3
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .all: buffer.append(Tag.all)
        case .metadata(let key, let value): buffer.append(Tag.metadata, key, value)
        case .devices(let devices): buffer.append(Tag.devices, devices)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .all: .all
            case .metadata: try reader.make(Self.metadata)
            case .devices: try reader.make(Self.devices)
            }
    }
}

/// A campaign as a command makes it: upgrades of a product's devices to one image, in the order of their keys.
public struct NewCampaign: Hashable, Sendable {
    public let product: ProductKey
    public let id: CampaignID
    public let version: FirmwareVersion
    public let filter: CampaignFilter

    /// How many upgrades are started in a minute: 1 to `perMinuteMaximum`.
    public let perMinute: UInt32

    /// No upgrade is started before; `nil`: the first ones are started at once.
    public private(set) var startsAt: Timestamp?

    /// No upgrade is started from then on.
    public let endsAt: Timestamp

    /// It is stopped when more than so many of a hundred upgrades that have ended did not succeed, and
    /// `stopMinimum` have ended; 100: it is not.
    public let stopPercent: UpgradePercent

    public static var perMinuteMaximum: UInt32 { 6_000 }

    /// Before so many have ended, their share says nothing.
    public static var stopMinimum: UInt64 { 10 }

    /// The devices of a filter need not be in order.
    public init(
        product: ProductKey, id: CampaignID, version: FirmwareVersion, filter: CampaignFilter,
        perMinute: UInt32, startsAt: Timestamp? = nil, endsAt: Timestamp,
        stopPercent: UpgradePercent
    ) {
        self.startsAt = startsAt
        self.product = product
        self.id = id
        self.version = version
        self.filter = filter.inOrder
        self.perMinute = perMinute
        self.endsAt = endsAt
        self.stopPercent = stopPercent
    }
}

extension NewCampaign {
    /// The same, with a beginning.
    package func starting(at time: Timestamp?) -> NewCampaign {
        var later = self
        later.startsAt = time
        return later
    }
}

/// When it starts is beside it, in a command and in its record: both were without it first.
extension NewCampaign: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: product, id, version, filter, perMinute, endsAt, stopPercent)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        product = try reader.take()
        id = try reader.take()
        version = try reader.take()
        filter = try reader.take(CampaignFilter.self).inOrder
        perMinute = try reader.take()
        endsAt = try reader.take()
        stopPercent = try reader.take()
    }
}

/// How a campaign stands.
public enum CampaignState: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    /// It starts upgrades, or all have been started and some have not ended.
    case running = 1

    /// It starts no more until it is resumed; those that were started go on.
    case paused = 2

    /// By a person, for good.
    case stopped = 3

    /// Too many upgrades did not succeed.
    case failed = 4

    /// Its time was over before all were started.
    case expired = 5

    /// All devices were asked, and all upgrades have ended.
    case finished = 6

    /// Its name in the API.
    public var name: String {
        switch self {
        case .running: "running"
        case .paused: "paused"
        case .stopped: "stopped"
        case .failed: "failed"
        case .expired: "expired"
        case .finished: "finished"
        }
    }

    /// Whether it may start upgrades still.
    package var isOpen: Bool {
        switch self {
        case .running, .paused: true
        case .stopped, .failed, .expired, .finished: false
        }
    }
}

/// How a device of a campaign stands.
public enum CampaignDeviceState: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    /// Its upgrade was started, and has not ended.
    case requested = 1
    case succeeded = 2
    case failed = 3

    /// Its upgrade was never reported, or the device was deleted before it was.
    case unreported = 4

    /// It could not be upgraded.
    case refused = 5

    /// Its name in the API.
    public var name: String {
        switch self {
        case .requested: "requested"
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .unreported: "unreported"
        case .refused: "refused"
        }
    }
}

extension CampaignDeviceState: StorageKey {
    public func encode(into writer: inout KeyWriter) { writer.append(rawValue) }

    public init?(decoding reader: inout ByteReader) {
        guard let byte = reader.readUInt8() else { return nil }
        self.init(rawValue: byte)
    }
}

/// What a command does with campaigns.
public enum CampaignAction: Hashable, Sendable {
    case create(NewCampaign)

    /// To paused, running or stopped. To be as it is already changes nothing.
    case turn(ProductKey, CampaignID, CampaignState)

    /// Starts the upgrades that are due by now, looking at no more than `looks` devices. Makes no event but those of
    /// the upgrades, and of the campaign's end. Of what is not running nothing is done.
    case advance(ProductKey, CampaignID, looks: UInt32)
}

extension CampaignAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case create = 245
        case turn = 246
        case advance = 247

        /// With when it starts.
        case createForLater = 248
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .create(let campaign):
            if let startsAt = campaign.startsAt {
                buffer.append(Tag.createForLater, campaign, startsAt)
            } else {
                buffer.append(Tag.create, campaign)
            }
        case .turn(let product, let id, let state): buffer.append(Tag.turn, product, id, state)
        case .advance(let product, let id, let looks):
            buffer.append(Tag.advance, product, id, looks)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .create: try reader.make(Self.create)
            case .turn: try reader.make(Self.turn)
            case .advance: try reader.make(Self.advance)
            case .createForLater:
                try reader.make(Self.create(_:startingAt:))
            }
    }

    private static func create(
        _ campaign: NewCampaign, startingAt time: Timestamp
    ) -> CampaignAction {
        .create(campaign.starting(at: time))
    }

    var asked: CampaignAction {
        switch self {
        case .create, .turn, .advance: self
        }
    }
}

/// A fact about a campaign.
public enum CampaignChange: Hashable, Sendable {
    case created(ProductKey, CampaignID, FirmwareVersion)
    case turned(ProductKey, CampaignID, CampaignState)

    public var product: ProductKey {
        switch self {
        case .created(let product, _, _), .turned(let product, _, _): product
        }
    }

    var name: String {
        switch self {
        case .created: "campaign-created"
        case .turned: "campaign-turned"
        }
    }
}

extension CampaignChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case created = 245
        case turned = 246
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .created(let product, let id, let version):
            buffer.append(Tag.created, product, id, version)
        case .turned(let product, let id, let state): buffer.append(Tag.turned, product, id, state)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .created: try reader.make(Self.created)
            case .turned: try reader.make(Self.turned)
            }
    }
}

/// Why a campaign is not made, or does not turn.
public enum CampaignRefusal: Hashable, Sendable {
    case unknown(ProductKey, CampaignID)

    /// It has ended like this.
    case ended(ProductKey, CampaignID, CampaignState)

    /// So many of the product are open.
    case tooMany(maximum: UInt32)
}

extension CampaignRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case unknown = 245
        case ended = 246
        case tooMany = 247
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unknown(let product, let id): buffer.append(Tag.unknown, product, id)
        case .ended(let product, let id, let state):
            buffer.append(Tag.ended, product, id, state)
        case .tooMany(let maximum): buffer.append(Tag.tooMany, maximum)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .unknown: try reader.make(Self.unknown)
            case .ended: try reader.make(Self.ended)
            case .tooMany: try reader.make(Self.tooMany)
            }
    }

    public var description: String {
        switch self {
        case .unknown(let product, let id): "product \(product) has no campaign \(id)"
        case .ended(_, let id, let state): "campaign \(id) has ended: it is \(state.name)"
        case .tooMany(let maximum): "a product has at most \(maximum) campaigns that have not ended"
        }
    }
}
