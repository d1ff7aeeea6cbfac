internal import COpenSSL

/// How long the certificates of a PEM file hold, all of them together.
public struct CertificateValidity: Sendable, Equatable {
    public let file: String

    /// When the last of them begins, and when the first of them ends: seconds of Unix time.
    public let notBeforeSeconds: Int64
    public let notAfterSeconds: Int64

    public init(file: String, notBeforeSeconds: Int64, notAfterSeconds: Int64) {
        self.file = file
        self.notBeforeSeconds = notBeforeSeconds
        self.notAfterSeconds = notAfterSeconds
    }

    /// Reads every certificate in the file. Throws `.unreadableFile` or `.malformedFile`.
    public init(ofCertificatesIn file: String) throws(TLSError) {
        let attempt = "Reading when certificates end"
        guard let source = unsafe BIO_new_file(file, "r") else {
            throw TLSError.drained(attempt, file: file, reason: .unreadableFile)
        }
        // Safe: the source and each certificate were made for us, and are freed here.
        defer { unsafe BIO_free(source) }
        var begin: Int64?
        var end: Int64?
        while let certificate = unsafe PEM_read_bio_X509(source, nil, nil, nil) {
            defer { unsafe X509_free(certificate) }
            let from = unsafe tollgate_asn1_time_seconds(X509_get0_notBefore(certificate))
            let until = unsafe tollgate_asn1_time_seconds(X509_get0_notAfter(certificate))
            begin = max(begin ?? from, from)
            end = min(end ?? until, until)
        }
        // The end of the file shows as a missing start line.
        ErrorStack.clear()
        guard let begin, let end else {
            throw TLSError(reason: .malformedFile, attempt: attempt, file: file)
        }
        self.init(file: file, notBeforeSeconds: begin, notAfterSeconds: end)
    }
}
