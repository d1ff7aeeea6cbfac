public import Bytes
public import Storage
public import Time

/// All that the books hold about a device, in one record: its registration, and the entitlement,
/// which outlives it (rule B8). So admission is one lookup.
///
/// The layout has a fixed head, which `DeviceView` reads in place, so that an activation changes
/// bytes of a record and not its size:
///
///     0  version      4  period (codes consumed)   16  expiresAt    32  registeredAt
///     1  flags        8  activatedAt               24  code serial  40  sealed secret, then name
///     2  cause
///     3  length of the sealed secret
public struct DeviceRecord: StorageRecord, Hashable, Sendable {
    /// False after deletion (rule B8).
    public internal(set) var isRegistered: Bool
    public internal(set) var isDisabled: Bool

    /// On the product's list of exceptions (rule B6).
    public internal(set) var isExceptedFromRenewal: Bool

    /// The books count the entitlement as running: it was neither ended nor swept.
    public internal(set) var isOpen: Bool

    /// A login has proven the secret, so that registering no longer issues it.
    public internal(set) var isSecretConfirmed: Bool

    /// Sealed; `nil`: no login with a secret is possible.
    public internal(set) var secret: SealedSecret?
    public internal(set) var name: String
    public internal(set) var registeredAt: Timestamp

    /// The latest one, running or not; `nil` before the first code.
    public internal(set) var entitlement: Entitlement?

    init(secret: SealedSecret?, name: String = "", registeredAt: Timestamp) {
        isRegistered = true
        isDisabled = false
        isExceptedFromRenewal = false
        isOpen = false
        isSecretConfirmed = false
        self.secret = secret
        self.name = name
        self.registeredAt = registeredAt
        entitlement = nil
    }

    /// The same with the entitlement that `old`, what a deleted device has left, gives it: the
    /// entitlement is the device's own (rule B8).
    func keepingEntitlement(of old: DeviceRecord?) -> DeviceRecord {
        var record = self
        record.entitlement = old?.entitlement
        record.isOpen = old?.isOpen ?? false
        return record
    }

    /// Rule B10: at least 1 once it was active.
    public var codesConsumed: UInt32 { entitlement?.period ?? 0 }

    /// Whether the product's figure of active devices counts it.
    public var isActive: Bool { isRegistered && isOpen && !isDisabled }

    public func state(at time: Timestamp) -> DeviceState {
        if isDisabled { return .disabled }
        return entitlement?.runs(at: time) == true ? .active : .inactive
    }

    public var standing: Standing {
        Standing(
            isRegistered: isRegistered,
            isDisabled: isDisabled,
            isExceptedFromRenewal: isExceptedFromRenewal,
            isOpen: isOpen,
            codesConsumed: codesConsumed,
            expiresAt: entitlement?.expiresAt ?? Timestamp(milliseconds: 0)
        )
    }

    public func encode(into buffer: inout ByteBuffer) {
        var flags: DeviceFlags = []
        if isRegistered { flags.insert(.registered) }
        if isDisabled { flags.insert(.disabled) }
        if isExceptedFromRenewal { flags.insert(.exceptedFromRenewal) }
        if isOpen { flags.insert(.open) }
        if isSecretConfirmed { flags.insert(.secretConfirmed) }
        buffer.append(RecordVersion.current)
        buffer.append(flags.rawValue)
        buffer.append(entitlement?.cause.rawValue ?? 0)
        buffer.append(UInt8(secret?.bytes.count ?? 0))
        buffer.append(codesConsumed)
        buffer.append(milliseconds: entitlement?.activatedAt)
        buffer.append(milliseconds: entitlement?.expiresAt)
        buffer.append(entitlement?.code.serial ?? 0)
        buffer.append(milliseconds: registeredAt)
        if let secret { buffer.append(secret.bytes.span) }
        buffer.append(text: name)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let view = try DeviceView(decoding: reader.readRemaining())
        guard view.flags.isSubset(of: .known) else { throw .malformed(what: "device") }
        isRegistered = view.flags.contains(.registered)
        isDisabled = view.flags.contains(.disabled)
        isExceptedFromRenewal = view.flags.contains(.exceptedFromRenewal)
        isOpen = view.flags.contains(.open)
        isSecretConfirmed = view.flags.contains(.secretConfirmed)
        secret = SealedSecret(view.sealedSecret.bytesArray)
        name = try view.name
        registeredAt = view.registeredAt
        entitlement = try view.entitlement
    }
}

extension ByteBuffer {
    /// Eight bytes; 0 for none.
    fileprivate mutating func append(milliseconds time: Timestamp?) {
        append(UInt64(bitPattern: time?.milliseconds ?? 0))
    }
}
