import Glibc
import Support

/// Debian's libfaketime: the wall clock of a process is another one, its monotonic clock is the machine's.
///
/// The library makes memory that its processes share, and changes the environment for that, behind which Swift does not
/// find a program's arguments any more. So the memory is made here, by `faketime`, which stays as long as this does: it
/// would stand between a gateway and its signals.
final class FakeClock {
    private static let library: String? = {
        let places = ["x86_64", "aarch64"].map {
            "/usr/lib/\($0)-linux-gnu/faketime/libfaketimeMT.so.1"
        }
        return places.first { unsafe access($0, R_OK) == 0 }
    }()

    static var isInstalled: Bool { library != nil }

    private let holder: ChildProcess
    private let memory: String

    init() throws {
        holder = try ChildProcess(
            "faketime", ["-m", "-f", "+0", "sh", "-c", "echo $FAKETIME_SHARED; read line"],
            takesInput: true)
        var output = ""
        guard
            holder.waitForOutput(
                seconds: Patience.seconds,
                until: { text, _ in
                    output = text
                    return text.hasSuffix("\n")
                })
        else { throw Unmade(what: holder.errors) }
        memory = String(output.dropLast())
    }

    struct Unmade: Error { let what: String }

    deinit {
        holder.finishInput()
        _ = try? holder.wait(seconds: Patience.seconds)
    }

    /// What stands before a program whose clock is to be so much ahead.
    func command(secondsAhead seconds: Int64) -> [String] {
        guard seconds != 0, let library = Self.library else { return [] }
        return [
            "/usr/bin/env", "LD_PRELOAD=\(library)", "FAKETIME_SHARED=\(memory)",
            "FAKETIME=\(seconds > 0 ? "+" : "")\(seconds)", "FAKETIME_DONT_FAKE_MONOTONIC=1",
            "DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1",
        ]
    }
}
