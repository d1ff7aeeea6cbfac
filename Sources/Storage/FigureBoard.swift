internal import Synchronization

/// Where the writer's thread leaves its figures for others.
final class FigureBoard: Sendable {
    private let state = Mutex(GroupWriterFigures())

    var figures: GroupWriterFigures { state.withLock { $0 } }

    func didCommit(_ count: Int) {
        state.withLock { figures in
            figures.commits += 1
            figures.requestsWritten += count
            figures.largestBatch = max(figures.largestBatch, count)
            figures.failure = nil
        }
    }

    func didFail(_ error: StoreError) {
        state.withLock { figures in
            figures.requestsFailed += 1
            figures.failure = error
        }
    }
}
