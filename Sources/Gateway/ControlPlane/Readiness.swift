/// Whether the gateway takes new work, point by point.
public struct Readiness: Equatable, Sendable {
    /// One thing that has to be in order.
    public struct Check: Equatable, Sendable {
        /// Stable, for programs: `listeners`, `ledger-writable`, `usage-writable`, `clock`,
        /// `disk-space`, `map-space`, `descriptors`, `connections`, `loop-lag`, `certificates`,
        /// `cluster`, `uplink`, `draining`.
        public let name: String

        /// What is wrong, for people; `nil` when nothing is.
        public let problem: String?

        /// What will go wrong, and does not yet.
        public let warning: String?

        public init(name: String, problem: String? = nil, warning: String? = nil) {
            self.name = name
            self.problem = problem
            self.warning = warning
        }
    }

    public let checks: [Check]

    public init(checks: [Check]) { self.checks = checks }

    /// True when no check has a problem.
    public var isReady: Bool { checks.allSatisfy { $0.problem == nil } }
}
