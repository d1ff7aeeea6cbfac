import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
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
        receive: @escaping @Sendable ([UInt8]) throws(Failure) -> Void
    ) async throws(Failure) -> Answer {
        let length =
            source.count.map { ("Content-Length", String($0)) } ?? ("Transfer-Encoding", "chunked")
        let head = head(.POST, path, headers + [length])
        return try await naming {
            try await connect().executeThenClose { inbound, outbound in
                try await withThrowingTaskGroup(of: Answer?.self) { group in
                    group.addTask {
                        try await Self.send(head, source, progress, to: outbound)
                        return nil
                    }
                    group.addTask { try await Self.receive(inbound, progress, receive) }
                    group.addTask {
                        try await Self.watch(progress)
                        return nil
                    }
                    defer { group.cancelAll() }
                    return try await Self.answer(of: &group)
                }
            }
        }
    }

    /// The answer, also when sending failed because the server had heard enough; else the failure
    /// that came first.
    private static func answer(
        of group: inout ThrowingTaskGroup<Answer?, any Error>
    ) async throws -> Answer {
        var failure: (any Error)?
        while true {
            do {
                guard let result = try await group.next() else { break }
                if let answer = result { return answer }
            } catch {
                if failure != nil || error is Failure { throw failure ?? error }
                failure = error
            }
        }
        throw failure ?? Failure(text: "no answer")
    }

    private static func send(
        _ head: HTTPRequestHead,
        _ source: UploadSource,
        _ progress: UploadProgress,
        to outbound: NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>
    ) async throws {
        try await outbound.write(.head(head))
        var left = source.count ?? .max
        while left > 0, let piece = try source.next() {
            let part = Array(piece.prefix(left))
            left -= part.count
            try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: part))))
            progress.didSend(part)
        }
        if Task.isCancelled { return }
        guard source.count == nil || left == 0 else {
            throw Failure(text: "the file became shorter while it was read; nothing was imported")
        }
        try await outbound.write(.end(nil))
        progress.didSendAll()
    }

    /// Throws a `Failure` as soon as it is certain that no answer will come.
    private static func receive(
        _ inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>,
        _ progress: UploadProgress,
        _ receive: ([UInt8]) throws(Failure) -> Void
    ) async throws(Failure) -> Answer {
        var status = 0
        var bytes: [UInt8] = []
        do {
            for try await part in inbound {
                progress.didReceive()
                switch part {
                case .head(let head) where head.status.code >= 200: status = Int(head.status.code)
                case .head: break
                case .body(let buffer):
                    let piece = Array(buffer.readableBytesView)
                    if (200...299).contains(status) { try receive(piece) } else { bytes += piece }
                case .end: return Answer(status: status, bytes: bytes)
                }
            }
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(
                text: "the connection ended before the answer did: \(Self.text(of: error))")
        }
        throw Failure(text: "the connection ended before the answer did")
    }

    /// Shows the progress; throws when nothing moves any more.
    private static func watch(_ progress: UploadProgress) async throws {
        while !Task.isCancelled {
            try await Task.sleep(for: .milliseconds(200))
            progress.show()
            if progress.silence > patience {
                throw Failure(text: "nothing has moved for \(patience); gave up waiting")
            }
        }
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

    func didSend(_ piece: [UInt8]) {
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

    var silence: Duration { state.withLock { .now - $0.lastActivity } }

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
    private let descriptor: Int32
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

    /// All that is left of it.
    func all() throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        while let piece = try next() { bytes += piece }
        return bytes
    }

    /// The next bytes; `nil` at the end. Waits, and gives up waiting when the task is cancelled.
    func next() throws(Failure) -> [UInt8]? {
        guard try isReady() else { return nil }
        var piece = [UInt8](repeating: 0, count: Self.pieceLength)
        while true {
            // Safe: the array lends its bytes for the call.
            let count = unsafe piece.withUnsafeMutableBytes { piece in
                unsafe read(descriptor, piece.baseAddress, piece.count)
            }
            if count > 0 { return Array(piece[..<count]) }
            if count == 0 { return nil }
            if errno != EINTR { throw Failure(text: "\(path): can't be read") }
        }
    }

    /// False when the task was cancelled before there was anything to read.
    private func isReady() throws(Failure) -> Bool {
        while !Task.isCancelled {
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            // Safe: `poll` reads and writes one structure, which is ours.
            let count = unsafe Glibc.poll(&poll, 1, 100)
            if count > 0 { return true }
            if count < 0 && errno != EINTR { throw Failure(text: "\(path): can't be read") }
        }
        return false
    }
}
