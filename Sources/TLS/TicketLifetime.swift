internal import COpenSSL
internal import Cryptography
internal import Glibc

/// How long after the full handshake a session may be resumed, however often it is.
///
/// A session of TLS 1.3 gets a new ticket with each resumption, as a ticket should be used once (RFC 8446,
/// C.4). Without a limit of its own such a chain would never end, and a certificate that was verified once
/// never be looked at again: each ticket carries the time of the full handshake, and behind it the fingerprint of the
/// one of `ClientAuthorities` that has vouched for the client, if one has; or the digest of the pre-shared key by which
/// the client has proved itself, and whose it is.
enum TicketLifetime {
    /// Whole seconds, as eight bytes.
    private static let length = 8

    /// Limits the tickets of a context that is being built.
    static func install(seconds: Int, in context: OpaquePointer) throws(TLSError) {
        // The limit itself travels in the place of a pointer.
        let argument = unsafe UnsafeMutableRawPointer(bitPattern: max(1, seconds))
        guard
            unsafe SSL_CTX_set_session_ticket_cb(
                context, markTicket, judgeTicket, argument) == 1
        else { throw TLSError.drained("Limiting the tickets", reason: .library) }
    }

    /// Marks a session that has none yet with the time of its full handshake, which is now.
    fileprivate static func mark(_ session: OpaquePointer) -> Bool {
        if unsafe handshakeTime(of: session) != nil { return true }
        var now = Int64(time(nil))
        return unsafe SSL_SESSION_set1_ticket_appdata(session, &now, length) == 1
    }

    /// Marks a session whose full handshake is under way with the authority by which the client was verified, too.
    static func mark(_ session: OpaquePointer, verifiedBy authority: SHA256Digest) -> Bool {
        unsafe mark(session, authority, [])
    }

    /// Marks a session with the digest of the pre-shared key that makes it, and the identity that has it, of one byte
    /// at least.
    static func mark(
        _ session: OpaquePointer, provedBy digest: SHA256Digest,
        of identity: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        unsafe mark(session, digest, Array(identity))
    }

    private static func mark(
        _ session: OpaquePointer, _ digest: SHA256Digest, _ rest: [UInt8]
    ) -> Bool {
        let now = UInt64(bitPattern: Int64(time(nil)))
        // In this machine's order, as the other mark: x86 and ARM have the lowest byte in front.
        var mark = (0..<length).map { UInt8(truncatingIfNeeded: now >> UInt64(8 * $0)) }
        for index in digest.span.indices { mark.append(digest.span[index]) }
        mark += rest
        return unsafe SSL_SESSION_set1_ticket_appdata(session, &mark, mark.count) == 1
    }

    /// That authority's fingerprint; nil of a session that none of these was needed for.
    static func authority(of session: OpaquePointer) -> SHA256Digest? {
        let mark = unsafe self.mark(of: session)
        guard mark.count == length + SHA256Digest.length else { return nil }
        return SHA256Digest(mark.span.extracting(length..<mark.count))
    }

    /// What a session was proved by that a pre-shared key has made; nil of all others.
    static func preSharedKey(of session: OpaquePointer) -> PreSharedKeyProof? {
        let mark = unsafe self.mark(of: session)
        let end = length + SHA256Digest.length
        guard mark.count > end, let digest = SHA256Digest(mark.span.extracting(length..<end))
        else { return nil }
        return PreSharedKeyProof(identity: Array(mark[end...]), keyDigest: digest)
    }

    private static func mark(of session: OpaquePointer) -> [UInt8] {
        var start: UnsafeMutableRawPointer?
        var count = 0
        guard unsafe SSL_SESSION_get0_ticket_appdata(session, &start, &count) == 1,
            let start = unsafe start
        else { return [] }
        // Safe: bytes that belong to the session, and are copied before it changes.
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    fileprivate static func isFresh(_ session: OpaquePointer, seconds: Int) -> Bool {
        // Tickets of a program that did not mark them are as old as their session says.
        let begun = unsafe handshakeTime(of: session) ?? Int64(SSL_SESSION_get_time(session))
        return Int64(time(nil)) - begun <= Int64(seconds)
    }

    private static func handshakeTime(of session: OpaquePointer) -> Int64? {
        var start: UnsafeMutableRawPointer?
        var count = 0
        guard unsafe SSL_SESSION_get0_ticket_appdata(session, &start, &count) == 1,
            count >= length, let start = unsafe start
        else { return nil }
        // Safe: eight bytes that belong to the session, read before it changes.
        return unsafe start.loadUnaligned(as: Int64.self)
    }
}

/// SSL_CTX_generate_session_ticket_fn of SSL_CTX_set_session_ticket_cb(3).
private func markTicket(_ ssl: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> Int32 {
    guard let session = unsafe SSL_get_session(ssl) else { return 0 }
    return unsafe TicketLifetime.mark(session) ? 1 : 0
}

/// SSL_CTX_decrypt_session_ticket_fn of SSL_CTX_set_session_ticket_cb(3).
private func judgeTicket(
    _ ssl: OpaquePointer?,
    _ session: OpaquePointer?,
    _ keyName: UnsafePointer<UInt8>?,
    _ keyNameLength: Int,
    _ status: SSL_TICKET_STATUS,
    _ argument: UnsafeMutableRawPointer?
) -> SSL_TICKET_RETURN {
    guard status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW,
        let session = unsafe session,
        unsafe TicketLifetime.isFresh(session, seconds: Int(bitPattern: argument))
    else { return SSL_TICKET_RETURN_IGNORE_RENEW }
    let isRenewed = unsafe status == SSL_TICKET_SUCCESS_RENEW || SSL_version(ssl) == TLS1_3_VERSION
    return isRenewed ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE
}
