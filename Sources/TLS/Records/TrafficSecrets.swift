internal import COpenSSL
internal import Glibc

/// The secrets that a handshake of TLS 1.3 ends with, `client_` and `server_application_traffic_secret_0` (RFC 8446,
/// 7.1), as OpenSSL tells them. It has no call that would answer them afterwards.
@safe
struct TrafficSecrets: ~Copyable {
    /// Of the lengths that follow; the rest are zero.
    private var client = InlineArray<48, UInt8>(repeating: 0)
    private var server = InlineArray<48, UInt8>(repeating: 0)
    private var clientCount = 0
    private var serverCount = 0

    /// The first keys of both directions, if both secrets are there, as long as the hash makes them.
    func keys(of suite: RecordSuite) -> (incoming: RecordKeys, outgoing: RecordKeys)? {
        let length = suite.hash.length
        guard clientCount == length, serverCount == length else { return nil }
        var incoming = RecordKeys()
        var outgoing = RecordKeys()
        incoming.setSecret(client.span, of: suite)
        outgoing.setSecret(server.span, of: suite)
        return (incoming, outgoing)
    }

    mutating func wipe() {
        // Safe: the fields are ours.
        unsafe withUnsafeMutableBytes(of: &client) {
            unsafe OPENSSL_cleanse($0.baseAddress, $0.count)
        }
        unsafe withUnsafeMutableBytes(of: &server) {
            unsafe OPENSSL_cleanse($0.baseAddress, $0.count)
        }
        clientCount = 0
        serverCount = 0
    }
}

// Who is shaking hands.
extension TrafficSecrets {
    // Safe: a key is a number; made once, under the lock of a `static let`.
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let result = unsafe pthread_key_create(&key, nil)
        precondition(result == 0, "no key left for what belongs to a thread")
        return key
    }()

    /// Has this thread's secrets written to `secrets` while `body` is in OpenSSL: neither a key log's callback nor a
    /// provider has a place for them.
    static func collect<Result>(
        into secrets: UnsafeMutablePointer<TrafficSecrets>,
        _ body: () throws(TLSError) -> Result
    ) throws(TLSError) -> Result {
        unsafe pthread_setspecific(key, secrets)
        defer { pthread_setspecific(key, nil) }
        return try body()
    }

    fileprivate static var current: UnsafeMutablePointer<TrafficSecrets>? {
        // Safe: only `collect` puts something there, for as long as it has it.
        unsafe pthread_getspecific(key)?.assumingMemoryBound(to: TrafficSecrets.self)
    }
}

// The provider.
extension TrafficSecrets {
    /// Takes what was derived with a label, if that is a traffic secret's: `c ap traffic` or `s ap traffic`
    /// (RFC 8446, 7.1).
    static func note(_ derived: UnsafeRawBufferPointer, label: UnsafeRawBufferPointer) {
        let suffix: StaticString = " ap traffic"
        // Safe: the label was found to be as long as that.
        guard label.count == 12, let secrets = unsafe current, derived.count <= 48,
            let start = label.baseAddress, unsafe memcmp(start + 1, suffix.utf8Start, 11) == 0
        else { return }
        if unsafe label[0] == 0x63 {
            unsafe withUnsafeMutableBytes(of: &secrets.pointee.client) {
                unsafe $0.copyMemory(from: derived)
            }
            unsafe secrets.pointee.clientCount = derived.count
        } else if unsafe label[0] == 0x73 {
            unsafe withUnsafeMutableBytes(of: &secrets.pointee.server) {
                unsafe $0.copyMemory(from: derived)
            }
            unsafe secrets.pointee.serverCount = derived.count
        }
    }
}

// The key log.
extension TrafficSecrets {
    /// SSL_CTX_set_keylog_callback(3): all lines of all handshakes of the context.
    static func logKeys(of context: OpaquePointer) {
        unsafe SSL_CTX_set_keylog_callback(context, takeKeyLogLine)
    }

    /// Takes one line, "label, client random, secret", the latter in hexadecimal (RFC 9850). Others are passed over.
    mutating func take(keyLogLine line: UnsafePointer<CChar>) {
        if let digits = unsafe Self.secret(in: line, labelled: "CLIENT_TRAFFIC_SECRET_0 ") {
            clientCount = unsafe Self.decode(digits, into: &client)
        } else if let digits = unsafe Self.secret(in: line, labelled: "SERVER_TRAFFIC_SECRET_0 ") {
            serverCount = unsafe Self.decode(digits, into: &server)
        }
    }

    /// The digits of the secret, if the line begins with this label.
    private static func secret(
        in line: UnsafePointer<CChar>,
        labelled label: StaticString
    ) -> UnsafePointer<CChar>? {
        let length = label.utf8CodeUnitCount
        // Safe: OpenSSL ends the line with a zero, which ends both comparisons.
        guard unsafe strncmp(line, label.utf8Start, length) == 0 else { return nil }
        guard let space = unsafe strchr(line + length, 0x20) else { return nil }
        return unsafe UnsafePointer(space) + 1
    }

    /// Answers how many bytes there are; none, if there are more than 48 or anything but digits.
    private static func decode(
        _ digits: UnsafePointer<CChar>,
        into secret: inout InlineArray<48, UInt8>
    ) -> Int {
        let length = unsafe strlen(digits)
        guard length <= 96, length.isMultiple(of: 2) else { return 0 }
        for index in 0..<length / 2 {
            guard let high = unsafe value(digits[2 * index]),
                let low = unsafe value(digits[2 * index + 1])
            else { return 0 }
            secret[index] = high << 4 | low
        }
        return length / 2
    }

    private static func value(_ digit: CChar) -> UInt8? {
        switch UInt8(bitPattern: digit) {
        case let digit where (0x30...0x39).contains(digit): digit - 0x30
        case let digit where (0x61...0x66).contains(digit): digit - 0x61 + 10
        default: nil
        }
    }
}

/// SSL_CTX_keylog_cb_func(3).
private func takeKeyLogLine(_ ssl: OpaquePointer?, _ line: UnsafePointer<CChar>?) {
    guard let line = unsafe line, let secrets = unsafe TrafficSecrets.current else {
        return
    }
    unsafe secrets.pointee.take(keyLogLine: line)
}
