package import Bytes
package import Encoding
public import Time

/// What a command does with devices: with one, or with those whose entitlements have ended.
public enum DeviceAction: Hashable, Sendable {
    /// Dynamic registration: `secret` is given to the device, unless it has one that no login has
    /// confirmed yet, which is issued again (Wire.md, "Registration"). Consumes no code.
    case register(DeviceIdentity, secret: SealedSecret)

    /// The device connects, its credentials proven: admits it, and consumes a code when it needs one
    /// (rules B1 to B3, B7, B8). `confirmsSecret` is the secret that it proved, if it proved one, and
    /// confirms nothing when the device has another by now; `at` is where it
    /// connects, `nil` being the product's home (rule B13).
    case activate(DeviceIdentity, confirmsSecret: SecretFingerprint?, at: DataCentreID? = nil)

    /// An operator activates a device whose entitlement does not run (rule B7).
    case activateByHand(DeviceIdentity)

    /// The device is online and its entitlement ends: the next period starts where it ended
    /// (rule B4). When the refusal comes back, the device goes (rule B5). `at` is where it is
    /// connected, `nil` being the product's home (rule B13).
    case renew(DeviceIdentity, at: DataCentreID? = nil)

    /// The device has gone, or went, without renewal: closes its entitlement if it has ended.
    case endEntitlement(DeviceIdentity)

    /// Closes entitlements that ended `graceMilliseconds` or longer before the command's time, the
    /// earliest first, at most `limit` of them. The grace leaves online devices time to be renewed.
    case endExpired(limit: UInt32, graceMilliseconds: Int64)

    /// Rule B12. The entitlement runs on.
    case setDisabled(DeviceIdentity, Bool)

    /// Returns no code; the entitlement and the secret are kept (rule B8).
    case delete(DeviceIdentity)

    /// Off puts the device on the product's list of exceptions (rule B6).
    case setRenewal(DeviceIdentity, Bool)

    /// A new secret that has not been used, so that registering issues it again.
    case resetSecret(DeviceIdentity, secret: SealedSecret)

    /// The device logged in with that secret: if it has it still, registering no longer issues it.
    case confirmSecretUse(DeviceIdentity, SecretFingerprint)

    /// What of its messages is stored until now is not shown any more (rule D3), on any node.
    case deleteMessages(DeviceIdentity)

    /// Its name for people; an empty one takes it away.
    case rename(DeviceIdentity, String)

    /// What it may send and have under way, in the place of what its product says; `nil`: as its product says.
    case setLimits(DeviceIdentity, TrafficLimits?)

    /// What it is to be, for the device to read (Wire.md, "State").
    case changeDesired(DeviceIdentity, DesiredEdit)

    /// The same as `activate`, of a device that has shown a certificate which its authority's rules are asked of.
    case activateByCertificate(DeviceIdentity, ShownCertificate, at: DataCentreID?)

    /// The certificates that it may show, where their authority asks: at most `CertificatePinning.fingerprintMaximum`. With
    /// none, the next one that it shows is pinned on first use.
    case setPins(DeviceIdentity, [CertificateFingerprint])
}

