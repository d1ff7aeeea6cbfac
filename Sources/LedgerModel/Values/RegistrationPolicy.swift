/// Which devices of a product may get themselves registered by connecting (wire.md, "Registration").
public enum RegistrationPolicy: UInt8, Hashable, Sendable, CaseIterable {
    /// Any device that proves the ProductSecret or presents a certificate of ours.
    case open = 1

    /// Only devices whose DeviceKey was imported before.
    case imported = 2

    /// None: imported devices come with their secret.
    case closed = 3

    /// Its name in the API.
    public var name: String {
        switch self {
        case .open: "open"
        case .imported: "imported"
        case .closed: "closed"
        }
    }
}
