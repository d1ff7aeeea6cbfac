internal import COpenSSL
internal import Cryptography

/// What sessions have in common: certificate, key, versions, ciphers, ticket keys.
///
/// Built once and not changed afterwards; new certificates make a new context, and the sessions of
/// the old one go on with what they have agreed on.
@safe
public final class TLSContext: Sendable {
    // Safe: counted by reference; nothing changes it after `init`, and SSL_new(3), the only use
    // from several threads, is made for that.
    nonisolated(unsafe) let handle: OpaquePointer

    /// How its connections go on without OpenSSL.
    let secrets: SecretSource

    /// A context for peers that connect to us.
    ///
    /// `secrets` is for `TLSConnection`, whose sessions stay with OpenSSL without it.
    ///
    /// Throws `.unreadableFile`, `.malformedFile`, `.wrongPassword`, `.keyMismatch` or
    /// `.refusedSetting`, with the file concerned.
    public init(
        serving configuration: TLSServerConfiguration,
        tickets: TicketKeys,
        secrets: SecretSource = .none
    ) throws(TLSError) {
        self.secrets = secrets
        unsafe handle = try Self.make(TLS_server_method(), properties: secrets.properties)
        try setVersions(from: configuration.minimumVersion, to: configuration.maximumVersion)
        try setAlgorithms(configuration.algorithms)
        setBehaviour()
        try unsafe CertificateFiles(context: handle).load(
            chainFile: configuration.certificateChainFile,
            keyFile: configuration.privateKeyFile,
            password: configuration.privateKeyPassword
        )
        if let alternative = configuration.alternative {
            try unsafe CertificateFiles(context: handle).load(
                chainFile: alternative.certificateChainFile,
                keyFile: alternative.privateKeyFile,
                password: configuration.privateKeyPassword
            )
        }
        try setVerification(configuration.clientVerification)
        unsafe ClientAuthorities.install(in: handle)
        if configuration.takesPreSharedKeys { unsafe PreSharedKeys.install(in: handle) }
        let preference = try ProtocolPreference(names: configuration.applicationProtocols)
        unsafe preference.install(in: handle)
        unsafe SSL_CTX_set_timeout(handle, configuration.resumptionLifetimeSeconds)
        try unsafe TicketSealing(keys: tickets).install(in: handle)
        try unsafe TicketLifetime.install(
            seconds: configuration.resumptionLifetimeSeconds, in: handle)
        unsafe secrets.install(in: handle)
        // What the queue may hold now is of calls that found another way.
        ErrorStack.clear()
    }