extension DeviceAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case register = 10
        case activate = 11
        case activateByHand = 12
        case renew = 13
        case endEntitlement = 14
        case endExpired = 15
        case setDisabled = 16
        case delete = 17
        case setRenewal = 18
        case resetSecret = 19
        case confirmSecretUse = 20
        case deleteMessages = 131
        case rename = 111
        case setLimits = 201
        case changeDesired = 220
        case activateByCertificate = 145
        case setPins = 147
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .register(let identity, let secret): buffer.append(Tag.register, identity, secret)
        case .activate(let identity, let confirmsSecret, let place):
            buffer.append(Tag.activate, identity, confirmsSecret, place)
        case .activateByHand(let identity): buffer.append(Tag.activateByHand, identity)
        case .renew(let identity, let place): buffer.append(Tag.renew, identity, place)
        case .endEntitlement(let identity): buffer.append(Tag.endEntitlement, identity)
        case .endExpired(let limit, let grace): buffer.append(Tag.endExpired, limit, grace)
        case .setDisabled(let identity, let isDisabled):
            buffer.append(Tag.setDisabled, identity, isDisabled)
        case .delete(let identity): buffer.append(Tag.delete, identity)
        case .setRenewal(let identity, let isOn): buffer.append(Tag.setRenewal, identity, isOn)
        case .resetSecret(let identity, let secret):
            buffer.append(Tag.resetSecret, identity, secret)
        case .confirmSecretUse(let identity, let proven):
            buffer.append(Tag.confirmSecretUse, identity, proven)
        case .deleteMessages(let identity): buffer.append(Tag.deleteMessages, identity)
        case .rename(let identity, let name): buffer.append(Tag.rename, identity, name)
        case .setLimits(let identity, let limits):
            buffer.append(Tag.setLimits, identity, limits)
        case .changeDesired(let identity, let edit):
            buffer.append(Tag.changeDesired, identity, edit)
        case .activateByCertificate(let identity, let shown, let place):
            buffer.append(Tag.activateByCertificate, identity, shown, place)
        case .setPins(let identity, let pins): buffer.append(Tag.setPins, identity, pins)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .register: try reader.make(Self.register)
            case .activate: try reader.make(Self.activate)
            case .activateByHand: try reader.make(Self.activateByHand)
            case .renew: try reader.make(Self.renew)
            case .endEntitlement: try reader.make(Self.endEntitlement)
            case .endExpired: try reader.make(Self.endExpired)
            case .setDisabled: try reader.make(Self.setDisabled)
            case .delete: try reader.make(Self.delete)
            case .setRenewal: try reader.make(Self.setRenewal)
            case .resetSecret: try reader.make(Self.resetSecret)
            case .confirmSecretUse: try reader.make(Self.confirmSecretUse)
            case .deleteMessages: try reader.make(Self.deleteMessages)
            case .rename: try reader.make(Self.rename)
            case .setLimits: try reader.make(Self.setLimits)
            case .changeDesired: try reader.make(Self.changeDesired)
            case .activateByCertificate: try reader.make(Self.activateByCertificate)
            case .setPins: try reader.make(Self.setPins)
            }
    }

    var asked: DeviceAction {
        switch self {
        case .register(let identity, _): .register(identity, secret: .blank)
        case .resetSecret(let identity, _): .resetSecret(identity, secret: .blank)
        case .activate, .activateByHand, .renew, .endEntitlement, .endExpired, .setDisabled,
            .delete, .setRenewal, .confirmSecretUse, .deleteMessages, .rename, .setLimits,
            .changeDesired, .activateByCertificate, .setPins:
            self
        }
    }
}

/// A fact about a device.
public enum DeviceChange: Hashable, Sendable {
    case registered(DeviceIdentity)

    /// `at` is where the device connected (rule B13), the product's home if an operator activated it.
    case activated(DeviceIdentity, Entitlement, at: DataCentreID)

    /// It was counted as ended, and runs: the device came back with a clock that stepped back.
    case entitlementReopened(DeviceIdentity, code: ActivationCode)
    case entitlementEnded(DeviceIdentity, code: ActivationCode)
    case disabled(DeviceIdentity, Bool)
    case deleted(DeviceIdentity)
    case renewalSet(DeviceIdentity, Bool)
    case secretReset(DeviceIdentity)
    case secretConfirmed(DeviceIdentity)
    case messagesDeleted(DeviceIdentity)
    case renamed(DeviceIdentity, String)
    case limitsSet(DeviceIdentity, TrafficLimits?)

    /// Its desired document has this version; what is in it is not told.
    case desiredChanged(DeviceIdentity, version: UInt64)

    /// By a person, or, of one certificate, by its first use.
    case pinsSet(DeviceIdentity, [CertificateFingerprint])

