/// The version of a server, as it says it: `2.15.1`, `2.16.0-beta.2`.
struct ServerVersion: Hashable, Comparable, Sendable {
    let major: Int
    let minor: Int
    let patch: Int

    /// The oldest that anything is kept on. It knows messages with an end of their own (`allow_msg_ttl`), which retained
    /// ones need, `sync_interval: always`, and metadata of streams; and it no longer loses a stream when its servers are
    /// killed, as 2.10.22 may. Debian 12 has 2.9.10.
    static let minimum = ServerVersion(major: 2, minor: 11, patch: 0)

    init(major: Int, minor: Int, patch: Int) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    /// What follows the three numbers is left out; `nil` when they are not there.
    init?(_ text: String) {
        let core = text.prefix { $0 != "-" && $0 != "+" }
        let numbers = core.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count == 3, let major = numbers[0], let minor = numbers[1],
            let patch = numbers[2], min(major, minor, patch) >= 0
        else { return nil }
        self.init(major: major, minor: minor, patch: patch)
    }

    static func < (left: Self, right: Self) -> Bool {
        (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
    }
}

extension ServerVersion: CustomStringConvertible {
    var description: String { "\(major).\(minor).\(patch)" }
}
