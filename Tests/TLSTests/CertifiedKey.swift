import COpenSSL
import Glibc

/// A P-256 or RSA key and an X.509 certificate for it, valid for a day, or from `begins` to `ends` in seconds from now.
@safe
final class CertifiedKey: Sendable {
    // Safe: made in `init`, read afterwards, freed in `deinit`.
    nonisolated(unsafe) let key: OpaquePointer
    nonisolated(unsafe) let certificate: OpaquePointer

    init(
        commonName: String,
        alternativeNames: String? = nil,
        isAuthority: Bool = false,
        isRSA: Bool = false,
        exponentBits: Int32? = nil,
        renewing former: CertifiedKey? = nil,
        hasWeakSignature: Bool = false,
        begins: Int = -3_600,
        ends: Int = 86_400,
        signer: CertifiedKey? = nil
    ) {
        // Safe: fresh objects, owned by this one; a library that cannot make them ends the test.
        if let former {
            unsafe key = unsafe former.key
            unsafe EVP_PKEY_up_ref(key)
        } else {
            unsafe key = isRSA ? Self.makeRSAKey(exponentBits) : Self.makeKey()
        }
        unsafe certificate = X509_new()
        unsafe X509_set_version(certificate, 2)
        unsafe ASN1_INTEGER_set_int64(
            X509_get_serialNumber(certificate), Int64.random(in: 1...Int64.max))
        unsafe X509_gmtime_adj(X509_getm_notBefore(certificate), begins)
        unsafe X509_gmtime_adj(X509_getm_notAfter(certificate), ends)
        unsafe X509_set_pubkey(certificate, key)
        let subject = unsafe X509_get_subject_name(certificate)
        unsafe X509_NAME_add_entry_by_txt(
            subject, "CN", Int32(MBSTRING_FLAG), Array(commonName.utf8),
            Int32(commonName.utf8.count), -1, 0)
        let issuer = unsafe X509_get_subject_name(signer?.certificate ?? certificate)
        unsafe X509_set_issuer_name(certificate, issuer)
        add(NID_basic_constraints, isAuthority ? "critical,CA:TRUE" : "CA:FALSE", signer: signer)
        if let alternativeNames { add(NID_subject_alt_name, alternativeNames, signer: signer) }
        let digest = unsafe hasWeakSignature ? (isRSA ? EVP_md5() : EVP_sha1()) : EVP_sha256()
        let size = unsafe X509_sign(certificate, signer?.key ?? key, digest)
        precondition(size > 0, "could not sign")
    }

    deinit {
        unsafe X509_free(certificate)
        unsafe EVP_PKEY_free(key)
    }

    private static func makeKey() -> OpaquePointer {
        let context = unsafe EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil)
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        unsafe EVP_PKEY_keygen_init(context)
        unsafe EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1)
        unsafe EVP_PKEY_keygen(context, &key)
        return unsafe key.unsafelyUnwrapped
    }

    /// - Parameter exponentBits: of a public exponent that no one uses.
    private static func makeRSAKey(_ exponentBits: Int32?) -> OpaquePointer {
        let context = unsafe EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nil)
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        unsafe EVP_PKEY_keygen_init(context)
        unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2_048)
        if let exponentBits {
            let exponent = unsafe BN_new()
            unsafe BN_set_bit(exponent, exponentBits - 1)
            unsafe BN_set_bit(exponent, 0)
            unsafe EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, exponent)
            unsafe BN_free(exponent)
        }
        unsafe EVP_PKEY_keygen(context, &key)
        return unsafe key.unsafelyUnwrapped
    }

    private func add(_ identifier: Int32, _ text: String, signer: CertifiedKey?) {
        var context = unsafe X509V3_CTX()
        unsafe X509V3_set_ctx(
            &context, signer?.certificate ?? certificate, certificate, nil, nil, 0)
        let made = unsafe X509V3_EXT_conf_nid(nil, &context, identifier, text)
        precondition(unsafe X509_add_ext(certificate, made, -1) == 1, "could not extend")
        unsafe X509_EXTENSION_free(made)
    }

    /// Writes PEM; the key encrypted with AES-256 if there is a password.
    func write(certificate file: String, key keyFile: String, password: String? = nil) {
        let target = unsafe BIO_new_file(file, "w")
        unsafe PEM_write_bio_X509(target, certificate)
        unsafe BIO_free(target)
        let keyTarget = unsafe BIO_new_file(keyFile, "w")
        if let password {
            unsafe PEM_write_bio_PKCS8PrivateKey(
                keyTarget, key, EVP_aes_256_cbc(), password, Int32(password.utf8.count), nil, nil)
        } else {
            unsafe PEM_write_bio_PKCS8PrivateKey(keyTarget, key, nil, nil, 0, nil, nil)
        }
        unsafe BIO_free(keyTarget)
    }
}

extension CertifiedKey {
    /// The certificate in PEM.
    var pem: String {
        let target = unsafe BIO_new(BIO_s_mem())
        defer { unsafe BIO_free(target) }
        unsafe PEM_write_bio_X509(target, certificate)
        return unsafe Self.text(in: target)
    }

    /// The private key in PEM.
    var keyPEM: String {
        let target = unsafe BIO_new(BIO_s_mem())
        defer { unsafe BIO_free(target) }
        unsafe PEM_write_bio_PKCS8PrivateKey(target, key, nil, nil, 0, nil, nil)
        return unsafe Self.text(in: target)
    }

    private static func text(in source: OpaquePointer?) -> String {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe BIO_read(source, &bytes, Int32(bytes.count))
        return String(decoding: bytes[..<Int(max(0, count))], as: UTF8.self)
    }
}
