/// Which certificates of an authority a device may show.
public enum CertificatePinning: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    /// Each that names it.
    case none = 1

    /// The one that it was let in with first, until its list is another one.
    case firstUse = 2

    /// Those in its list, so that a device with an empty one is not let in.
    case listed = 3

    /// The most fingerprints of one device.
    public static let fingerprintMaximum = 4

    /// Its name in the API.
    public var name: String {
        switch self {
        case .none: "none"
        case .firstUse: "first-use"
        case .listed: "listed"
        }
    }

    /// What becomes of a device that shows a certificate, and has that list.
    public func verdict(
        on shown: CertificateFingerprint, among list: [CertificateFingerprint]
    ) -> PinVerdict {
        switch self {
        case .none: .fits
        case .firstUse: list.isEmpty ? .pins : list.contains(shown) ? .fits : .differs
        case .listed: list.contains(shown) ? .fits : .differs
        }
    }
}

/// What a device's list of certificates says of one.
public enum PinVerdict: Hashable, Sendable {
    case fits

    /// It is the first one, and the list's from now on.
    case pins
    case differs
}
