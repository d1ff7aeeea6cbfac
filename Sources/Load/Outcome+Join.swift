internal import Telemetry
internal import Time

/// A run's outcome, and the file that it was read from.
public struct NamedOutcome: Sendable {
    public let name: String
    public let outcome: Outcome

    public init(name: String, outcome: Outcome) {
        self.name = name
        self.outcome = outcome
    }
}

extension Outcome {
    /// Runs that loaded a server together, as one: counts, failures and histograms are added up, and the measured part is
    /// from the first one's beginning to the last one's end, by the wall clocks of their machines.
    ///
    /// - Parameter outcomes: one at least.
    /// - Throws: `JoinError` when they did not do the same, or one is there twice.
    public static func joined(_ outcomes: [NamedOutcome]) throws(JoinError) -> Outcome {
        guard let first = outcomes.first else { throw JoinError(text: "there is nothing to join") }
        var names: [String: String] = [:]
        for named in outcomes {
            for run in named.outcome.runs {
                if let other = names.updateValue(named.name, forKey: run) {
                    throw JoinError(
                        text: "\(named.name) has a run that is in \(other) already: name each once")
                }
            }
            if let difference = first.outcome.plan.difference(from: named.outcome.plan) {
                throw JoinError(
                    text:
                        "\(first.name) and \(named.name) are not of one load: \(difference)")
            }
        }
        var joint = first.outcome
        for named in outcomes.dropFirst() { joint.add(named.outcome) }
        let all = outcomes.map(\.outcome)
        joint.times = Times(spanning: all.map(\.times))
        let costs = try serverCosts(outcomes)
        joint.server = ServerCost(adding: costs.compactMap { $0 })
        joint.samples = SampleJoint(all, ofServer: costs.map { $0 != nil }).samples
        return joint
    }

    private mutating func add(_ other: Outcome) {
        plan.add(other.plan)
        runs += other.runs
        requests.merge(other.requests)
        openings.merge(other.openings)
        failures.merge(other.failures, uniquingKeysWith: +)
        done += other.done
        prepared += other.prepared
        resumed += other.resumed
        turnedAway += other.turnedAway
        reconnected += other.reconnected
        ownNanoseconds += other.ownNanoseconds
        isInterrupted = isInterrupted || other.isInterrupted
    }

    /// What the server took, of each outcome that is to be counted: of two that read the same processes, the first one
    /// has what both saw.
    private static func serverCosts(_ outcomes: [NamedOutcome]) throws(JoinError) -> [ServerCost?] {
        var costs: [ServerCost?] = []
        for named in outcomes {
            guard let cost = named.outcome.server else {
                costs.append(nil)
                continue
            }
            var isNew = true
            for index in costs.indices {
                guard let other = costs[index], !other.processes.isDisjoint(with: cost.processes)
                else { continue }
                guard other.processes == cost.processes else {
                    throw JoinError(
                        text:
                            "\(outcomes[index].name) and \(named.name) have some processes of the server in common: give "
                            + "the same --server-pid to all runs, or to one of them")
                }
                costs[index] = ServerCost(
                    processes: cost.processes,
                    nanoseconds: max(other.nanoseconds, cost.nanoseconds),
                    bytesBefore: min(other.bytesBefore, cost.bytesBefore),
                    bytesAfter: max(other.bytesAfter, cost.bytesAfter))
                isNew = false
            }
            costs.append(isNew ? cost : nil)
        }
        return costs
    }
}

extension Outcome.Times {
    /// From the first beginning to the last end.
    init(spanning all: [Outcome.Times]) {
        let began = all.map(\.began).min() ?? Timestamp(milliseconds: 0)
        let started = all.map(\.started).min() ?? began
        func seconds(_ time: Timestamp, since origin: Timestamp) -> Double {
            Double(time.milliseconds - origin.milliseconds) / 1_000
        }
        let starts = all.map { seconds($0.started, since: started) }
        let ends = zip(starts, all).map { $0 + $1.seconds }
        // What joins of joins have in common is within what each of them has.
        let together = all.map(\.togetherSeconds).min() ?? 0
        self.init(
            began: began, started: started,
            openingSeconds: all.map { seconds($0.began, since: began) + $0.openingSeconds }.max()
                ?? 0,
            seconds: ends.max() ?? 0,
            togetherSeconds: min(together, max(0, (ends.min() ?? 0) - (starts.max() ?? 0))),
            lateSeconds: all.compactMap(\.lateSeconds).max())
    }
}

extension Outcome.ServerCost {
    /// Of several servers; `nil` for none.
    init?(adding costs: [Outcome.ServerCost]) {
        guard let first = costs.first else { return nil }
        self = first
        for cost in costs.dropFirst() {
            processes.formUnion(cost.processes)
            nanoseconds += cost.nanoseconds
            bytesBefore += cost.bytesBefore
            bytesAfter += cost.bytesAfter
        }
    }
}

/// Why reports can't be told as one, for people.
public struct JoinError: Error, Sendable, Equatable {
    public let text: String
}