    /// The device that it is about.
    public var identity: DeviceIdentity {
        switch self {
        case .registered(let identity), .activated(let identity, _, _),
            .entitlementReopened(let identity, _), .entitlementEnded(let identity, _),
            .disabled(let identity, _), .deleted(let identity), .renewalSet(let identity, _),
            .secretReset(let identity), .secretConfirmed(let identity),
            .messagesDeleted(let identity), .renamed(let identity, _),
            .limitsSet(let identity, _), .desiredChanged(let identity, _),
            .pinsSet(let identity, _):
            identity
        }
    }
}

extension DeviceChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case registered = 10
        case activated = 11
        case entitlementReopened = 12
        case entitlementEnded = 13
        case disabled = 14
        case deleted = 15
        case renewalSet = 16
        case secretReset = 17
        case secretConfirmed = 18
        case messagesDeleted = 131
        case renamed = 111
        case limitsSet = 201
        case desiredChanged = 220
        case pinsSet = 147
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .registered(let identity): buffer.append(Tag.registered, identity)
        case .activated(let identity, let entitlement, let place):
            buffer.append(Tag.activated, identity, entitlement, place)
        case .entitlementReopened(let identity, let code):
            buffer.append(Tag.entitlementReopened, identity, code)
        case .entitlementEnded(let identity, let code):
            buffer.append(Tag.entitlementEnded, identity, code)
        case .disabled(let identity, let isDisabled):
            buffer.append(Tag.disabled, identity, isDisabled)
        case .deleted(let identity): buffer.append(Tag.deleted, identity)
        case .renewalSet(let identity, let isOn): buffer.append(Tag.renewalSet, identity, isOn)
        case .secretReset(let identity): buffer.append(Tag.secretReset, identity)
        case .secretConfirmed(let identity): buffer.append(Tag.secretConfirmed, identity)
        case .messagesDeleted(let identity): buffer.append(Tag.messagesDeleted, identity)
        case .renamed(let identity, let name): buffer.append(Tag.renamed, identity, name)
        case .limitsSet(let identity, let limits):
            buffer.append(Tag.limitsSet, identity, limits)
        case .desiredChanged(let identity, let version):
            buffer.append(Tag.desiredChanged, identity, version)
        case .pinsSet(let identity, let pins): buffer.append(Tag.pinsSet, identity, pins)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .registered: try reader.make(Self.registered)
            case .activated: try reader.make(Self.activated)
            case .entitlementReopened: try reader.make(Self.entitlementReopened)
            case .entitlementEnded: try reader.make(Self.entitlementEnded)
            case .disabled: try reader.make(Self.disabled)
            case .deleted: try reader.make(Self.deleted)
            case .renewalSet: try reader.make(Self.renewalSet)
            case .secretReset: try reader.make(Self.secretReset)
            case .secretConfirmed: try reader.make(Self.secretConfirmed)
            case .messagesDeleted: try reader.make(Self.messagesDeleted)
            case .renamed: try reader.make(Self.renamed)
            case .limitsSet: try reader.make(Self.limitsSet)
            case .desiredChanged: try reader.make(Self.desiredChanged)
            case .pinsSet: try reader.make(Self.pinsSet)
            }
    }

    var name: String {
        switch self {
        case .registered: "device-registered"
        case .activated: "device-activated"
        case .entitlementReopened: "entitlement-reopened"
        case .entitlementEnded: "entitlement-ended"
        case .disabled: "device-disabled"
        case .deleted: "device-deleted"
        case .renewalSet: "device-renewal-set"
        case .secretReset: "secret-reset"
        case .secretConfirmed: "secret-confirmed"
        case .messagesDeleted: "messages-deleted"
        case .renamed: "device-renamed"
        case .limitsSet: "device-limits-set"
        case .desiredChanged: "device-desired-changed"
        case .pinsSet: "device-pins-set"
        }
    }
}

/// Why something can't be done with a device.
public enum DeviceRefusal: Hashable, Sendable {
    case unknown(DeviceIdentity)

    /// Rule B7: the entitlement has ended and is not renewed automatically.
    case renewalOff(DeviceIdentity)

