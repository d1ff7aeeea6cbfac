import CRevision

/// What `tollgate --version` says.
enum Version {
    /// The newest of CHANGELOG.md; `-dev` until it is released.
    static let number = "0.4.0-dev"

    /// `tollgate 0.4.0 (d2432dd)`, with `+changes` behind the revision when files differed from it.
    static var text: String {
        // Safe: a string literal of the C target.
        unsafe "tollgate \(number) (\(String(cString: tollgate_revision())))"
    }
}