    /// A context for connecting to peers.
    public init(connecting configuration: TLSClientConfiguration) throws(TLSError) {
        secrets = .none
        unsafe handle = try Self.make(TLS_client_method())
        try setVersions(from: configuration.minimumVersion, to: configuration.maximumVersion)
        try setAlgorithms(configuration.preSharedKey == nil ? .standard : .preSharedKeys)
        setBehaviour()
        if let chainFile = configuration.certificateChainFile {
            try unsafe CertificateFiles(context: handle).load(
                chainFile: chainFile,
                keyFile: configuration.privateKeyFile ?? chainFile,
                password: nil
            )
        }
        if let authorityFile = configuration.authorityFile {
            _ = try unsafe CertificateFiles(context: handle).loadAuthorities(authorityFile)
            unsafe SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nil)
        }
        let preference = try ProtocolPreference(names: configuration.applicationProtocols)
        try unsafe preference.offer(in: handle)
        if let key = configuration.preSharedKey {
            try unsafe PreSharedKeys.install(key, in: handle)
        }
        ErrorStack.clear()
    }

    deinit {
        // Safe: gives up our reference; sessions hold their own.
        unsafe SSL_CTX_free(handle)
    }

    private static func make(
        _ method: OpaquePointer?,
        properties: String? = nil
    ) throws(TLSError) -> OpaquePointer {
        guard let handle = unsafe SSL_CTX_new_ex(nil, properties, method) else {
            throw TLSError.drained("Making a TLS context", reason: .library)
        }
        return unsafe handle
    }

    private func setVersions(
        from minimum: TLSVersion,
        to maximum: TLSVersion
    ) throws(TLSError) {
        guard unsafe tollgate_ssl_ctx_set_min_proto_version(handle, minimum.wireValue) == 1,
            unsafe tollgate_ssl_ctx_set_max_proto_version(handle, maximum.wireValue) == 1
        else {
            throw TLSError.drained("Setting the versions of TLS", reason: .refusedSetting)
        }
    }

    /// Each name by itself first: in a list the library passes over those that it does not know.
    func setAlgorithms(_ algorithms: TLSAlgorithms) throws(TLSError) {
        for name in algorithms.cipherSuites {
            let isKnown = unsafe Self.isName(name) && SSL_CTX_set_ciphersuites(handle, name) == 1
            guard isKnown else { throw Self.unknown("cipher suite of TLS 1.3", name) }
        }
        for name in algorithms.ciphers {
            let isKnown =
                unsafe Self.isName(name) && SSL_CTX_set_cipher_list(handle, name) == 1
                && tollgate_ssl_ctx_has_only(handle, name) == 1
            guard isKnown else { throw Self.unknown("cipher suite of TLS 1.2", name) }
        }
        for name in algorithms.groups {
            let isKnown =
                unsafe Self.isName(name) && tollgate_ssl_ctx_set1_groups_list(handle, name) == 1
            guard isKnown else { throw Self.unknown("group", name) }
        }
        let suites = algorithms.cipherSuites.joined(separator: ":")
        let ciphers = algorithms.ciphers.joined(separator: ":")
        let groups = algorithms.groups.joined(separator: ":")
        guard unsafe SSL_CTX_set_ciphersuites(handle, suites) == 1,
            unsafe ciphers.isEmpty || SSL_CTX_set_cipher_list(handle, ciphers) == 1,
            unsafe groups.isEmpty || tollgate_ssl_ctx_set1_groups_list(handle, groups) == 1
        else {
            throw TLSError.drained("Setting the ciphers and groups", reason: .refusedSetting)
        }
    }

    private static func unknown(_ kind: String, _ name: String) -> TLSError {
        .drained(
            "Offering '\(name)' as a \(kind), which is none, or too weak", reason: .refusedSetting)
    }

    /// One name, and no expression of OpenSSL's lists.
    private static func isName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                    || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x5F
            }
    }

    /// No renegotiation, no compression, no early data, no cache of sessions, one ticket a
    /// handshake, and no buffer kept by an idle session.
    private func setBehaviour() {
        let options =
            tollgate_ssl_op_no_renegotiation | tollgate_ssl_op_cipher_server_preference
            | tollgate_ssl_op_prioritize_chacha | tollgate_ssl_op_no_compression
        _ = unsafe SSL_CTX_set_options(handle, options)
        // The chain is what its file has: without the second, one is looked for in each handshake.
        unsafe tollgate_ssl_ctx_set_mode(
            handle, Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN))
        unsafe tollgate_ssl_ctx_set_session_cache_mode(handle, Int(SSL_SESS_CACHE_OFF))
        unsafe tollgate_ssl_ctx_set_read_ahead(handle, 1)
        unsafe tollgate_ssl_ctx_set_max_cert_list(handle, 32_768)
        _ = unsafe SSL_CTX_set_num_tickets(handle, 1)
        // None is taken. What a client sends all the same is skipped (RFC 8446, 4.2.10), as far as the library's
        // own limit goes: a limit of zero here would end such a handshake.
        _ = unsafe SSL_CTX_set_max_early_data(handle, 0)
    }

    /// Also names what a resumed session must have been verified by: it isn't verified again, so
    /// another mode or other authorities make a full handshake of it.
    private func setVerification(_ verification: ClientVerification) throws(TLSError) {
        var identity = SHA256()
        identity.update("tollgate".utf8Span.span)
        switch verification {
        case .none:
            unsafe SSL_CTX_set_verify(handle, SSL_VERIFY_NONE, nil)
        case .optional(let file):
            let authorities = try unsafe CertificateFiles(context: handle).loadAuthorities(file)
            identity.update("optional".utf8Span.span)
            identity.update(authorities.span)
            unsafe SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nil)
        case .required(let file):
            let authorities = try unsafe CertificateFiles(context: handle).loadAuthorities(file)
            identity.update("required".utf8Span.span)
            identity.update(authorities.span)
            let mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
            unsafe SSL_CTX_set_verify(handle, mode, nil)
        }
        let digest = identity.finalize()
        // Safe: the digest's 32 bytes are copied (SSL_MAX_SID_CTX_LENGTH is 32).
        unsafe digest.span.withUnsafeBytes { bytes in
            let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            _ = unsafe SSL_CTX_set_session_id_context(handle, start, UInt32(bytes.count))
        }
    }
}

/// Ties a Swift object to a context, so that a callback finds it and it lives as long as the
/// context, whose sessions may outlast our `TLSContext` (SSL_CTX_set_ex_data(3)).
struct ContextAttachment<Object: AnyObject> {
    private let index: Int32

    /// To be made once per kind of object: indexes are never given back.
    init() {
        // Safe: the free function matches the reference that `attach` leaves behind.
        index = unsafe CRYPTO_get_ex_new_index(
            CRYPTO_EX_INDEX_SSL_CTX, 0, nil, nil, nil, releaseAttachment)
        precondition(index >= 0, "no memory for an index")
    }

    /// Leaves a reference to `object` with the context. Answers false without memory.
    func attach(_ object: Object, to context: OpaquePointer) -> Bool {
        let reference = unsafe Unmanaged.passRetained(object)
        if unsafe SSL_CTX_set_ex_data(context, index, reference.toOpaque()) == 1 { return true }
        unsafe reference.release()
        return false
    }

    /// The object of the context, if it has one.
    func object(of context: OpaquePointer?) -> Object? {
        // Safe: only `attach` puts something at this index, and it stays until the context ends.
        guard let pointer = unsafe SSL_CTX_get_ex_data(context, index) else { return nil }
        return unsafe Unmanaged<Object>.fromOpaque(pointer).takeUnretainedValue()
    }
}

/// CRYPTO_EX_free(3): gives back the reference that `attach` left.
private func releaseAttachment(
    _ parent: UnsafeMutableRawPointer?,
    _ pointer: UnsafeMutableRawPointer?,
    _ data: UnsafeMutablePointer<CRYPTO_EX_DATA>?,
    _ index: Int32,
    _ number: Int,
    _ argument: UnsafeMutableRawPointer?
) {
    guard let pointer = unsafe pointer else { return }
    unsafe Unmanaged<AnyObject>.fromOpaque(pointer).release()
}
