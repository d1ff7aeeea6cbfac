import Admin
import CRevision

/// What `tollgate --version` says.
enum Version {
    /// The newest of CHANGELOG.md; `-dev` until it is released.
    static let number = "0.4.0-dev"

    /// Of the sources, with `+changes` behind it when files differed from it.
    static var revision: String {
        // Safe: a string literal of the C target.
        unsafe String(cString: tollgate_revision())
    }

    /// `tollgate 0.4.0 (d2432dd)`
    static var text: String { "tollgate \(number) (\(revision))" }

    /// The same for the page of metrics.
    static var build: Build { Build(version: number, revision: revision) }
}
