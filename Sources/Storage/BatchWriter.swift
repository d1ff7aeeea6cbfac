/// What a `GroupWriter`'s thread does: batches in, commits, answers out.
struct BatchWriter<Request: Sendable, Reply: Sendable> {
    typealias Apply = (Request, borrowing WriteTransaction) throws(StoreError) -> Reply

    private let environment: Environment
    private let maximumBatch: Int
    private let weight: @Sendable (Request) -> Int
    private let counts: FigureBoard
    private let didCommit: @Sendable () -> Void
    private let apply: Apply

    /// What has been taken from the queue, and the replies of the batch under way: kept, so that the
    /// steady state does not allocate.
    private var taken: [PendingRequest<Request, Reply>] = []
    private var replies: [Reply] = []

    /// The store's newest transaction when freed pages were last made usable.
    private var turnedOverAt = -1

    init(
        _ environment: Environment,
        _ maximumBatch: Int,
        _ weight: @escaping @Sendable (Request) -> Int,
        _ counts: FigureBoard,
        _ didCommit: @escaping @Sendable () -> Void,
        _ apply: @escaping Apply
    ) {
        self.environment = environment
        self.maximumBatch = maximumBatch
        self.weight = weight
        self.counts = counts
        self.didCommit = didCommit
        self.apply = apply
    }

    /// Serves the queue until it is closed and empty. What is left over from full batches waits for
    /// what has come meanwhile, so that it does not cost a commit of its own.
    mutating func run(_ queue: RequestQueue<Request, Reply>) {
        while queue.take(into: &taken) {
            var next = batch(from: 0)
            repeat {
                write(next.range)
                next = batch(from: next.range.upperBound)
            } while next.isFull
            taken.removeFirst(next.range.lowerBound)
        }
    }

    /// As many requests from there on as one transaction takes, at least one if there is one, and whether
    /// that is all it takes.
    private func batch(from start: Int) -> (range: Range<Int>, isFull: Bool) {
        var end = start
        var total = 0
        while end < taken.count {
            let more = weight(taken[end].request)
            if end > start && total + more > maximumBatch { return (start..<end, true) }
            total += more
            end += 1
            if total >= maximumBatch { return (start..<end, true) }
        }
        return (start..<end, false)
    }

    /// Writes the requests of `range` in as few transactions as will take them, in order, and
    /// answers each.
    private mutating func write(_ range: Range<Int>) {
        var rest = range
        var hasReopened = false
        while !rest.isEmpty {
            let generation = environment.generation
            let began = ContinuousClock.now
            switch attempt(rest) {
            case .committed:
                answer(rest, since: began)
                return
            case .failed(let index, let error) where index == rest.lowerBound:
                // It was alone in the transaction, so it is the one that cannot be written.
                if error == .mapFull && makeRoom() { continue }
                fail(index, error)
                rest = index + 1..<rest.upperBound
            case .failed(let index, _):
                // Those before it passed; it goes first in the next transaction.
                write(rest.lowerBound..<index)
                rest = index..<rest.upperBound
            case .notCommitted(let error) where rest.count == 1:
                if error == .mapFull && makeRoom() { continue }
                if environment.generation != generation && !hasReopened {
                    // Opening the environment again has shown that nothing of it is there: once more.
                    hasReopened = true
                    continue
                }
                fail(rest.lowerBound, error)
                return
            case .notCommitted:
                // No request is to blame by itself: halves find how much will go in.
                let middle = rest.lowerBound + rest.count / 2
                write(rest.lowerBound..<middle)
                rest = middle..<rest.upperBound
            }
        }
    }

    private mutating func attempt(_ range: Range<Int>) -> Attempt {
        replies.removeAll(keepingCapacity: true)
        do throws(StoreError) {
            let transaction = try WriteTransaction(in: environment)
            for index in range {
                do throws(StoreError) {
                    replies.append(try apply(taken[index].request, transaction))
                } catch {
                    return .failed(at: index, error)
                }
            }
            try transaction.commit()
            environment.growIfDue()
            return .committed
        } catch {
            return .notCommitted(error)
        }
    }

    /// Makes the map larger, or pages usable; false when neither can be done.
    private mutating func makeRoom() -> Bool { environment.grow() || turnOver() }

    /// Makes pages usable that the newest commit freed; false when that has been tried since, so
    /// that trying again can't help.
    private mutating func turnOver() -> Bool {
        if environment.figures.lastTransaction == turnedOverAt { return false }
        defer { turnedOverAt = environment.figures.lastTransaction }
        do throws(StoreError) {
            try environment.turnOver()
            return true
        } catch {
            return false
        }
    }

    private func answer(_ range: Range<Int>, since: ContinuousClock.Instant) {
        counts.didCommit(range.count, since: since)
        didCommit()
        for (index, reply) in zip(range, replies) { taken[index].completion(.success(reply)) }
    }

    private func fail(_ index: Int, _ error: StoreError) {
        counts.didFail(error)
        taken[index].completion(.failure(error))
    }
}

/// How one transaction of a batch ended.
private enum Attempt {
    case committed

    /// This request could not be applied; nothing is written.
    case failed(at: Int, StoreError)

    /// All were applied, but the commit failed, or the transaction could not begin.
    case notCommitted(StoreError)
}

/// A request, and who waits for its reply.
struct PendingRequest<Request: Sendable, Reply: Sendable>: Sendable {
    let request: Request
    let completion: @Sendable (Result<Reply, StoreError>) -> Void
}
