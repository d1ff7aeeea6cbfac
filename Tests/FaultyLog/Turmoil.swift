import Randomness
import Replication

typealias Completion = @Sendable (Result<UInt64, AppendError>) -> Void

/// An entry on its way into the log; without a completion when its answer was given, or is another's.
struct WaitingAppend: Sendable {
    let entry: [UInt8]
    let completion: Completion?
}

/// An answer on its way back.
struct WaitingAnswer: Sendable {
    let result: Result<UInt64, AppendError>
    let completion: Completion
}

/// What is to be done now, in this order.
struct Moves: Sendable {
    var appends: [WaitingAppend] = []
    var answers: [WaitingAnswer] = []
}

/// What is under way in a `FaultyLog`, and the dice.
struct Turmoil {
    var faults: LogFaults
    var isStopped = false
    private var dice: SplitMix64
    private var line: [WaitingAppend] = []
    private var late: [(entry: [UInt8], step: Int)] = []
    private var answers: [WaitingAnswer] = []
    private var stepNumber = 0

    init(seed: UInt64, faults: LogFaults) {
        self.faults = faults
        dice = SplitMix64(seed: seed)
    }

    var isSettled: Bool { line.isEmpty && late.isEmpty && answers.isEmpty }

    /// Decides what becomes of an entry.
    mutating func accept(_ append: WaitingAppend) {
        guard let completion = append.completion else { return }
        let unknown = WaitingAnswer(result: .failure(.unknown("no answer")), completion: completion)
        var thousandth = Int.random(in: 0..<1_000, using: &dice)
        func falls(into share: Int) -> Bool {
            thousandth -= share
            return thousandth < 0
        }
        if isStopped || falls(into: faults.lost) {
            answers.append(unknown)
        } else if falls(into: faults.unacknowledged) {
            line.append(WaitingAppend(entry: append.entry, completion: nil))
            answers.append(unknown)
        } else if falls(into: faults.late) {
            let delay = Int.random(in: 1...max(1, faults.latestSteps), using: &dice)
            late.append((append.entry, stepNumber + delay))
            answers.append(unknown)
        } else {
            line.append(append)
            guard falls(into: faults.doubled) else { return }
            line.append(WaitingAppend(entry: append.entry, completion: nil))
        }
    }

    mutating func answer(_ result: Result<UInt64, AppendError>, to completion: @escaping Completion)
    {
        let lost = Result<UInt64, AppendError>.failure(.unknown("it was stopped"))
        answers.append(WaitingAnswer(result: isStopped ? lost : result, completion: completion))
    }

    mutating func step() -> Moves {
        stepNumber += 1
        var moves = Moves()
        if isStopped {
            swap(&moves.answers, &answers)
            return moves
        }
        moves.appends = late.filter { $0.step <= stepNumber }
            .map { WaitingAppend(entry: $0.entry, completion: nil) }
        late.removeAll { $0.step <= stepNumber }
        if !comes(faults.stalledAppends), !line.isEmpty {
            let count = Int.random(in: 1...line.count, using: &dice)
            moves.appends += line.prefix(count)
            line.removeFirst(count)
        }
        if !comes(faults.stalledAnswers), !answers.isEmpty {
            let count = Int.random(in: 1...answers.count, using: &dice)
            moves.answers = Array(answers.prefix(count))
            answers.removeFirst(count)
        }
        return moves
    }

    /// All that waits.
    mutating func rest() -> Moves {
        var moves = Moves()
        swap(&moves.appends, &line)
        moves.appends += late.map { WaitingAppend(entry: $0.entry, completion: nil) }
        late = []
        swap(&moves.answers, &answers)
        return moves
    }

    /// How much a follower is shown of what is new, in a thousand.
    mutating func shareToShow() -> Int {
        isStopped || comes(faults.stalledFollowers) ? 0 : Int.random(in: 1...1_000, using: &dice)
    }

    /// What comes into the log although it is stopped now, and all who wait for an answer.
    mutating func stop() -> (appends: [WaitingAppend], answers: [WaitingAnswer]) {
        isStopped = true
        let inTime = line.prefix(Int.random(in: 0...line.count, using: &dice))
        let unanswered = line.compactMap { append in
            append.completion.map {
                WaitingAnswer(result: .failure(.unknown("it was stopped")), completion: $0)
            }
        }
        defer {
            line = []
            late = []
            answers = []
        }
        return (Array(inTime), answers + unanswered)
    }

    private mutating func comes(_ share: Int) -> Bool {
        Int.random(in: 0..<1_000, using: &dice) < share
    }
}
