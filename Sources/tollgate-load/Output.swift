import Glibc
import Linux

/// What goes to the terminal: reports to standard output, progress and complaints to standard error.
///
/// A server's text may be in it, whose control characters are shown as `?`. A write that fails ends the program in an
/// orderly way: `Failure`.
enum Output {
    static func say(_ text: String) throws(Failure) {
        try write(printable(text) + "\n", to: STDOUT_FILENO)
    }

    /// A line on standard error. There is nowhere to say that it could not be written.
    static func complain(_ text: String) {
        try? write("tollgate-load: \(printable(text))\n", to: STDERR_FILENO)
    }

    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    let isControl =
                        scalar.properties.generalCategory == .control && scalar != "\n"
                    return isControl ? "?" : scalar
                }))
    }

    private static func write(_ text: String, to descriptor: Int32) throws(Failure) {
        do throws(Errno) {
            try StandardStreams.write(Array(text.utf8), to: descriptor)
        } catch .brokenPipe {
            throw Failure(text: "", code: 128 + SIGPIPE)
        } catch {
            throw Failure(text: "standard output: \(error)")
        }
    }
}

/// Why the program ends without having done what it was asked.
struct Failure: Error {
    /// For standard error; nothing is said when it is empty.
    let text: String

    /// 1: something failed; 2: asked wrongly; 141: the output's reader has gone.
    var code: Int32 = 1
}
