public import Linux
internal import Reactor
internal import Synchronization
public import TLS
internal import Telemetry
internal import Time

/// Runs a plan: so many threads with a loop each, and the calling one, which reads what they count.
public struct LoadRun: Sendable {
    public let plan: LoadPlan
    private let context: TLSContext?
    private let certificates: ClientCertificates?

    /// Reads all certificates.
    ///
    /// - Throws: `TLSError` with the file concerned, when one can't be read.
    public init(_ plan: LoadPlan) throws(TLSError) {
        self.plan = plan
        if let tls = plan.transport.tls {
            context = try TLSContext(connecting: tls)
        } else {
            context = nil
        }
        if let templates = plan.transport.certificates {
            certificates = try ClientCertificates(
                templates, plan.identities, first: plan.first, count: plan.connections)
        } else {
            certificates = nil
        }
    }

    private struct Ended: Sendable {
        var threads = 0
        var failures: [LoadFailure: Int] = [:]
        var error: Errno?
    }

    /// Runs it to its end.
    ///
    /// - Parameter progress: called about every second with what was done in it.
    /// - Throws: what a thread, an epoll or a timer could not be made for.
    public func run(progress: (Sample) -> Void) throws(Errno) -> Outcome {
        let startDue = plan.startAt.map { time in
            let wait = (time.milliseconds - Timestamp.now().milliseconds) * 1_000_000
            return MonotonicInstant.now().nanoseconds + wait
        }
        let course = Course(
            threads: plan.threads, processes: plan.serverProcesses, startDue: startDue)
        let meters = (0..<plan.threads).map { _ in Meters() }
        let ended = Monitor(Ended())
        let threads = try meters.indices.map { thread throws(Errno) in
            try start(thread, meters[thread], course, ended)
        }
        var series = Series(meters, course, plan.serverProcesses)
        let interval = max(1_000, Int64(plan.seconds) * 1_000 / 600)
        var next = MonotonicInstant.now().adding(milliseconds: interval)
        while true {
            let isDone = ended.wait(until: next) { $0.threads == plan.threads ? () : nil } != nil
            if isDone { break }
            if let sample = series.take() { progress(sample) }
            next = next.adding(milliseconds: interval)
        }
        for thread in threads { thread.join() }
        if let error = ended.look({ $0.error }) { throw error }
        _ = series.take()
        return Outcome(
            plan, meters, ended.look { $0.failures }, course, samples: series.samples)
    }

    private func start(
        _ thread: Int,
        _ meters: Meters,
        _ course: Course,
        _ ended: Monitor<Ended>
    ) throws(Errno) -> Thread {
        let atOnce =
            plan.scenario.leavesAtOnce
            ? min(plan.concurrency, plan.connections) : plan.connections
        let share = (atOnce - thread + plan.threads - 1) / plan.threads
        let concurrency = max(1, (plan.concurrency - thread + plan.threads - 1) / plan.threads)
        return try Thread(name: "load-\(thread)") { [plan, context, certificates] in
            var failures: [LoadFailure: Int] = [:]
            var failed: Errno?
            var marksReached = 0
            do throws(Errno) {
                var loop = try LoadLoop.make(
                    plan, thread: thread, share: share, meters: meters, context: context,
                    certificates: certificates)
                do throws(Errno) {
                    try loop.run(course, concurrency: concurrency)
                } catch {
                    failed = error
                }
                failures = loop.failures
                marksReached = loop.marksReached
            } catch {
                failed = error
            }
            // The others wait for one that has failed, too.
            for mark in Course.Mark.allCases.dropFirst(marksReached) { course.reach(mark) }
            ended.change { ended in
                ended.threads += 1
                ended.failures.merge(failures, uniquingKeysWith: +)
                if let failed { ended.error = failed }
            }
        }
    }
}
