import COpenSSL
import TLS

/// A list of revoked certificates, made with libcrypto.
struct RevocationListFixture {
    var serials: [Int64] = [0x1001, 0x1002]
    var number: Int64? = 3

    /// More serial numbers, each as its bytes.
    var longSerials: [[UInt8]] = []
    var begins = -3_600
    var ends: Int? = 86_400
    var hasWeakSignature = false

    /// What a critical extension, or one of a delta, is called and says, in the words of x509v3_config(5).
    var extensions: [(name: Int32, text: String)] = []

    /// DER, signed by that key in the name of `issuer`, which is the signer by default.
    func der(by signer: CertifiedKey, as issuer: CertifiedKey? = nil) -> [UInt8] {
        // Safe: fresh objects, freed or given away here; a library that can't make them ends the test.
        let list = unsafe X509_CRL_new()
        defer { unsafe X509_CRL_free(list) }
        unsafe X509_CRL_set_version(list, 1)
        unsafe X509_CRL_set_issuer_name(
            list, X509_get_subject_name((issuer ?? signer).certificate))
        let begin = unsafe X509_gmtime_adj(nil, begins)
        unsafe X509_CRL_set1_lastUpdate(list, begin)
        if let ends {
            let end = unsafe X509_gmtime_adj(nil, ends)
            unsafe X509_CRL_set1_nextUpdate(list, end)
            unsafe ASN1_STRING_free(end)
        }
        for serial in serials.map({ Self.bytes(of: $0) }) + longSerials {
            let entry = unsafe X509_REVOKED_new()
            let big = unsafe BN_bin2bn(serial, Int32(serial.count), nil)
            let value = unsafe BN_to_ASN1_INTEGER(big, nil)
            unsafe BN_free(big)
            unsafe X509_REVOKED_set_serialNumber(entry, value)
            unsafe X509_REVOKED_set_revocationDate(entry, begin)
            unsafe X509_CRL_add0_revoked(list, entry)
            unsafe ASN1_INTEGER_free(value)
        }
        if let number {
            let value = unsafe ASN1_INTEGER_new()
            unsafe ASN1_INTEGER_set_int64(value, number)
            unsafe X509_CRL_add1_ext_i2d(list, NID_crl_number, value, 0, 0)
            unsafe ASN1_INTEGER_free(value)
        }
        for (name, text) in extensions {
            var context = unsafe X509V3_CTX()
            unsafe X509V3_set_ctx(&context, signer.certificate, nil, nil, list, 0)
            let made = unsafe X509V3_EXT_conf_nid(nil, &context, name, text)
            precondition(unsafe X509_CRL_add_ext(list, made, -1) == 1, "could not extend")
            unsafe X509_EXTENSION_free(made)
        }
        unsafe ASN1_STRING_free(begin)
        let digest = unsafe hasWeakSignature ? EVP_sha1() : EVP_sha256()
        precondition(unsafe X509_CRL_sign(list, signer.key, digest) > 0, "could not sign")
        let count = unsafe i2d_X509_CRL(list, nil)
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(count)) { target, written in
            var start = target.baseAddress
            unsafe written = Int(i2d_X509_CRL(list, &start))
        }
    }

    private static func bytes(of number: Int64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
    }

    /// The same in PEM.
    func pem(by signer: CertifiedKey) -> String {
        let der = der(by: signer)
        var target = [UInt8](repeating: 0, count: 4 * der.count / 3 + 8)
        let count = unsafe EVP_EncodeBlock(&target, der, Int32(der.count))
        let digits = target[..<Int(count)]
        let lines = stride(from: 0, to: digits.count, by: 64).map { start in
            String(decoding: digits[start..<min(start + 64, digits.count)], as: UTF8.self)
        }
        return (["-----BEGIN X509 CRL-----"] + lines + ["-----END X509 CRL-----", ""])
            .joined(separator: "\n")
    }
}
