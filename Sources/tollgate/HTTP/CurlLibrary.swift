import CCURLAtRunTime

/// libcurl, loaded when a verb first asks a gateway. The program is not linked with it: the gateway that the same
/// program is when it serves never has it, or the libraries that it brings along.
@safe
struct CurlLibrary {
    /// Lives as long as the process.
    private let functions: UnsafePointer<ccurl_library>

    // Safe: made once, before anything reads it, and never changed.
    nonisolated(unsafe) private static let attempt = load()

    /// Loads it with the first call.
    static var loaded: CurlLibrary { get throws(Failure) { unsafe try attempt.get() } }

    private static func load() -> Result<CurlLibrary, Failure> {
        let functions = UnsafeMutablePointer<ccurl_library>.allocate(capacity: 1)
        unsafe functions.initialize(to: ccurl_library())
        // Safe: it is filled during the call; what is missing is told as a text that is copied at once.
        if let missing = unsafe ccurl_load(functions) {
            let cause = unsafe String(cString: missing)
            return .failure(
                Failure(
                    text: "verbs ask a gateway with libcurl, which can't be loaded: \(cause)\n  "
                        + "Install the package libcurl4, or libcurl4t64 on newer systems."))
        }
        // Safe: nothing else calls libcurl before; it was found just now.
        guard unsafe functions.pointee.global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK else {
            return .failure(Failure(text: "libcurl can't begin: no memory is left"))
        }
        return unsafe .success(CurlLibrary(functions: UnsafePointer(functions)))
    }

    var pointer: UnsafePointer<ccurl_library> { unsafe functions }

    /// Its functions that are not variadic.
    var calls: ccurl_library { unsafe functions.pointee }

    /// `libcurl/7.88.1 OpenSSL/3.0.20 ...`
    var version: String {
        // Safe: libcurl's own text, which ends with a zero.
        unsafe calls.version().map { unsafe String(cString: $0) } ?? "libcurl"
    }
}
