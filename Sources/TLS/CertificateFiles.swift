internal import COpenSSL
internal import Cryptography

/// Puts the contents of PEM files into a context that is being built.
@safe
struct CertificateFiles {
    // Safe: the context that makes this value outlives it.
    private let context: OpaquePointer

    init(context: OpaquePointer) {
        unsafe self.context = unsafe context
    }

    /// Our certificate chain and its private key, which must be a pair.
    func load(chainFile: String, keyFile: String, password: String?) throws(TLSError) {
        guard unsafe SSL_CTX_use_certificate_chain_file(context, chainFile) == 1 else {
            throw unreadable("Reading the certificate chain", chainFile)
        }
        let asked = loadKey(keyFile, password: password)
        if let asked {
            throw unreadable("Reading the private key", keyFile, isEncrypted: asked)
        }
        guard unsafe SSL_CTX_check_private_key(context) == 1 else {
            throw TLSError.drained(
                "Comparing the private key with \(chainFile)",
                file: keyFile,
                reason: .keyMismatch
            )
        }
    }

    /// Every certificate in the file becomes an authority for the peers' certificates. Answers a
    /// digest of them all.
    func loadAuthorities(_ file: String) throws(TLSError) -> SHA256Digest {
        let attempt = "Reading the authorities' certificates"
        guard let source = unsafe BIO_new_file(file, "r") else { throw unreadable(attempt, file) }
        defer { unsafe BIO_free(source) }
        let store = unsafe SSL_CTX_get_cert_store(context)
        var identity = SHA256()
        var count = 0
        while let certificate = unsafe PEM_read_bio_X509(source, nil, nil, nil) {
            // Safe: the store and the list take references of their own.
            defer { unsafe X509_free(certificate) }
            guard unsafe X509_STORE_add_cert(store, certificate) == 1,
                unsafe SSL_CTX_add_client_CA(context, certificate) == 1
            else { throw unreadable(attempt, file) }
            identity.update(unsafe PeerIdentity(certificate).fingerprint.span)
            count += 1
        }
        let stack = ErrorStack.drain()
        // The end of the file shows as a missing start line.
        let ended = stack.contains(library: ERR_LIB_PEM, reasons: PEM_R_NO_START_LINE)
        guard count > 0, ended else {
            throw TLSError(reason: .malformedFile, attempt: attempt, file: file, stack: stack.lines)
        }
        return identity.finalize()
    }

    /// Nil when the key is in place; else whether a password was asked for.
    private func loadKey(_ file: String, password: String?) -> Bool? {
        var answer = PasswordAnswer(password: password)
        return unsafe withUnsafeMutablePointer(to: &answer) { answer in
            // Safe: the context knows of the answer for as long as it exists.
            unsafe SSL_CTX_set_default_passwd_cb(context, answerPassword)
            unsafe SSL_CTX_set_default_passwd_cb_userdata(context, answer)
            let result = unsafe SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM)
            unsafe SSL_CTX_set_default_passwd_cb_userdata(context, nil)
            return result == 1 ? nil : unsafe answer.pointee.wasAsked
        }
    }

    private func unreadable(
        _ attempt: String,
        _ file: String,
        isEncrypted: Bool = false
    ) -> TLSError {
        TLSError.drained(attempt, file: file, reason: .malformedFile) { stack in
            let mismatched =
                stack.contains(
                    library: ERR_LIB_X509,
                    reasons: X509_R_KEY_VALUES_MISMATCH,
                    X509_R_KEY_TYPE_MISMATCH
                )
            if mismatched { return .keyMismatch }
            if stack.contains(library: ERR_LIB_SYS) { return .unreadableFile }
            return isEncrypted ? .wrongPassword : nil
        }
    }
}

/// What the library is told when it asks for the password of a private key.
struct PasswordAnswer {
    var password: String?
    var wasAsked = false
}

/// pem_password_cb(3): the configured password, or none; never a prompt on the terminal.
func answerPassword(
    _ target: UnsafeMutablePointer<CChar>?,
    _ room: Int32,
    _ isForWriting: Int32,
    _ argument: UnsafeMutableRawPointer?
) -> Int32 {
    // Safe: `loadKey` set the argument, and clears it before the answer goes away.
    guard let answer = unsafe argument?.assumingMemoryBound(to: PasswordAnswer.self),
        let target = unsafe target
    else { return -1 }
    unsafe answer.pointee.wasAsked = true
    guard let password = unsafe answer.pointee.password?.utf8, password.count <= room else {
        return -1
    }
    for (index, byte) in password.enumerated() {
        unsafe target[index] = CChar(bitPattern: byte)
    }
    return Int32(password.count)
}
