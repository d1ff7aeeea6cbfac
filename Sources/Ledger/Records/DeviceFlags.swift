/// The second byte of a device's record.
struct DeviceFlags: OptionSet {
    let rawValue: UInt8

    static let registered = DeviceFlags(rawValue: 1 << 0)
    static let disabled = DeviceFlags(rawValue: 1 << 1)
    static let exceptedFromRenewal = DeviceFlags(rawValue: 1 << 2)
    static let open = DeviceFlags(rawValue: 1 << 3)
    static let secretConfirmed = DeviceFlags(rawValue: 1 << 4)

    /// No other bits are written.
    static let known: DeviceFlags = [
        .registered, .disabled, .exceptedFromRenewal, .open, .secretConfirmed,
    ]
}
