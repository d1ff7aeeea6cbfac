public import Bytes
public import Storage
public import Time

/// What a campaign is to do.
public struct CampaignRecord: StorageRecord, Hashable, Sendable {
    public let campaign: NewCampaign
    public let createdAt: Timestamp
    public let createdBy: String

    init(_ campaign: NewCampaign, at time: Timestamp, by actor: String) {
        self.campaign = campaign
        createdAt = time
        createdBy = actor
    }

    private enum Version: UInt8, RecordVersion {
        case v1 = 1

        /// When it starts.
        case v2 = 2
    }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v2, campaign, createdAt, createdBy, campaign.startsAt)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "campaign") {
        case .v1:
            campaign = try reader.take()
            createdAt = try reader.take()
            createdBy = try reader.take()
        case .v2:
            let made: NewCampaign = try reader.take()
            createdAt = try reader.take()
            createdBy = try reader.take()
            campaign = made.starting(at: try reader.take())
        }
        // It is divided by.
        guard (1...NewCampaign.perMinuteMaximum).contains(campaign.perMinute) else {
            throw .malformed(what: "campaign's rate")
        }
    }
}

/// How far a campaign is.
public struct CampaignProgressRecord: StorageRecord, Hashable, Sendable {
    public internal(set) var state: CampaignState
    public internal(set) var changedAt: Timestamp

    /// The last device that was asked; `nil`: none was.
    public internal(set) var cursor: DeviceKey?

    /// Whether all were asked.
    public internal(set) var isThrough: Bool

    /// Upgrades that were started, and of these how many have ended how.
    public internal(set) var started: UInt64
    public internal(set) var succeeded: UInt64
    public internal(set) var failed: UInt64
    public internal(set) var unreported: UInt64

    /// Devices that could not be upgraded: not active, nothing left to pay with, upgrading to another image.
    public internal(set) var refused: UInt64

    /// Up to when the upgrades that were started use up the rate.
    var paidUntil: Timestamp

    /// - Parameter start: from when on the rate pays for upgrades; `nil`: from now on.
    init(at time: Timestamp, startingAt start: Timestamp? = nil) {
        state = .running
        changedAt = time
        cursor = nil
        isThrough = false
        started = 0
        succeeded = 0
        failed = 0
        unreported = 0
        refused = 0
        paidUntil = max(time, start ?? time)
    }

    /// Upgrades that have not ended.
    public var open: UInt64 { started &- ended }

    var ended: UInt64 { succeeded &+ failed &+ unreported }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            Version.v1, state, changedAt, cursor, isThrough, started, succeeded, failed,
            unreported, refused, paidUntil)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "campaign's progress") {
        case .v1:
            state = try reader.take()
            changedAt = try reader.take()
            cursor = try reader.take()
            isThrough = try reader.take()
            started = try reader.take()
            succeeded = try reader.take()
            failed = try reader.take()
            unreported = try reader.take()
            refused = try reader.take()
            paidUntil = try reader.take()
        }
    }
}

/// What has become of a device that a campaign has asked.
public struct CampaignDeviceRecord: StorageRecord, Hashable, Sendable {
    public internal(set) var state: CampaignDeviceState
    public let askedAt: Timestamp

    /// When its upgrade has ended.
    public internal(set) var endedAt: Timestamp?

    /// What the device has said last of an upgrade that has ended; of one that has not, its offer knows that.
    public internal(set) var percent: UpgradePercent
    public internal(set) var heardAt: Timestamp?

    /// What the device has said of how it ended.
    public internal(set) var detail: UpgradeDetail

    /// Why it was not upgraded, or why its upgrade was never reported, if that is known.
    public internal(set) var refusal: Refusal?

    init(_ state: CampaignDeviceState, at time: Timestamp, refusal: Refusal? = nil) {
        self.state = state
        askedAt = time
        endedAt = nil
        percent = .none
        heardAt = nil
        detail = .none
        self.refusal = refusal
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            Version.v1, state, askedAt, endedAt, percent, heardAt, detail, refusal)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "device of a campaign") {
        case .v1:
            state = try reader.take()
            askedAt = try reader.take()
            endedAt = try reader.take()
            percent = try reader.take()
            heardAt = try reader.take()
            detail = try reader.take()
            refusal = try reader.take()
        }
    }
}
