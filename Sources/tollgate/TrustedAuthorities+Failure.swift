import TLS

extension TrustedAuthorities {
    /// The file; there has to be one.
    static func required(named name: String?) throws(Failure) -> String {
        guard let file = file(named: name) else {
            throw Failure(
                text:
                    "which authorities are trusted is not known: name a PEM file of them (--ca-file FILE)",
                code: 2)
        }
        return file
    }
}
