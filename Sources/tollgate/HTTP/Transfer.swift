import CCURLAtRunTime
import Glibc
import Linux

/// One request under way: libcurl's "easy" handle, and what becomes of the answer.
@safe
final class Transfer {
    private let library: CurlLibrary
    private let easy: UnsafeMutableRawPointer
    private let request: TransferRequest
    private let exchange: Exchange
    private var headers: UnsafeMutablePointer<curl_slist>?
    private let errorText: UnsafeMutablePointer<CChar>

    private var head = AnswerHead()

    /// Whether the head was handed on: what comes in headers' form behind it are trailers.
    private var hasHead = false

    /// When something came or went.
    private var moved = MonotonicInstant.now()
    private let begun = MonotonicInstant.now()

    /// Of a source's body, in bytes: what was not read yet.
    private var left: Int

    /// What was read last of a source, and which part of it is still to be sent.
    private var piece: [UInt8] = []
    private var unsent = 0..<0

    /// Whether libcurl has got all of it.
    private var isSent: Bool
    private var isWaitingForSource = false

    /// Whether the body waits until what has come was read.
    private(set) var isHeldBack = false
    private var wasHeldBack = false

    /// What was opened last for this request; another one may have been faster.
    private var socket: Int32?
    private var sourceFault: Failure?

    /// Why the request can't be made.
    private(set) var settingFault: Failure?

    private static let connectTimeoutMilliseconds = 5_000

    /// In bytes, of what libcurl reads at once.
    private static let bufferSize = 65_536

    /// After an answer that refuses a body in its middle, for the rest of it.
    private static let refusalPatienceMilliseconds: Int64 = 2_000

    /// - Parameter easy: as `easy_reset` leaves it. It must be in no multi handle any more, and be reset, before this goes.
    init(
        _ library: CurlLibrary, _ easy: UnsafeMutableRawPointer, _ request: TransferRequest,
        _ exchange: Exchange
    ) {
        self.library = library
        unsafe self.easy = unsafe easy
        self.request = request
        self.exchange = exchange
        left = request.body.length ?? .max
        isSent = left == 0
        unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        setServer()
        setRequest()
        setCallbacks()
    }

    deinit {
        // Safe: the handle has forgotten them; they are freed once.
        unsafe library.calls.slist_free_all(headers)
        unsafe errorText.deallocate()
    }

    // MARK: Settings

    private func set(_ option: CURLoption, _ text: String?) {
        // Safe: libcurl copies the text.
        note(unsafe ccurl_set_text(library.pointer, easy, option, text))
    }

    private func set(_ option: CURLoption, _ number: Int) {
        // Safe: the option takes a `long`.
        note(unsafe ccurl_set_number(library.pointer, easy, option, number))
    }

    private func note(_ code: CURLcode) {
        guard code != CURLE_OK, settingFault == nil else { return }
        settingFault = Failure(
            text: code == CURLE_OUT_OF_MEMORY
                ? "no memory is left for the request"
                : "\(library.version) is too old: libcurl 7.85 or newer is needed")
    }

