package import Bytes
package import Encoding

/// What an owner takes back of what was done by mistake (rules A11 and B17). What a tenant does can't
/// be revoked; `cause` says why this was.
public enum CorrectionAction: Hashable, Sendable {
    /// The codes of a batch that are not consumed are void: those that are unassigned, and those that
    /// products have. `first` names the batch.
    case voidPurchase(AccountID, first: ActivationCode, cause: String)

    /// The codes of an assignment that are not consumed are unassigned again. `sequence` names it: it
    /// is the number of its event.
    case voidAssignment(AccountID, sequence: UInt64, cause: String)

    /// The device's latest code was not consumed: its product has it again, and what the device had
    /// before holds.
    case voidConsumption(DeviceIdentity, cause: String)

    /// The device's running entitlement is another device's of the same product from now on.
    case move(DeviceIdentity, to: DeviceKey, cause: String)

    /// The units of a top-up pack that are not used are void, and so is what comes back to it later.
    case voidTopUp(AccountID, pack: UInt64, cause: String)
}

extension CorrectionAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case voidPurchase = 0x39_01
        case voidAssignment = 0x39_02
        case voidConsumption = 0x39_03
        case move = 0x39_04
        case voidTopUp = 0x39_05
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .voidPurchase(let account, let first, let cause):
            buffer.append(Tag.voidPurchase, account, first, cause)
        case .voidAssignment(let account, let sequence, let cause):
            buffer.append(Tag.voidAssignment, account, sequence, cause)
        case .voidConsumption(let identity, let cause):
            buffer.append(Tag.voidConsumption, identity, cause)
        case .move(let identity, let device, let cause):
            buffer.append(Tag.move, identity, device, cause)
        case .voidTopUp(let account, let pack, let cause):
            buffer.append(Tag.voidTopUp, account, pack, cause)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .voidPurchase: try reader.make(Self.voidPurchase)
            case .voidAssignment: try reader.make(Self.voidAssignment)
            case .voidConsumption: try reader.make(Self.voidConsumption)
            case .move: try reader.make(Self.move)
            case .voidTopUp: try reader.make(Self.voidTopUp)
            }
    }

    var asked: CorrectionAction {
        switch self {
        case .voidPurchase, .voidAssignment, .voidConsumption, .move, .voidTopUp: self
        }
    }
}

/// A correction as the event log keeps it.
public struct Correction: Hashable, Sendable {
    public let cause: String
    public let entry: Entry

    public init(_ entry: Entry, cause: String) {
        self.entry = entry
        self.cause = cause
    }

    /// What was corrected.
    public enum Entry: Hashable, Sendable {
        /// `quantity` codes of the batch that `first` names.
        case purchaseVoided(
            AccountID, package: PackageID, quantity: UInt64, first: ActivationCode)

        /// `quantity` codes of the assignment of that number.
        case assignmentVoided(
            AccountID, product: ProductKey, package: PackageID, quantity: UInt64,
            sequence: UInt64)
        case consumptionVoided(DeviceIdentity, Entitlement)

        /// `entitlement` is as the other device has it.
        case entitlementMoved(DeviceIdentity, to: DeviceKey, Entitlement)
        case topUpVoided(TopUpPlace, units: UInt64)
    }

    /// Its name in the API.
    public var name: String {
        switch entry {
        case .purchaseVoided: "purchase-voided"
        case .assignmentVoided: "assignment-voided"
        case .consumptionVoided: "consumption-voided"
        case .entitlementMoved: "entitlement-moved"
        case .topUpVoided: "top-up-pack-voided"
        }
    }
}

extension Correction: ChangePart {
    enum Tag: UInt16, RecordTag { case correction = 72 }

    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(Tag.correction, cause, entry)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.takeTag(of: Self.self) {
        case .correction: self = try reader.make { Correction($1, cause: $0) }
        }
    }
}

extension Correction.Entry: TaggedRecord {
    enum Tag: UInt16, RecordTag {
        case purchaseVoided = 1
        case assignmentVoided = 2
        case consumptionVoided = 3
        case entitlementMoved = 4
        case topUpVoided = 5
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .purchaseVoided(let account, let package, let quantity, let first):
            buffer.append(Tag.purchaseVoided, account, package, quantity, first)
        case .assignmentVoided(let account, let product, let package, let quantity, let sequence):
            buffer.append(
                Tag.assignmentVoided, account, product, package, quantity, sequence)
        case .consumptionVoided(let identity, let entitlement):
            buffer.append(Tag.consumptionVoided, identity, entitlement)
        case .entitlementMoved(let identity, let device, let entitlement):
            buffer.append(Tag.entitlementMoved, identity, device, entitlement)
        case .topUpVoided(let pack, let units): buffer.append(Tag.topUpVoided, pack, units)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .purchaseVoided: try reader.make(Self.purchaseVoided)
            case .assignmentVoided: try reader.make(Self.assignmentVoided)
            case .consumptionVoided: try reader.make(Self.consumptionVoided)
            case .entitlementMoved: try reader.make(Self.entitlementMoved)
            case .topUpVoided: try reader.make(Self.topUpVoided)
            }
    }
}

/// Why a correction was refused.
public enum CorrectionRefusal: Hashable, Sendable, CustomStringConvertible {
    case unknownPurchase(AccountID, ActivationCode)
    case unknownAssignment(AccountID, UInt64)
    case unknownTopUp(AccountID, UInt64)

    /// All of it was used, is void already, has expired, or went with a deleted product.
    case nothingToVoid

    /// The device has no code that could be taken back.
    case nothingConsumed(DeviceIdentity)

    /// The device has no entitlement that runs, so that none can be moved.
    case nothingRuns(DeviceIdentity)

    public var description: String {
        switch self {
        case .unknownPurchase(let account, let first):
            "account \(account) has no purchase whose first code is \(first)"
        case .unknownAssignment(let account, let sequence):
            "account \(account) has no assignment \(sequence)"
        case .unknownTopUp(let account, let pack): "account \(account) has no top-up pack \(pack)"
        case .nothingToVoid: "nothing of it can be taken back: all is used, void or gone"
        case .nothingConsumed(let identity): "device \(identity) has consumed no code"
        case .nothingRuns(let identity): "device \(identity) has no entitlement that runs"
        }
    }
}

extension CorrectionRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case unknownPurchase = 0x51_01
        case unknownAssignment = 0x51_02
        case nothingToVoid = 0x51_03
        case nothingConsumed = 0x51_04
        case nothingRuns = 0x51_05
        case unknownTopUp = 0x51_06
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unknownPurchase(let account, let first):
            buffer.append(Tag.unknownPurchase, account, first)
        case .unknownAssignment(let account, let sequence):
            buffer.append(Tag.unknownAssignment, account, sequence)
        case .nothingToVoid: buffer.append(Tag.nothingToVoid)
        case .nothingConsumed(let identity): buffer.append(Tag.nothingConsumed, identity)
        case .nothingRuns(let identity): buffer.append(Tag.nothingRuns, identity)
        case .unknownTopUp(let account, let pack): buffer.append(Tag.unknownTopUp, account, pack)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .unknownPurchase: try reader.make(Self.unknownPurchase)
            case .unknownAssignment: try reader.make(Self.unknownAssignment)
            case .nothingToVoid: .nothingToVoid
            case .nothingConsumed: try reader.make(Self.nothingConsumed)
            case .nothingRuns: try reader.make(Self.nothingRuns)
            case .unknownTopUp: try reader.make(Self.unknownTopUp)
            }
    }
}
