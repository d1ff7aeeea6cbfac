/// What the courier is told when it is started.
public struct CourierArguments: Equatable, Sendable {
    /// Whether addresses that only the gateway's own network reaches are connected to.
    public var allowsPrivateAddresses = false

    /// Whether URLs may begin with `http://`.
    public var allowsPlainHTTP = false

    /// PEM file of authorities that are trusted besides the system's.
    public var trustedCertificates: String?

    public init() {}

    /// As words of a command line.
    public var words: [String] {
        (allowsPrivateAddresses ? ["--private"] : []) + (allowsPlainHTTP ? ["--plain"] : [])
            + (trustedCertificates.map { ["--trust", $0] } ?? [])
    }

    /// `nil` when they are none.
    public init?(words: [String]) {
        var rest = words[...]
        while let word = rest.popFirst() {
            switch word {
            case "--private": allowsPrivateAddresses = true
            case "--plain": allowsPlainHTTP = true
            case "--trust":
                guard let file = rest.popFirst() else { return nil }
                trustedCertificates = file
            default: return nil
            }
        }
    }
}
