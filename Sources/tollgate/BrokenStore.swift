import Foundation

/// A store whose file was cut short, or whose pages are nonsense: its file is mapped into memory, so the
/// kernel finds out, or LMDB gives up.
enum BrokenStore {
    private static let text: StaticString =
        "tollgate: a store is broken: its file is cut short, or its pages are damaged\n"
    private static let json: StaticString = """
        {"balanced":false,"problems":["a store is broken: its file is cut short, or its pages are \
        damaged"]}

        """

    /// From here on, makes a finding of the signals that this ends in, and ends with exit code 1.
    static func report(inJSON isJSON: Bool) {
        for number in [SIGBUS, SIGSEGV, SIGABRT] {
            // Safe: the handlers call nothing but write(2) and _exit(2), on constants.
            if isJSON {
                signal(number) { _ in BrokenStore.end(BrokenStore.json, STDOUT_FILENO) }
            } else {
                signal(number) { _ in BrokenStore.end(BrokenStore.text, STDERR_FILENO) }
            }
        }
    }

    private static func end(_ text: StaticString, _ descriptor: Int32) {
        _ = unsafe write(descriptor, text.utf8Start, text.utf8CodeUnitCount)
        _exit(1)
    }
}
