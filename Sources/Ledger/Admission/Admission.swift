public import Time

/// The decision about a connection, without a store: the gateway asks it before it submits a command,
/// `apply` asks it again inside the transaction, and a dry run asks it for people (rule B15).
public enum Admission {
    /// Decides about the device `identity`, whose credentials were proven.
    ///
    /// `product` and `device` are what the books hold about them at `time`. Whether a code is left is
    /// not asked here: only the writer's transaction can say.
    public static func decide(
        _ identity: DeviceIdentity,
        product: ProductRecord?,
        device: Standing?,
        at time: Timestamp
    ) -> Decision {
        guard let product, !product.isDeleted else {
            return .refuse(.unknownProduct(identity.product))
        }
        guard let device else {
            // A certificate proves a device that nobody imported.
            return product.registration == .open
                ? .consume(.first) : .refuse(.unknownDevice(identity))
        }
        if device.isDisabled { return .refuse(.deviceDisabled(identity)) }
        if device.isEntitled(at: time) {
            return device.isRegistered && device.isOpen
                ? .admit(until: device.expiresAt) : .readmit(until: device.expiresAt)
        }
        if device.codesConsumed == 0 { return .consume(.first) }
        guard product.autoRenewal, !device.isExceptedFromRenewal else {
            return .refuse(.renewalOff(identity))
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
