import CCURLAtRunTime
import Glibc
import Linux
import Synchronization

/// A thread that makes requests, one after another. It keeps its connection for the next one, and ends when none has
/// come for a few seconds.
final class TransferThread: Sendable {
    private struct Job: Sendable {
        let request: TransferRequest
        let exchange: Exchange
    }

    private let job: Mutex<Job?>
    private let wakeup: Wakeup

    /// Those that have nothing to do.
    private static let idle = Mutex<[TransferThread]>([])

    /// How long one waits for another request.
    private static let patienceMilliseconds: Int32 = 5_000

    /// Has a request made, by a thread that has nothing to do, or by a new one.
    static func begin(_ request: TransferRequest, _ exchange: Exchange) throws(Failure) {
        // Here its absence is told.
        _ = try CurlLibrary.loaded
        let job = Job(request: request, exchange: exchange)
        if let thread = idle.withLock({ $0.popLast() }) {
            thread.job.withLock { $0 = job }
            thread.wakeup.signal()
            return
        }
        do throws(Errno) {
            let thread = try TransferThread(job)
            _ = try Linux.Thread(name: "http") { thread.run() }
        } catch {
            throw Failure(text: "no thread for the request: \(error)")
        }
    }

    private init(_ job: Job) throws(Errno) {
        self.job = Mutex(job)
        wakeup = try Wakeup()
    }

    private func run() {
        guard let library = try? CurlLibrary.loaded, let handles = CurlHandles(library) else {
            takeJob()?.exchange.end(.failure(Failure(text: "no memory is left for the request")))
            return
        }
        while let job = nextJob() {
            let result = handles.perform(job.request, job.exchange)
            // The next request, which may be made at once, should find this thread.
            Self.idle.withLock { $0.append(self) }
            job.exchange.end(result)
        }
    }

    private func takeJob() -> Job? {
        job.withLock { job in
            defer { job = nil }
            return job
        }
    }

    /// `nil` when none has come.
    private func nextJob() -> Job? {
        while true {
            if let job = takeJob() { return job }
            var poll = pollfd(fd: wakeup.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
            // Safe: `poll` reads and writes one structure, which is ours.
            let count = unsafe Glibc.poll(&poll, 1, Self.patienceMilliseconds)
            wakeup.reset()
            guard count == 0 else { continue }
            let isIdle = Self.idle.withLock { idle in
                let count = idle.count
                idle.removeAll { $0 === self }
                return idle.count < count
            }
            // Otherwise it was just taken: a job comes.
            if isIdle { return nil }
        }
    }
}

/// A thread's handles of libcurl: a "multi", which has the connections, and an "easy", for one transfer at a time.
@safe
private final class CurlHandles {
    private let library: CurlLibrary
    private let multi: UnsafeMutableRawPointer
    private let easy: UnsafeMutableRawPointer

    /// How often is looked for what nothing wakes for: silence, deadlines, progress.
    private static let turnMilliseconds: Int64 = 200

    /// `nil` when there is no memory left.
    init?(_ library: CurlLibrary) {
        guard let multi = library.calls.multi_init() else { return nil }
        guard let easy = library.calls.easy_init() else {
            unsafe _ = library.calls.multi_cleanup(multi)
            return nil
        }
        self.library = library
        unsafe self.multi = multi
        unsafe self.easy = easy
    }

    deinit {
        // Safe: made by `init`, freed once; the easy handle is in no multi handle between transfers.
        unsafe library.calls.easy_cleanup(easy)
        unsafe _ = library.calls.multi_cleanup(multi)
    }

    /// Makes the request; returns when it is over.
    func perform(_ request: TransferRequest, _ exchange: Exchange) -> Result<Void, Failure> {
        // Safe: the handle is ours, and in no multi handle.
        let transfer = unsafe Transfer(library, easy, request, exchange)
        defer {
            // Safe: the handle is forgotten by the multi handle, if that knows it, and then forgets the transfer, which lives
            // until here. Connections outlive both.
            unsafe _ = library.calls.multi_remove_handle(multi, easy)
            unsafe library.calls.easy_reset(easy)
            withExtendedLifetime(transfer) {}
        }
        if let fault = transfer.settingFault { return .failure(fault) }
        unsafe _ = library.calls.multi_add_handle(multi, easy)
        while true {
            var running: Int32 = 0
            // Safe: the handle is good as long as this lives.
            unsafe _ = library.calls.multi_perform(multi, &running)
            if let code = result() { return transfer.result(code) }
            exchange.reset()
            if let end = transfer.end(at: .now()) { return end }
            request.body.progress?.show()
            wait(for: transfer, exchange)
        }
    }

    /// What has become of the transfer; `nil` while it is under way.
    private func result() -> CURLcode? {
        var left: Int32 = 0
        // Safe: what is pointed to is good until the next call of libcurl.
        while let message = unsafe library.calls.multi_info_read(multi, &left) {
            if unsafe message.pointee.msg == CURLMSG_DONE {
                return unsafe message.pointee.data.result
            }
        }
        return nil
    }

    /// Waits until something can be done; a body that has more to send goes on.
    private func wait(for transfer: Transfer, _ exchange: Exchange) {
        let events = Int16(CURL_WAIT_POLLIN)
        var extra = [curl_waitfd(fd: exchange.descriptor, events: events, revents: 0)]
        if let source = transfer.awaitedSource {
            extra.append(curl_waitfd(fd: source, events: events, revents: 0))
        }
        let milliseconds = Int32(Self.turnMilliseconds)
        // Safe: the descriptors are lent for the call.
        unsafe _ = library.calls.multi_poll(multi, &extra, UInt32(extra.count), milliseconds, nil)
        if transfer.isHeldBack || extra.count > 1 && extra[1].revents != 0 { transfer.goOn() }
    }
}
