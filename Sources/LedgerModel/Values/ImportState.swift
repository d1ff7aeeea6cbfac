/// How far an import in chunks has come.
public enum ImportState: UInt8, CaseIterable, Hashable, Sendable {
    /// Its rows are being taken; nobody sees them.
    case receiving = 1

    /// It was committed: its devices are known, and move to where they stay.
    case landing = 2

    /// All its devices are where they stay.
    case done = 3

    /// It will never be committed; what was taken of it is being removed, or has been.
    case abandoned = 4

    /// Its name in the API.
    public var name: String {
        switch self {
        case .receiving: "receiving"
        case .landing: "landing"
        case .done: "done"
        case .abandoned: "abandoned"
        }
    }
}
