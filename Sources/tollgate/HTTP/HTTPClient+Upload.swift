import Glibc
import Synchronization

extension HTTPClient {
    /// How long neither side may keep silent.
    static let patience = Duration.seconds(120)

    /// Sends a body as it is read, and hands a good answer's body on as it comes; the bytes of any
    /// other are in the answer. An early answer ends the sending.
    func upload(
        _ source: UploadSource,
        to path: String,
        headers: [(String, String)],
        progress: UploadProgress,
        receive: ([UInt8]) throws(Failure) -> Void
    ) async throws(Failure) -> Answer {
        let chunked = source.count == nil ? [("Transfer-Encoding", "chunked")] : []
        let text = "nothing has moved for \(Self.patience); gave up waiting"
        let request = try TransferRequest(
            .post, path, at: server, headers: headers + chunked,
            body: .source(source, progress), patience: .silence(Self.patience, orElse: text),
            mayRepeat: false)
        var answer = Answer()
        try await perform(request) { part throws(Failure) in
            switch part {
            case .body(let piece) where (200...299).contains(answer.status): try receive(piece)
            case .head, .body: try Self.keep(part, in: &answer)
            }
        }
        return answer
    }
}

/// How far an upload is, for people: rows, their rate, and a percentage when the size is known.
/// On a terminal one line is written over; elsewhere there is a line every few seconds.
final class UploadProgress: Sendable {
    private struct State {
        var bytes = 0
        var lines = 0
        var isSent = false
        var lastActivity = ContinuousClock.now
        var lastShown: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    private let total: Int?
    private let beginning = ContinuousClock.now
    private let isTerminal = Output.complainsToTerminal

    /// Nothing is shown before: a small file is done by then.
    private static let patience = Duration.seconds(1)
    private static let interval = (terminal: Duration.milliseconds(200), log: Duration.seconds(5))

    /// - Parameter total: in bytes, if it is known.
    init(total: Int?) { self.total = total }

    func didSend(_ piece: ArraySlice<UInt8>) {
        let lines = piece.count { $0 == UInt8(ascii: "\n") }
        state.withLock { state in
            state.bytes += piece.count
            state.lines += lines
            state.lastActivity = .now
        }
    }

    /// All has been sent; what is left is the server's.
    func didSendAll() {
        state.withLock { state in
            state.isSent = true
            state.lastActivity = .now
        }
    }

    func didReceive() { state.withLock { $0.lastActivity = .now } }

    /// Shows how far it is, if it is time to.
    func show() {
        let state = state.withLock { state -> State? in
            let interval = isTerminal ? Self.interval.terminal : Self.interval.log
            let isDue = state.lastShown.map { .now - $0 >= interval } ?? true
            guard isDue, .now - beginning >= Self.patience else { return nil }
            state.lastShown = .now
            return state
        }
        guard let state else { return }
        if isTerminal {
            Output.overwrite(text(state))
        } else {
            Output.complain(text(state))
        }
    }

    /// Shows the end, if anything was shown before.
    func end() {
        let state = state.withLock { $0 }
        guard state.lastShown != nil else { return }
        if isTerminal { Output.overwrite() }
        Output.complain(text(state))
    }

    /// Takes the line away that a terminal shows, so that a complaint has one of its own.
    func clear() { if isTerminal, state.withLock({ $0.lastShown }) != nil { Output.overwrite() } }

    private func text(_ state: State) -> String {
        // One of the lines is the header.
        let rows = max(0, state.lines - 1)
        let seconds = max(0.001, Self.seconds(state.lastActivity - beginning))
        var parts = ["\(rows) rows", "\(Int(Double(rows) / seconds)) a second"]
        if let total, total > 0 { parts.append("\(min(100, state.bytes * 100 / total)) %") }
        if state.isSent { parts.append("all sent after \(Int(seconds)) s") }
        return parts.joined(separator: ", ")
    }

    private static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }
}

/// A file, or standard input, that is read as it is sent.
final class UploadSource: Sendable {
    /// Readable when there is more, or the end.
    let descriptor: Int32
    private let path: String

    /// In bytes; `nil` when it can't be known before the end.
    let count: Int?

    private static let pieceLength = 65_536

    /// - Parameter path: `-` is standard input.
    init(_ path: String) throws(Failure) {
        self.path = path
        // Safe: the C function reads the path during the call.
        descriptor = path == "-" ? 0 : unsafe open(path, O_RDONLY | O_CLOEXEC)
        var figures = stat()
        // Safe: `fstat` fills the structure during the call.
        guard descriptor >= 0, unsafe fstat(descriptor, &figures) == 0 else {
            throw Failure(text: "\(path): can't be read", code: 2)
        }
        if figures.st_mode & S_IFMT == S_IFDIR {
            throw Failure(text: "\(path): is a directory", code: 2)
        }
        let isFile = figures.st_mode & S_IFMT == S_IFREG
        // The beginning of a file on standard input may have been read already.
        let offset = isFile ? Int(lseek(descriptor, 0, SEEK_CUR)) : 0
        count = isFile ? max(0, Int(figures.st_size) - max(0, offset)) : nil
    }

    deinit { if descriptor > 0 { close(descriptor) } }

    /// All that is left of it; waits.
    func all() throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: Self.pieceLength)
        while true {
            try waitUntilReadable()
            // Safe: the array lends its bytes for the call.
            let result = unsafe piece.withUnsafeMutableBytes { room in
                Result { () throws(Failure) in unsafe try read(into: room) }
            }
            switch try result.get() {
            case .bytes(let count): bytes += piece[..<count]
            case .end: return bytes
            case .notYet: continue
            }
        }
    }

    enum Reading {
        case bytes(Int)
        case notYet
        case end
    }

    /// The next bytes, as many as are there; does not wait.
    func read(into room: UnsafeMutableRawBufferPointer) throws(Failure) -> Reading {
        while true {
            guard try isReadable(withinMilliseconds: 0) else { return .notYet }
            // Safe: the caller lends the room for the call.
            let count = unsafe Glibc.read(descriptor, room.baseAddress, room.count)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            if errno == EAGAIN { return .notYet }
            if errno != EINTR { throw Failure(text: "\(path): can't be read") }
        }
    }

    private func waitUntilReadable() throws(Failure) {
        while try !isReadable(withinMilliseconds: -1) {}
    }

    private func isReadable(withinMilliseconds timeout: Int32) throws(Failure) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // Safe: `poll` reads and writes one structure, which is ours.
        let count = unsafe Glibc.poll(&poll, 1, timeout)
        if count < 0 && errno != EINTR { throw Failure(text: "\(path): can't be read") }
        return count > 0
    }
}
