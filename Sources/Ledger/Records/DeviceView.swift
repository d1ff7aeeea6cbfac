import Bytes
import Storage
import Time

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
        guard bytes.count > Self.headLength, bytes[0] == RecordVersion.current,
            bytes[3] <= UInt8(SealedSecret.maximumLength),
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

    var name: String {
        get throws(MalformedRecord) {
            var reader = ByteReader(
                bytes.extracting(Self.headLength + Int(bytes[3])..<bytes.count)
            )
            let name = try reader.takeText()
            guard reader.isAtEnd else { throw .malformed(what: "device") }
            return name
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
