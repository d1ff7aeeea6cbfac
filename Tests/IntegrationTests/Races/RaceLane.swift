import Gateway
import Glibc
import Ledger
import MQTT
import Support
import Synchronization
import TLS
import Testing

/// What the ones that connect and the one that changes know of each other.
final class RaceCourse: Sendable {
    /// So many attempts have been begun.
    let begun = Atomic(0)

    /// What is changed has been answered.
    let isAnswered = Atomic(false)

    /// Changes, when a part of the attempts has been begun.
    func change(behind count: Int, at gateway: TestGateway, _ actions: [Action]) async throws {
        defer { isAnswered.store(true, ordering: .sequentiallyConsistent) }
        try await until { begun.load(ordering: .relaxed) >= count }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for action in actions { group.addTask { _ = try await gateway.submit(action) } }
            try await group.waitForAll()
        }
    }

    func awaitAnswer() {
        while !isAnswered.load(ordering: .sequentiallyConsistent) { usleep(1_000) }
    }
}

/// What became of attempts to connect.
struct RaceTally: Sendable {
    var attempts = 0
    var admitted = 0

    /// How often each reason was told, in CONNACK or DISCONNECT.
    var told: [String: Int] = [:]

    /// Closed without a word, before the CONNACK.
    var untold = 0

    mutating func add(_ other: RaceTally) {
        attempts += other.attempts
        admitted += other.admitted
        untold += other.untold
        told.merge(other.told, uniquingKeysWith: +)
    }
}

/// The attempts that are made on one thread. Those of different racers don't wait for each other.
final class RaceLane {
    private struct Attempt {
        let client: TestClient
        let racer: Int

        /// It was begun when the change had been answered.
        let isLate: Bool
        var isAnswered = false
        var isAdmitted = false
    }

    /// Until then a connection has ended that a change ends.
    private static let boundSeconds = Patience.seconds

    private let stage: RaceStage
    private let course: RaceCourse
    private let racers: [RaceStage.Racer]
    private var attempts: [Attempt] = []

    /// The latest attempt of each racer, and the latest that was admitted.
    private var latest: [Int: Int] = [:]
    private var latestAdmitted: [Int: Int] = [:]

    /// Sessions of TLS: of each racer that it proves, and of all others together.
    private var tickets: [Int: TLSResumption] = [:]
    private var tally = RaceTally()

    private init(_ stage: RaceStage, _ course: RaceCourse) {
        self.stage = stage
        self.course = course
        racers = stage.racers + stage.newcomers
    }

    /// Makes the lane's attempts, the last quarter of them when the change has been answered, and waits for what becomes of
    /// them. What is still connected then goes.
    static func run(
        _ number: Int, _ stage: RaceStage, _ course: RaceCourse
    ) throws -> RaceTally {
        precondition(stage.racers.count % RaceStage.lanes == 0)
        let lane = RaceLane(stage, course)
        let count = RaceStage.attempts + stage.newcomers.count
        for attempt in stride(from: number, to: count, by: RaceStage.lanes) {
            if attempt >= RaceStage.attempts * 3 / 4 { course.awaitAnswer() }
            try lane.begin(
                attempt < RaceStage.attempts
                    ? attempt % stage.racers.count
                    : stage.racers.count + attempt - RaceStage.attempts)
        }
        for attempt in lane.attempts.indices { try lane.awaitAnswer(to: attempt) }
        for attempt in lane.attempts.indices where lane.attempts[attempt].isAdmitted {
            try lane.awaitEnd(of: attempt)
        }
        return lane.tally
    }

    private func begin(_ number: Int) throws {
        let racer = racers[number]
        // Its next connection takes over from one that was answered.
        if let before = latest[number] { try awaitAnswer(to: before) }
        let isLate = course.isAnswered.load(ordering: .sequentiallyConsistent)
        course.begun.add(1, ordering: .relaxed)
        tally.attempts += 1
        do {
            let client = try TestClient(
                port: stage.port, context: racer.context, resuming: tickets[session(of: number)])
            try client.sendConnect(as: racer.credentials)
            latest[number] = attempts.count
            attempts.append(Attempt(client: client, racer: number, isLate: isLate))
        } catch TestClientError.timedOut(let what, _) {
            Issue.record("\(what) did not come in time")
        } catch {
            tally.untold += 1
            #expect(
                racer.isForbidden && stage.refusesInHandshake, "\(racer.credentials): \(error)")
        }
    }

    /// Under what name its session is kept.
    private func session(of number: Int) -> Int { racers[number].isProvedByTLS ? number : -1 }

    private func awaitAnswer(to number: Int) throws {
        let attempt = attempts[number]
        guard !attempt.isAnswered else { return }
        attempts[number].isAnswered = true
        let racer = racers[attempt.racer]
        var reason: String?
        var isAdmitted = false
        do throws(TestClientError) {
            let answer = try attempt.client.first("CONNACK") { packet in
                if case .connack(let connack) = packet { connack } else { nil }
            }
            isAdmitted = answer.code == 0
            reason = answer.reasonString
        } catch {
            // By a key of a handshake that is another one by now, or by what ends all that wait.
            guard case .closed = error else { throw error }
        }
        if let ticket = attempt.client.resumption { tickets[session(of: attempt.racer)] = ticket }
        if isAdmitted {
            tally.admitted += 1
            attempts[number].isAdmitted = true
            latestAdmitted[attempt.racer] = number
        } else if let reason {
            tally.told[reason, default: 0] += 1
        } else {
            tally.untold += 1
        }
        if !racer.isForbidden {
            #expect(isAdmitted, "\(racer.credentials): \(reason ?? "closed")")
        } else if attempt.isLate {
            #expect(!isAdmitted, "\(racer.credentials)")
            #expect(reason.map(isRefusal) ?? stage.refusesInHandshake, "\(reason ?? "closed")")
        } else if let reason {
            #expect(isRefusal(reason), "\(reason)")
        }
    }

    private func isRefusal(_ text: String) -> Bool { stage.refusals.contains { $0.text == text } }

    /// An attempt was admitted: the racer's last connection is there still, unless the change has ended it. The ones before
    /// were taken over.
    private func awaitEnd(of number: Int) throws {
        let attempt = attempts[number]
        let isLast = latestAdmitted[attempt.racer] == number
        let ending = racers[attempt.racer].isForbidden ? stage.ending : nil
        guard !isLast || ending != nil else { return try attempt.client.ping() }
        var reason: String?
        for packet in try attempt.client.untilClosed(seconds: Self.boundSeconds) {
            if case .disconnect(_, let text) = packet { reason = text }
        }
        #expect(
            reason != nil
                && (reason == ending?.text
                    || (!isLast && reason == Reason.sessionTakenOver.text)),
            "\(reason ?? "closed")")
        tally.told[reason ?? "", default: 0] += 1
    }
}
