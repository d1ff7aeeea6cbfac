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
///
/// Behind the name is what the device is limited to, if its flag says so.
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

    /// What it may send and have under way, in the place of what its product says.
    public internal(set) var limits: TrafficLimits?

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

    /// The same with what `old`, which a deleted device has left, gives it: the entitlement is the
    /// device's own (rule B8), its exception from renewal is the product's (rule B6).
    func keepingEntitlement(of old: DeviceRecord?) -> DeviceRecord {
        var record = self
        record.entitlement = old?.entitlement
        record.isOpen = old?.isOpen ?? false
        record.isExceptedFromRenewal = old?.isExceptedFromRenewal ?? false
        return record
    }

    /// Whether a deleted device leaves a record.
    var isWorthKeeping: Bool {
        isRegistered || entitlement != nil || isExceptedFromRenewal
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

    enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        var flags: DeviceFlags = []
        if isRegistered { flags.insert(.registered) }
        if isDisabled { flags.insert(.disabled) }
        if isExceptedFromRenewal { flags.insert(.exceptedFromRenewal) }
        if isOpen { flags.insert(.open) }
        if isSecretConfirmed { flags.insert(.secretConfirmed) }
        if limits != nil { flags.insert(.limited) }
        buffer.append(Version.v1)
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
        if let limits { buffer.append(fields: limits) }
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
        (name, limits) = try view.nameAndLimits
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

/// The second byte of a device's record.
struct DeviceFlags: OptionSet {
    let rawValue: UInt8

    static let registered = DeviceFlags(rawValue: 1 << 0)
    static let disabled = DeviceFlags(rawValue: 1 << 1)
    static let exceptedFromRenewal = DeviceFlags(rawValue: 1 << 2)
    static let open = DeviceFlags(rawValue: 1 << 3)
    static let secretConfirmed = DeviceFlags(rawValue: 1 << 4)
    static let limited = DeviceFlags(rawValue: 1 << 5)

    /// No other bits are written.
    static let known: DeviceFlags = [
        .registered, .disabled, .exceptedFromRenewal, .open, .secretConfirmed, .limited,
    ]
}

/// A device's record, read in place: borrows the store's bytes and allocates nothing.
public struct DeviceView: ~Escapable {
    private let bytes: Span<UInt8>

    /// What `Admission.decide` asks.
    public let standing: Standing

    let flags: DeviceFlags

    /// Length of the fixed head, see `DeviceRecord`.
    static let headLength = 40

    /// The same of bytes that a table lends.
    @_lifetime(copy bytes)
    init(stored bytes: Span<UInt8>) throws(StoreError) {
        do throws(MalformedRecord) {
            self = try DeviceView(decoding: bytes)
        } catch {
            throw StoreError(error)
        }
    }

    /// Throws when `bytes` are not a device's record.
    @_lifetime(copy bytes)
    init(decoding bytes: Span<UInt8>) throws(MalformedRecord) {
        var reader = ByteReader(bytes)
        // The offsets below are this layout's.
        switch try reader.take(DeviceRecord.Version.self, of: "device") {
        case .v1: break
        }
        guard bytes.count > Self.headLength, bytes[3] <= UInt8(SealedSecret.maximumLength),
            bytes.count > Self.headLength + Int(bytes[3])
        else { throw .malformed(what: "device") }
        self.bytes = bytes
        flags = DeviceFlags(rawValue: bytes[1])
        standing = Standing(
            isRegistered: flags.contains(.registered),
            isDisabled: flags.contains(.disabled),
            isExceptedFromRenewal: flags.contains(.exceptedFromRenewal),
            isOpen: flags.contains(.open),
            codesConsumed: UInt32(truncatingIfNeeded: bytes.bigEndian(at: 4) >> 32),
            expiresAt: bytes.timestamp(at: 16)
        )
    }

    /// The DeviceSecret, sealed; empty when the device has none, and then no secret must be accepted.
    public var sealedSecret: Span<UInt8> {
        @_lifetime(copy self)
        get { bytes.extracting(Self.headLength..<Self.headLength + Int(bytes[3])) }
    }

    /// A login has proven the secret: `confirmSecretUse` need not be submitted again.
    public var isSecretConfirmed: Bool { flags.contains(.secretConfirmed) }

    /// The latest code that was consumed; `nil` before the first.
    public var code: ActivationCode? {
        standing.codesConsumed > 0 ? ActivationCode(serial: bytes.bigEndian(at: 24)) : nil
    }

    /// The latest entitlement, running or not; `nil` before the first code.
    public var entitlement: Entitlement? {
        get throws(MalformedRecord) {
            guard standing.codesConsumed > 0 else { return nil }
            guard let cause = ActivationCause(rawValue: bytes[2]) else {
                throw .malformed(what: "device")
            }
            return Entitlement(
                code: ActivationCode(serial: bytes.bigEndian(at: 24)),
                period: standing.codesConsumed,
                activatedAt: bytes.timestamp(at: 8),
                expiresAt: standing.expiresAt,
                cause: cause
            )
        }
    }

    var registeredAt: Timestamp { bytes.timestamp(at: 32) }

    /// What the device may send and have under way, in the place of what its product says.
    var limits: TrafficLimits? {
        get throws(MalformedRecord) {
            flags.contains(.limited) ? try nameAndLimits.limits : nil
        }
    }

    /// The same, of a record that the store lends.
    public var ownLimits: TrafficLimits? {
        get throws(StoreError) {
            do throws(MalformedRecord) { return try limits } catch { throw StoreError(error) }
        }
    }

    fileprivate var nameAndLimits: (name: String, limits: TrafficLimits?) {
        get throws(MalformedRecord) {
            var reader = ByteReader(
                bytes.extracting(Self.headLength + Int(bytes[3])..<bytes.count)
            )
            let name = try reader.takeText()
            let limits =
                flags.contains(.limited) ? try reader.take(TrafficLimits.self) : nil
            guard reader.isAtEnd else { throw .malformed(what: "device") }
            return (name, limits)
        }
    }
}

extension Span<UInt8> {
    /// The eight bytes at `offset`, which must be there.
    fileprivate func bigEndian(at offset: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in offset..<offset + 8 { value = value << 8 | UInt64(self[index]) }
        return value
    }

    fileprivate func timestamp(at offset: Int) -> Timestamp {
        Timestamp(milliseconds: Int64(bitPattern: bigEndian(at: offset)))
    }
}
