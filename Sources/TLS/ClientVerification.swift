/// Whether peers that connect to us show a certificate.
public enum ClientVerification: Sendable, Equatable {
    /// They are not asked for one.
    case none

    /// They are asked; one that is shown must come from an authority in the PEM file.
    case optional(authorityFile: String)

    /// They are asked, and refused without one (alert `certificate_required`).
    case required(authorityFile: String)

    /// The PEM file of the authorities, unless nobody is asked.
    public var authorityFile: String? {
        switch self {
        case .none: nil
        case .optional(let file), .required(let file): file
        }
    }
}
