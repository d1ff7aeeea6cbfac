internal import COpenSSL
public import Cryptography

/// Who the peer is, by the certificate that it showed and we verified.
public struct PeerIdentity: Sendable, Equatable {
    /// The subject's common name (the last one, if there are several), or nil without one. A name
    /// with a zero byte in it counts as none.
    public let commonName: String?

    /// The subject alternative names of the form URI (RFC 5280, 4.2.1.6), in order.
    public let uniformResourceIdentifiers: [String]

    /// Those of the form dNSName, in order.
    public let dnsNames: [String]

    /// SHA-256 over the certificate's DER.
    public let fingerprint: SHA256Digest

    /// As its authority has given it: the bytes of its magnitude, none of them a zero in front.
    public let serialNumber: [UInt8]

    /// When the certificate ends: seconds of Unix time. A session that is resumed later is not verified again.
    public let notAfterSeconds: Int64

    /// The fingerprint of the one of `ClientAuthorities` that it was verified by; nil: an authority of the context's.
    /// A session that is resumed keeps it, whatever has become of the authority since.
    public let authority: SHA256Digest?

    /// Copies what it needs; fails, when memory does, to an empty name, list or digest.
    init(_ certificate: OpaquePointer, authority: SHA256Digest? = nil) {
        self.authority = authority
        unsafe notAfterSeconds = tollgate_asn1_time_seconds(X509_get0_notAfter(certificate))
        unsafe serialNumber = Self.magnitude(of: X509_get0_serialNumber(certificate))
        unsafe commonName = Self.commonName(of: certificate)
        (uniformResourceIdentifiers, dnsNames) = unsafe Self.alternativeNames(of: certificate)
        unsafe fingerprint = Self.fingerprint(of: certificate)
        ErrorStack.clear()
    }

    /// SHA-256 over a certificate's DER; of zeros when there is no memory.
    static func fingerprint(of certificate: OpaquePointer) -> SHA256Digest {
        var digest = InlineArray<32, UInt8>(repeating: 0)
        var target = digest.mutableSpan
        unsafe target.withUnsafeMutableBytes { target in
            var count: UInt32 = 0
            // Safe: SHA-256 writes 32 bytes.
            let start = unsafe target.baseAddress?.assumingMemoryBound(to: UInt8.self)
            _ = unsafe X509_digest(certificate, EVP_sha256(), start, &count)
        }
        guard let fingerprint = SHA256Digest(digest.span) else {
            preconditionFailure("32 bytes are a digest")
        }
        return fingerprint
    }

    /// The bytes of a number, without zeros in front: of zero, and of none, there are none.
    static func magnitude(of number: UnsafePointer<ASN1_INTEGER>?) -> [UInt8] {
        guard let number = unsafe number else { return [] }
        // Safe: the bytes belong to the number, and are copied.
        let bytes = unsafe UnsafeBufferPointer(
            start: ASN1_STRING_get0_data(number), count: Int(ASN1_STRING_length(number)))
        return unsafe Array(bytes.drop { $0 == 0 })
    }

    private static func commonName(of certificate: OpaquePointer) -> String? {
        guard let subject = unsafe X509_get_subject_name(certificate) else { return nil }
        var last: Int32 = -1
        while true {
            let next = unsafe X509_NAME_get_index_by_NID(subject, NID_commonName, last)
            if next < 0 { break }
            last = next
        }
        guard last >= 0, let entry = unsafe X509_NAME_get_entry(subject, last) else { return nil }
        var start: UnsafeMutablePointer<UInt8>?
        let count = unsafe ASN1_STRING_to_UTF8(&start, X509_NAME_ENTRY_get_data(entry))
        guard count >= 0, let start = unsafe start else { return nil }
        // Safe: `count` bytes were allocated for us at `start`, freed here.
        defer { unsafe CRYPTO_free(start, "PeerIdentity", 0) }
        return unsafe text(UnsafeBufferPointer(start: start, count: Int(count)))
    }

    private static func alternativeNames(
        of certificate: OpaquePointer
    ) -> (uris: [String], dnsNames: [String]) {
        guard let names = unsafe tollgate_x509_subject_alternative_names(certificate) else {
            return ([], [])
        }
        let count = unsafe tollgate_general_names_count(names)
        // Safe: the list was made for us; its strings are copied before it is freed.
        defer { unsafe GENERAL_NAMES_free(names) }
        let uris = (0..<count).compactMap { index in
            unsafe text(tollgate_general_names_uri(names, index))
        }
        let dnsNames = (0..<count).compactMap { index in
            unsafe text(tollgate_general_names_dns(names, index))
        }
        return (uris, dnsNames)
    }

    /// The text of a name; nil of none, and as below.
    private static func text(_ name: UnsafePointer<ASN1_STRING>?) -> String? {
        guard let name = unsafe name else { return nil }
        // Safe: the bytes belong to the name, and are copied.
        return unsafe text(
            UnsafeBufferPointer(
                start: ASN1_STRING_get0_data(name), count: Int(ASN1_STRING_length(name))))
    }

    /// The bytes as text, unless they hide a zero or are not UTF-8.
    private static func text(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        // Safe: the callers' pointers are good for the call.
        guard unsafe !bytes.contains(0) else { return nil }
        return unsafe String(validating: bytes, as: UTF8.self)
    }
}
