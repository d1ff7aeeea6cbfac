internal import COpenSSL

/// The calling thread's OpenSSL error queue (ERR_get_error(3)), taken off it.
struct ErrorStack {
    /// The packed codes, the oldest first.
    private(set) var codes: [UInt] = []

    /// One line each, as ERR_error_string_n(3) prints it, with the data that came along.
    private(set) var lines: [String] = []

    /// Empties the queue, so that nothing is left for a later call to trip over.
    static func drain() -> ErrorStack {
        var stack = ErrorStack()
        while true {
            var data: UnsafePointer<CChar>?
            var flags: Int32 = 0
            // Safe: both places are ours; the text belongs to OpenSSL until its queue changes.
            let code = unsafe ERR_get_error_all(nil, nil, nil, &data, &flags)
            if code == 0 { return stack }
            var line = text(of: code)
            if flags & ERR_TXT_STRING != 0, let data = unsafe data {
                let detail = unsafe String(cString: data)
                if !detail.isEmpty { line += " (\(detail))" }
            }
            stack.codes.append(code)
            stack.lines.append(line)
        }
    }

    /// Drops what a call that is allowed to fail has left.
    static func clear() {
        ERR_clear_error()
    }

    /// Whether an entry is of `library` (`ERR_LIB_*`) and, if any are named, has one of `reasons`.
    func contains(library: Int32, reasons: Int32...) -> Bool {
        codes.contains { code in
            tollgate_err_library(code) == library
                && (reasons.isEmpty || reasons.contains(tollgate_err_reason(code)))
        }
    }

    /// The fatal alert that the peer sent, if that is what happened: the library adds
    /// `SSL_AD_REASON_OFFSET` to its number to make the reason of it.
    var peerAlert: TLSAlert? {
        for code in codes where tollgate_err_library(code) == ERR_LIB_SSL {
            let number = tollgate_err_reason(code) - SSL_AD_REASON_OFFSET
            if (0...255).contains(number) { return TLSAlert(rawValue: UInt8(number)) }
        }
        return nil
    }

    private static func text(of code: UInt) -> String {
        // Safe: 256 bytes are what ERR_error_string_n(3) asks for; it ends them with a zero.
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            unsafe ERR_error_string_n(code, buffer.baseAddress, buffer.count)
            return unsafe String(cString: buffer.baseAddress.unsafelyUnwrapped)
        }
    }
}