    /// Rule B12.
    case disabled(DeviceIdentity)

    /// An operator need not activate it: the entitlement runs until then.
    case entitlementRuns(until: Timestamp)

    /// The product lets no such device register itself.
    case registrationNotAllowed(DeviceIdentity)

    /// The device's secret was issued and used (Wire.md, "Registration").
    case secretInUse(DeviceIdentity)

    /// Rule D1: the device's entitlement does not run, so that it has no allowance.
    case notActive(DeviceIdentity)

    /// Its desired document has that version, and not the one that was expected.
    case desiredVersion(UInt64)

    /// The desired document would be larger than one may be.
    case desiredTooLarge(maximumBytes: UInt32)

    /// The platform has changed it as often as it may for now.
    case desiredTooOften(DeviceIdentity)

    /// Its certificate is none of those that it may show.
    case notPinned(DeviceIdentity)
}

extension DeviceRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case unknown = 4
        case renewalOff = 16
        case disabled = 17
        case entitlementRuns = 18
        case registrationNotAllowed = 20
        case secretInUse = 21
        case notActive = 54
        case desiredVersion = 220
        case desiredTooLarge = 221
        case desiredTooOften = 222
        case notPinned = 147
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unknown(let identity): buffer.append(Tag.unknown, identity)
        case .renewalOff(let identity): buffer.append(Tag.renewalOff, identity)
        case .disabled(let identity): buffer.append(Tag.disabled, identity)
        case .entitlementRuns(let until): buffer.append(Tag.entitlementRuns, until)
        case .registrationNotAllowed(let identity):
            buffer.append(Tag.registrationNotAllowed, identity)
        case .secretInUse(let identity): buffer.append(Tag.secretInUse, identity)
        case .notActive(let identity): buffer.append(Tag.notActive, identity)
        case .desiredVersion(let version): buffer.append(Tag.desiredVersion, version)
        case .desiredTooLarge(let maximum): buffer.append(Tag.desiredTooLarge, maximum)
        case .desiredTooOften(let identity): buffer.append(Tag.desiredTooOften, identity)
        case .notPinned(let identity): buffer.append(Tag.notPinned, identity)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .unknown: try reader.make(Self.unknown)
            case .renewalOff: try reader.make(Self.renewalOff)
            case .disabled: try reader.make(Self.disabled)
            case .entitlementRuns: try reader.make(Self.entitlementRuns)
            case .registrationNotAllowed: try reader.make(Self.registrationNotAllowed)
            case .secretInUse: try reader.make(Self.secretInUse)
            case .notActive: try reader.make(Self.notActive)
            case .desiredVersion: try reader.make(Self.desiredVersion)
            case .desiredTooLarge: try reader.make(Self.desiredTooLarge)
            case .desiredTooOften: try reader.make(Self.desiredTooOften)
            case .notPinned: try reader.make(Self.notPinned)
            }
    }

    public var description: String {
        switch self {
        case .unknown(let identity): "product \(identity.product) has no device \(identity.device)"
        case .renewalOff(let identity):
            "the activation of \(identity) has ended and automatic renewal is off for it"
        case .disabled(let identity): "device \(identity) is disabled"
        case .entitlementRuns(let until): "the device is active until \(until)"
        case .registrationNotAllowed(let identity):
            "product \(identity.product) does not let \(identity.device) register itself"
        case .secretInUse(let identity):
            "the secret of \(identity) was issued and used; an operator can reset it"
        case .notPinned(let identity):
            "the certificate is none of those that \(identity) may show"
        case .notActive(let identity):
            "device \(identity) is not active, and only an active one has OTA upgrades"
        case .desiredVersion(let version): "the desired document has version \(version)"
        case .desiredTooLarge(let maximum):
            "the desired document would have more than \(maximum) bytes, written without spaces"
        case .desiredTooOften(let identity):
            "what \(identity) is to be was changed \(StatePace.burst) times in a short time; one more is possible each \(StatePace.intervalMilliseconds / 1_000) seconds"
        }
    }
}
