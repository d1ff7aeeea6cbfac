public import Time

/// The decision about a connection, without a store: the gateway asks it before it submits a command,
/// `apply` asks it again inside the transaction, and a dry run asks it for people (rule B15).
public enum Admission {
    /// Decides about the device `identity`, whose credentials were proven.
    ///
    /// `product` and `device` are what the books hold about them at `time`. Whether a code is left is
    /// not asked here: only the writer's transaction can say.
    ///
    /// - Parameter isBrought: the authority of the certificate that it has shown registers devices that are not known.
    public static func decide(
        _ identity: DeviceIdentity,
        product: ProductRecord?,
        device: Standing?,
        isBrought: Bool = false,
        at time: Timestamp
    ) -> Decision {
        guard let product, !product.isDeleted else {
            return .refuse(.products(.unknown(identity.product)))
        }
        // One that was deleted before it consumed a code is as good as none.
        let isKnown = device.map { $0.isRegistered || $0.codesConsumed > 0 } ?? false
        let isTaken =
            switch product.registration {
            case .open: true
            case .imported: isKnown || isBrought
            case .closed: isKnown
            }
        guard isTaken else { return .refuse(.devices(.unknown(identity))) }
        if device?.isDisabled == true { return .refuse(.devices(.disabled(identity))) }
        // A certificate proves a device that was never imported.
        guard let device, isKnown else { return .consume(.first) }
        if device.isEntitled(at: time) {
            return device.isRegistered && device.isOpen
                ? .admit(until: device.expiresAt) : .readmit(until: device.expiresAt)
        }
        if device.codesConsumed == 0 { return .consume(.first) }
        guard product.autoRenewal, !device.isExceptedFromRenewal else {
            return .refuse(.devices(.renewalOff(identity)))
        }
        return .consume(.renewal)
    }

    /// When a period begins that is consumed at `time` for a device that is online and whose latest
    /// period ended at `end` (rule B4).
    ///
    /// It begins where the old one ended, so that no time is paid twice and none is given away. But
    /// when that whole period would be over by now (the process was down for longer), nobody was
    /// connected in it: it begins now, and a returning device never consumes several codes.
    public static func onlineRenewalStart(
        after end: Timestamp,
        validityDays: UInt32,
        at time: Timestamp
    ) -> Timestamp {
        end.adding(days: Int64(validityDays)) > time ? end : time
    }
}

/// What the books say to a device that wants to be, or stay, connected.
public enum Decision: Hashable, Sendable {
    /// It may be connected until then; nothing has to be written.
    case admit(until: Timestamp)

    /// It may be connected until then, but the books have to register it again, or count it as active
    /// again, first (rule B8): submit `activate`. Consumes nothing.
    case readmit(until: Timestamp)

    /// A code has to be consumed first: submit `activate`, which may find no code left (rule B3).
    case consume(ActivationCause)

    /// It must not be connected.
    case refuse(Refusal)
}

/// What the decision about a device depends on: the small, fixed part of its record.
public struct Standing: Hashable, Sendable {
    /// False for a device that was deleted: its entitlement is kept (rule B8).
    public let isRegistered: Bool
    public let isDisabled: Bool

    /// On the product's list of exceptions from automatic renewal (rule B6).
    public let isExceptedFromRenewal: Bool

    /// The books count the entitlement as running: it was neither ended nor swept.
    public let isOpen: Bool

    /// How many codes the device has consumed: 0 when it was never active.
    public let codesConsumed: UInt32

    /// The end of the latest entitlement; meaningless when `codesConsumed` is 0.
    public let expiresAt: Timestamp

    public init(
        isRegistered: Bool,
        isDisabled: Bool,
        isExceptedFromRenewal: Bool,
        isOpen: Bool,
        codesConsumed: UInt32,
        expiresAt: Timestamp
    ) {
        self.isRegistered = isRegistered
        self.isDisabled = isDisabled
        self.isExceptedFromRenewal = isExceptedFromRenewal
        self.isOpen = isOpen
        self.codesConsumed = codesConsumed
        self.expiresAt = expiresAt
    }

    /// Whether a consumed code still gives the device the right to be connected.
    public func isEntitled(at time: Timestamp) -> Bool { codesConsumed > 0 && time < expiresAt }
}
