import Glibc
import Linux
import Synchronization

/// A part of an answer, as it comes.
enum AnswerPart: Sendable {
    case head(AnswerHead)
    case body([UInt8])
}

/// What an answer begins with.
struct AnswerHead: Sendable {
    var status = 0
    var headers: [(name: String, value: String)] = []

    /// The value of the first header of that name, in whatever case.
    func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// An answer on its way from the thread of its transfer to the task that waits for it. One part at a time lies here:
/// the thread reads no more from the connection before that is taken.
final class Exchange: Sendable {
    private struct State {
        var part: AnswerPart?
        var end: Result<Void, Failure>?
        var reader: CheckedContinuation<Void, Never>?
        var isGivenUp = false

        mutating func takeReader() -> CheckedContinuation<Void, Never>? {
            defer { reader = nil }
            return reader
        }
    }

    private let state = Mutex(State())
    private let wakeup: Wakeup

    init() throws(Failure) {
        do throws(Errno) {
            wakeup = try Wakeup()
        } catch {
            throw Failure(text: "no request can be made: \(error)")
        }
    }

    // MARK: The task's side

    /// The next part; `nil` at the end. Throws why there is no more.
    func next() async throws(Failure) -> AnswerPart? {
        while true {
            let found = state.withLock { state -> Result<AnswerPart?, Failure>? in
                guard let part = state.part else { return state.end?.map { nil } }
                state.part = nil
                return .success(part)
            }
            if let found {
                wakeup.signal()
                return try found.get()
            }
            await change()
        }
    }

    /// Returns when the thread has handed something on, or has ended.
    private func change() async {
        await withCheckedContinuation { reader in
            let isChanged = state.withLock { state in
                guard state.part == nil, state.end == nil else { return true }
                state.reader = reader
                return false
            }
            if isChanged { reader.resume() }
        }
    }

    /// Nothing more is wanted: the transfer ends soon.
    func giveUp() {
        state.withLock { $0.isGivenUp = true }
        wakeup.signal()
    }

    /// Gives up, and waits until the thread has let go of all that it was given.
    func close() async {
        giveUp()
        while state.withLock({ $0.end == nil }) {
            state.withLock { $0.part = nil }
            await change()
        }
    }

    // MARK: The thread's side

    var isGivenUp: Bool { state.withLock { $0.isGivenUp } }

    /// Readable when the thread should look again.
    var descriptor: Int32 { wakeup.descriptor.rawValue }

    func reset() { wakeup.reset() }

    /// Waits until there is room. False when nothing more is wanted.
    func hand(on part: AnswerPart) -> Bool {
        while true {
            var isTaken = false
            let (isGivenUp, reader) = state.withLock { state in
                guard !state.isGivenUp else { return (true, state.takeReader()) }
                guard state.part == nil else { return (false, nil) }
                state.part = part
                isTaken = true
                return (false, state.takeReader())
            }
            reader?.resume()
            if isGivenUp { return false }
            if isTaken { return true }
            wait()
        }
    }

    /// Nothing comes any more: once.
    func end(_ result: Result<Void, Failure>) {
        let reader = state.withLock { state in
            state.end = result
            return state.takeReader()
        }
        reader?.resume()
    }

    private func wait() {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // Safe: `poll` reads and writes one structure, which is ours.
        _ = unsafe Glibc.poll(&poll, 1, -1)
        wakeup.reset()
    }
}