    private func setServer() {
        let server = request.server
        set(CURLOPT_URL, "\(server.base)\(request.path)")
        set(CURLOPT_PATH_AS_IS, 1)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_NETRC, 0)
        // Whatever the environment says: the token goes to the server that was named, and nowhere else.
        set(CURLOPT_PROXY, "")
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_CONNECTTIMEOUT_MS, Self.connectTimeoutMilliseconds)
        // A name that is still being looked up is not waited for at the end. Before 7.87 it is.
        _ = unsafe ccurl_set_number(library.pointer, easy, CURLOPT_QUICK_EXIT, 1)
        // libcurl sends a request again when a connection that was used before ends without an answer.
        set(CURLOPT_FRESH_CONNECT, request.mayRepeat ? 0 : 1)
        guard let authorityFile = server.authorityFile else { return }
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        set(CURLOPT_CAINFO, authorityFile)
        // Only these: not the system's as well.
        set(CURLOPT_CAPATH, nil)
    }

    private func setRequest() {
        switch request.body {
        case .none:
            switch request.method {
            case .get, .delete: break
            case .post, .put, .patch: setBody([])
            }
        case .bytes(let bytes): setBody(bytes)
        case .source(let source, _):
            set(CURLOPT_POST, 1)
            // Safe: the option takes a `curl_off_t`; -1 is a size that is not known.
            note(
                unsafe ccurl_set_offset(
                    library.pointer, easy, CURLOPT_POSTFIELDSIZE_LARGE, Int64(source.count ?? -1)))
        }
        if request.method != .get { set(CURLOPT_CUSTOMREQUEST, request.method.rawValue) }
        for line in request.lines {
            // Safe: libcurl copies the line; the list is freed with this.
            guard let longer = unsafe library.calls.slist_append(headers, line) else {
                return note(CURLE_OUT_OF_MEMORY)
            }
            unsafe headers = longer
        }
        // Safe: the list lives as long as this.
        note(unsafe ccurl_set_headers(library.pointer, easy, headers))
    }

    private func setBody(_ bytes: [UInt8]) {
        set(CURLOPT_POSTFIELDSIZE, bytes.count)
        // No null pointer, which would have the body read by a callback.
        let copied = bytes.isEmpty ? [0] : bytes
        unsafe copied.withUnsafeBytes { copied in
            // Safe: libcurl copies as much as the size says that was set before.
            note(
                unsafe ccurl_set_pointer(
                    library.pointer, easy, CURLOPT_COPYPOSTFIELDS,
                    UnsafeMutableRawPointer(mutating: copied.baseAddress)))
        }
    }

    private func setCallbacks() {
        set(CURLOPT_BUFFERSIZE, Self.bufferSize)
        // Safe: this lives until its handle is in no multi handle any more, so longer than any call.
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        for option in [CURLOPT_READDATA, CURLOPT_WRITEDATA, CURLOPT_HEADERDATA] {
            note(unsafe ccurl_set_pointer(library.pointer, easy, option, context))
        }
        note(unsafe ccurl_set_pointer(library.pointer, easy, CURLOPT_ERRORBUFFER, errorText))
        let read: ccurl_bytes = { bytes, size, count, context in
            guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            return unsafe transfer.give(
                UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
        }
        let write: ccurl_bytes = { bytes, size, count, context in
            guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            return unsafe transfer.take(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        let line: ccurl_bytes = { bytes, size, count, context in
            guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            return unsafe transfer.takeLine(
                UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        let open: curl_sockopt_callback = { context, socket, _ in
            guard let context = unsafe context else { return 0 }
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            transfer.socket = socket
            return 0
        }
        note(unsafe ccurl_set_pointer(library.pointer, easy, CURLOPT_SOCKOPTDATA, context))
        note(unsafe ccurl_set_socket_function(library.pointer, easy, open))
        note(unsafe ccurl_set_function(library.pointer, easy, CURLOPT_READFUNCTION, read))
        note(unsafe ccurl_set_function(library.pointer, easy, CURLOPT_WRITEFUNCTION, write))
        note(unsafe ccurl_set_function(library.pointer, easy, CURLOPT_HEADERFUNCTION, line))
    }

    // MARK: What comes

    /// A line of the head, of one that comes before it (`100 Continue`), or a trailer.
    private func takeLine(_ bytes: UnsafeRawBufferPointer) -> Int {
        moved = .now()
        guard !hasHead else { return bytes.count }
        // Safe: libcurl lends the bytes for the call.
        let line = unsafe String(decoding: bytes, as: UTF8.self).trimmed()
        if line.isEmpty {
            hasHead = head.status >= 200
            return !hasHead || hand(on: .head(head)) ? bytes.count : 0
        }
        if line.hasPrefix("HTTP/") {
            let status = line.split(separator: " ").dropFirst().first.flatMap { Int($0) }
            head = AnswerHead(status: status ?? 0)
        } else if let colon = line.firstIndex(of: ":") {
            let value = line[line.index(after: colon)...].trimmed()
            head.headers.append((name: String(line[..<colon]), value: String(value)))
        }
        return bytes.count
    }

    private func take(_ bytes: UnsafeRawBufferPointer) -> Int {
        // Safe: libcurl lends the bytes for the call.
        unsafe hand(on: .body(Array(bytes))) ? bytes.count : 0
    }

    private func hand(on part: AnswerPart) -> Bool {
        request.body.progress?.didReceive()
        let isWanted = exchange.hand(on: part)
        // What the reader took its time for is no silence of the gateway's.
        moved = .now()
        return isWanted
    }

    // MARK: What goes

    /// What has to be readable before the body goes on; `nil`: nothing.
    var awaitedSource: Int32? {
        guard isWaitingForSource, case .source(let source, _) = request.body else { return nil }
        return source.descriptor
    }

    /// The body goes on, if it was held back: the source has more, or what has come was read.
    func goOn() {
        (isWaitingForSource, isHeldBack) = (false, false)
        // Safe: the handle is in a transfer; zero is CURLPAUSE_CONT.
        unsafe _ = library.calls.easy_pause(easy, 0)
    }

    private func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
        guard case .source(let source, let progress) = request.body else { return 0 }
        do throws(Failure) {
            if unsent.isEmpty, !isSent {
                guard try fill(from: source, progress) else {
                    isWaitingForSource = true
                    return Int(CURL_READFUNC_PAUSE)
                }
            }
        } catch {
            sourceFault = error
            return Int(CURL_READFUNC_ABORT)
        }
        guard !unsent.isEmpty else { return 0 }
        // Once, for what has come to be read: then it goes on.
        wasHeldBack = !wasHeldBack && hasSomethingToRead
        if wasHeldBack {
            isHeldBack = true
            return Int(CURL_READFUNC_PAUSE)
        }
        let part = unsent.prefix(room.count)
        // Safe: libcurl lends the room for the call, and the part is no longer than it.
        unsafe room.copyBytes(from: piece[part])
        unsent = unsent.dropFirst(part.count)
        if left == 0, unsent.isEmpty { didSendAll(progress) }
        return part.count
    }

    /// Reads the next piece of the source. False when that would have to wait.
    private func fill(
        from source: UploadSource, _ progress: UploadProgress
    ) throws(Failure) -> Bool {
        if piece.isEmpty { piece = [UInt8](repeating: 0, count: Self.bufferSize) }
        let most = min(left, piece.count)
        let reading = unsafe piece.withUnsafeMutableBytes { piece in
            // Safe: the array lends its bytes for the call.
            Result { () throws(Failure) in
                unsafe try source.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: piece[..<most]))
            }
        }
        switch try reading.get() {
        case .notYet: return false
        case .end:
            guard source.count == nil else {
                throw Failure(
                    text: "the file became shorter while it was read; nothing was imported")
            }
            didSendAll(progress)
        case .bytes(let count):
            moved = .now()
            if source.count != nil { left -= count }
            unsent = 0..<count
            progress.didSend(piece[..<count])
        }
        return true
    }

    /// Whether the gateway has said something. That is read before more is sent: it may be the refusal of what was sent,
    /// and be gone with the connection once that is written to.
    private var hasSomethingToRead: Bool {
        guard let socket else { return false }
        var poll = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        // Safe: `poll` reads and writes one structure, which is ours.
        return unsafe Glibc.poll(&poll, 1, 0) > 0 && Int32(poll.revents) & POLLNVAL == 0
    }

    private func didSendAll(_ progress: UploadProgress) {
        isSent = true
        progress.didSendAll()
    }

    // MARK: The end

    /// Whether the gateway has refused the body: what follows is the rest of its answer, and what becomes of the body is of
    /// no interest any more.
    private var isRefused: Bool {
        request.body.progress != nil && hasHead && head.status >= 300
    }

    /// What ends the transfer although libcurl doesn't; `nil`: nothing yet.
    func end(at now: MonotonicInstant) -> Result<Void, Failure>? {
        if exchange.isGivenUp { return .failure(Failure(text: "the request was given up")) }
        let silence = now.milliseconds(since: moved)
        if isRefused, !isSent, silence >= Self.refusalPatienceMilliseconds { return .success(()) }
        switch request.patience {
        case .whole(let duration):
            guard now.milliseconds(since: begun) >= duration.milliseconds else { return nil }
            return .failure(
                Failure(text: "\(request.server.base): no answer within \(duration)"))
        case .silence(let duration, let text):
            guard silence >= duration.milliseconds else { return nil }
            return .failure(Failure(text: text))
        }
    }

    /// What has come of it, by libcurl's code.
    func result(_ code: CURLcode) -> Result<Void, Failure> {
        if let sourceFault { return .failure(sourceFault) }
        if code == CURLE_OK || isRefused { return .success(()) }
        if exchange.isGivenUp { return .failure(Failure(text: "the request was given up")) }
        var (systemError, verification) = (0, 0)
        // Safe: both are numbers of this size (curl_easy_getinfo(3)).
        unsafe _ = ccurl_get_number(library.pointer, easy, CURLINFO_OS_ERRNO, &systemError)
        unsafe _ = ccurl_get_number(
            library.pointer, easy, CURLINFO_SSL_VERIFYRESULT, &verification)
        // Safe: libcurl ends both texts with a zero.
        let detail = unsafe String(cString: errorText)
        let usual = unsafe library.calls.easy_strerror(code).map { unsafe String(cString: $0) }
        let fault = TransferFault(
            code: code, systemError: Int32(clamping: systemError), verification: verification,
            detail: detail.isEmpty ? usual ?? "" : detail, hasHead: hasHead)
        return .failure(Failure(text: Connecting.text(of: fault, at: request.server)))
    }
}

/// Why libcurl has ended a transfer.
struct TransferFault {
    let code: CURLcode

    /// That of connecting; 0 when there is none.
    let systemError: Int32

    /// X509_verify_cert's code: 0 when that found nothing wrong.
    let verification: Int

    /// libcurl's words.
    let detail: String

    /// Whether the answer had begun.
    let hasHead: Bool
}

extension TransferRequest.Body {
    /// In bytes, of a source; `nil` when it is not known, or there is none.
    fileprivate var length: Int? {
        switch self {
        case .none, .bytes: nil
        case .source(let source, _): source.count
        }
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 { Int64(self / .milliseconds(1)) }
}
