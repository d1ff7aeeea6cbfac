internal import COpenSSL

/// A certificate, its chain and its private key, which a session shows instead of its context's: many clients of one
/// process have one context, and a certificate each.
@safe
public final class TLSCredentials: Sendable {
    // Safe: each is a reference of our own to what OpenSSL counts by reference, and not changed once it is made.
    private nonisolated(unsafe) let certificate: OpaquePointer
    private nonisolated(unsafe) let key: OpaquePointer

    /// `nil` when the file had one certificate only.
    // Safe: as the others.
    private nonisolated(unsafe) let chain: OpaquePointer?

    /// Reads them, from PEM files: the certificate first, then its intermediates.
    ///
    /// Throws `.unreadableFile`, `.malformedFile`, `.wrongPassword` (the key is encrypted) or `.keyMismatch`, with the
    /// file concerned.
    public init(certificateChainFile: String, privateKeyFile: String) throws(TLSError) {
        guard let context = unsafe SSL_CTX_new_ex(nil, nil, TLS_client_method()) else {
            throw TLSError.drained("Making a TLS context", reason: .library)
        }
        defer { unsafe SSL_CTX_free(context) }
        try unsafe CertificateFiles(context: context).load(
            chainFile: certificateChainFile, keyFile: privateKeyFile, password: nil)
        ErrorStack.clear()
        guard let certificate = unsafe SSL_CTX_get0_certificate(context),
            let key = unsafe SSL_CTX_get0_privatekey(context)
        else { preconditionFailure("they were put there") }
        // Safe: the context has them until it is freed, and these references outlast it.
        unsafe X509_up_ref(certificate)
        unsafe EVP_PKEY_up_ref(key)
        unsafe self.certificate = unsafe certificate
        unsafe self.key = unsafe key
        let others = unsafe tollgate_ssl_ctx_get0_chain_certs(context)
        unsafe chain = unsafe others == nil ? nil : X509_chain_up_ref(others)
    }

    deinit {
        // Safe: gives up our references; sessions hold their own.
        unsafe X509_free(certificate)
        unsafe EVP_PKEY_free(key)
        unsafe tollgate_x509_chain_free(chain)
    }

    /// Has the session show them. Answers what the library says when it does not take them.
    func install(in ssl: OpaquePointer) -> TLSError? {
        // Safe: the session takes references of its own.
        let result = unsafe SSL_use_cert_and_key(ssl, certificate, key, chain, 1)
        return result == 1 ? nil : .drained("Showing a certificate", reason: .refusedSetting)
    }
}
