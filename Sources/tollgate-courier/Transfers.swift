import CCURL
import Courier
import Linux

/// All requests under way: libcurl's "multi" interface, on one thread.
@safe
final class Transfers {
    private let multi: OpaquePointer
    private let arguments: CourierArguments
    private var underWay: [OpaquePointer: Transfer] = unsafe [:]
    private var refused: [CourierOutcome] = []

    /// How long `wait` waits at most when nothing happens.
    private static let waitMilliseconds: Int32 = 1_000

    /// Before anything else of libcurl is called; once.
    static func begin() throws(Errno) {
        guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK else {
            throw Errno(rawValue: 12)
        }
    }

    init(_ arguments: CourierArguments) throws(Errno) {
        // ENOMEM: it fails for nothing else.
        guard let multi = unsafe curl_multi_init() else { throw Errno(rawValue: 12) }
        unsafe self.multi = OpaquePointer(multi)
        self.arguments = arguments
    }

    /// Begins a request.
    func begin(_ job: CourierJob) {
        guard let transfer = Transfer(job, arguments) else {
            refused.append(
                CourierOutcome(
                    number: job.number, status: 0, milliseconds: 0,
                    error: "no memory is left for the request"))
            return
        }
        unsafe curl_multi_add_handle(handle, UnsafeMutableRawPointer(transfer.easy))
        unsafe underWay[transfer.easy] = transfer
    }

    /// Does what can be done without waiting; the requests that are over.
    func perform() -> [CourierOutcome] {
        var running: Int32 = 0
        // Safe: the handle is good as long as this lives.
        unsafe curl_multi_perform(handle, &running)
        var outcomes = refused
        refused = []
        var left: Int32 = 0
        while let message = unsafe curl_multi_info_read(handle, &left) {
            guard unsafe message.pointee.msg == CURLMSG_DONE,
                let easy = unsafe message.pointee.easy_handle
            else { continue }
            let code = unsafe message.pointee.data.result
            // Safe: it was added by `begin`, and is freed by its transfer, once.
            unsafe curl_multi_remove_handle(handle, easy)
            guard let transfer = unsafe underWay.removeValue(forKey: OpaquePointer(easy)) else {
                continue
            }
            outcomes.append(transfer.outcome(code))
        }
        return outcomes
    }

    /// Waits until something can be done, a job has come, or, if that is asked for, the socket takes bytes again.
    func wait(for socket: Int32, andRoom waitsForRoom: Bool) {
        var extra = curl_waitfd(
            fd: socket, events: Int16(CURL_WAIT_POLLIN | (waitsForRoom ? CURL_WAIT_POLLOUT : 0)),
            revents: 0)
        // Safe: one descriptor is lent for the call.
        unsafe curl_multi_poll(handle, &extra, 1, Self.waitMilliseconds, nil)
    }

    private var handle: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(multi) }
}

/// One request: libcurl's "easy" handle, and what it writes to.
@safe
final class Transfer {
    let easy: OpaquePointer
    private let job: CourierJob
    private let allowsPrivateAddresses: Bool
    private var headers: UnsafeMutablePointer<curl_slist>?
    private let errorText: UnsafeMutablePointer<CChar>
    private var body: [UInt8] = []
    private var bodyCount = 0

    /// How much of a message the mail server has got.
    private var sentCount = 0
    private var isRefused = false

    /// Of an answer's body, in bytes: what is over it is not read.
    private static let bodyLimit = 65_536

    /// `nil` when there is no memory left.
    init?(_ job: CourierJob, _ arguments: CourierArguments) {
        guard let easy = unsafe curl_easy_init() else { return nil }
        unsafe self.easy = OpaquePointer(easy)
        self.job = job
        allowsPrivateAddresses = arguments.allowsPrivateAddresses
        unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        if let mail = job.mail { set(mail) } else { setRequest() }
        setLimits(arguments)
        setCallbacks()
    }

    deinit {
        // Safe: made by `init`, in no multi handle any more, freed once.
        unsafe curl_easy_cleanup(UnsafeMutableRawPointer(easy))
        unsafe curl_slist_free_all(headers)
        unsafe errorText.deallocate()
    }

    private var handle: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(easy) }

    private func setRequest() {
        // Safe: libcurl copies texts and the body; the list of headers lives as long as the handle.
        unsafe ccurl_set_text(handle, CURLOPT_URL, job.url)
        unsafe ccurl_set_number(handle, CURLOPT_POST, 1)
        unsafe ccurl_set_number(handle, CURLOPT_POSTFIELDSIZE, job.body.count)
        unsafe job.body.withUnsafeBytes { bytes in
            _ = unsafe ccurl_set_pointer(
                handle, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress)
            )
        }
        // Nothing waits for a "100 Continue".
        for header in job.headers.map({ "\($0.name): \($0.value)" }) + ["Expect:"] {
            unsafe headers = curl_slist_append(headers, header)
        }
        unsafe ccurl_set_headers(handle, headers)
    }

    /// A message for a mail server: libcurl doubles the dot that a line begins with (RFC 5321, section 4.5.2).
    private func set(_ mail: CourierMail) {
        // Safe: libcurl copies texts; the list of recipients lives as long as the handle.
        unsafe ccurl_set_text(handle, CURLOPT_URL, job.url)
        unsafe ccurl_set_text(handle, CURLOPT_MAIL_FROM, "<\(mail.sender)>")
        unsafe headers = curl_slist_append(headers, "<\(mail.recipient)>")
        unsafe ccurl_set_recipients(handle, headers)
        unsafe ccurl_set_number(handle, CURLOPT_UPLOAD, 1)
        if mail.security == .startTLS {
            unsafe ccurl_set_number(handle, CURLOPT_USE_SSL, Int(CURLUSESSL_ALL.rawValue))
        }
        if let user = mail.user, let password = mail.password {
            unsafe ccurl_set_text(handle, CURLOPT_USERNAME, user)
            unsafe ccurl_set_text(handle, CURLOPT_PASSWORD, password)
        }
        // Safe: the transfer lives until its handle is in no multi handle any more, so longer than any call.
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe ccurl_set_pointer(handle, CURLOPT_READDATA, context)
        unsafe ccurl_set_read(handle) { bytes, size, count, context in
            guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            return unsafe transfer.give(
                UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
        }
        unsafe ccurl_set_pointer(handle, CURLOPT_HEADERDATA, context)
        unsafe ccurl_set_line(handle) { bytes, size, count, context in
            guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            return unsafe transfer.takeLine(
                UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
    }

    private func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
        let part = job.body[sentCount...].prefix(room.count)
        // Safe: libcurl lends the room for the call, and the part is no longer than it.
        unsafe room.copyBytes(from: part)
        sentCount += part.count
        return part.count
    }

    /// The last line is the one that counts, but for the farewell behind a refusal.
    private func takeLine(_ bytes: UnsafeRawBufferPointer) -> Int {
        // Safe: libcurl lends the bytes for the call.
        if unsafe bytes.starts(with: "221".utf8) { return bytes.count }
        // Safe: libcurl lends the bytes for the call.
        unsafe body = Array(bytes.prefix(CourierOutcome.bodyMaximum))
        return bytes.count
    }

    private func setLimits(_ arguments: CourierArguments) {
        unsafe ccurl_set_number(handle, CURLOPT_TIMEOUT_MS, Int(job.timeoutMilliseconds))
        unsafe ccurl_set_number(handle, CURLOPT_NOSIGNAL, 1)
        // A name that is still being looked up when time is over is not waited for: all other transfers would be.
        unsafe ccurl_set_number(handle, CURLOPT_QUICK_EXIT, 1)
        unsafe ccurl_set_number(handle, CURLOPT_FOLLOWLOCATION, 0)
        let protocols =
            job.mail != nil ? "smtp,smtps" : arguments.allowsPlainHTTP ? "http,https" : "https"
        unsafe ccurl_set_text(handle, CURLOPT_PROTOCOLS_STR, protocols)
        // A proxy would connect where this program must not.
        unsafe ccurl_set_text(handle, CURLOPT_PROXY, "")
        unsafe ccurl_set_number(handle, CURLOPT_SSL_VERIFYPEER, 1)
        unsafe ccurl_set_number(handle, CURLOPT_SSL_VERIFYHOST, 2)
        let isMail = job.mail != nil
        if let file = isMail ? job.mail?.trustedCertificates : arguments.trustedCertificates {
            // The system's directory of authorities is looked into as well.
            unsafe ccurl_set_text(handle, CURLOPT_CAINFO, file)
        }
        unsafe ccurl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
    }

    private func setCallbacks() {
        // Safe: the transfer lives until its handle is in no multi handle any more, so longer than any call.
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe ccurl_set_pointer(handle, CURLOPT_WRITEDATA, context)
        unsafe ccurl_set_write(handle) { bytes, size, count, context in
            guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            return unsafe transfer.take(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }
        unsafe ccurl_set_pointer(handle, CURLOPT_OPENSOCKETDATA, context)
        unsafe ccurl_set_open_socket(handle) { context, _, address in
            guard let context = unsafe context, let address = unsafe address else {
                return ccurl_no_socket()
            }
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            return unsafe transfer.openSocket(address)
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer) -> Int {
        let room = CourierOutcome.bodyMaximum - body.count
        // Safe: libcurl lends the bytes for the call.
        if room > 0 { unsafe body.append(contentsOf: bytes.prefix(room)) }
        bodyCount += bytes.count
        return bodyCount > Self.bodyLimit ? 0 : bytes.count
    }

    private func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        var bytes = [UInt8](repeating: 0, count: 16)
        // Safe: at most 16 bytes are written.
        let count = unsafe ccurl_address(address, &bytes)
        let low = bytes[8...].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let high = bytes[..<8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let found: IPAddress
        switch count {
        case 4: found = IPAddress(ipv4: UInt32(truncatingIfNeeded: high >> 32))
        case 16: found = IPAddress(ipv6High: high, low: low)
        default: return ccurl_no_socket()
        }
        // The mail server is the operator's choice, not a tenant's.
        guard job.mail != nil || allowsPrivateAddresses || ReachableAddress.isPublic(found) else {
            isRefused = true
            return ccurl_no_socket()
        }
        return unsafe ccurl_socket(address)
    }

    /// What has come of it, by libcurl's code.
    func outcome(_ code: CURLcode) -> CourierOutcome {
        var (status, microseconds, retryAfter) = (0, Int64(0), Int64(0))
        // Safe: all are numbers of this size (curl_easy_getinfo(3)).
        unsafe ccurl_get_number(handle, CURLINFO_RESPONSE_CODE, &status)
        unsafe ccurl_get_offset(handle, CURLINFO_TOTAL_TIME_T, &microseconds)
        // In seconds, though the receiver may have named a date.
        unsafe ccurl_get_offset(handle, CURLINFO_RETRY_AFTER, &retryAfter)
        if job.mail != nil {
            return CourierOutcome(
                number: job.number, status: UInt32(clamping: status),
                milliseconds: UInt32(clamping: microseconds / 1_000),
                error: code == CURLE_OK ? "" : error(code), body: body)
        }
        // An answer that has said more than is read of it has said what counts.
        let isAnswer = code == CURLE_OK || (code == CURLE_WRITE_ERROR && bodyCount > Self.bodyLimit)
        return CourierOutcome(
            number: job.number, status: isAnswer ? UInt32(clamping: status) : 0,
            milliseconds: UInt32(clamping: microseconds / 1_000),
            error: isAnswer ? "" : error(code), body: isAnswer ? body : [],
            retryAfterSeconds: isAnswer ? UInt32(clamping: retryAfter) : 0)
    }

    private func error(_ code: CURLcode) -> String {
        // Which address it is, the tenant is not told: names that only resolve in here would be.
        if isRefused {
            return "the host has no public address, and webhooks.allowPrivateAddresses is off"
        }
        // Safe: libcurl ends both texts with a zero.
        let detail = unsafe String(cString: errorText)
        return detail.isEmpty ? unsafe String(cString: curl_easy_strerror(code)) : detail
    }
}
