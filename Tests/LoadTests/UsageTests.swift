import Foundation
import Processes
import Support
import Testing

/// The command line: what is asked wrongly is told what to do, and output goes where it can.
@Suite(.waits) struct UsageTests {
    @Test("What is asked wrongly is refused in our words, with exit code 2")
    func wrong() throws {
        let program = try LoadProgram()
        let plain = "--no-activation --quiet"
        for (words, text) in [
            ("connect", "who connects?"),
            ("connect \(plain) --url http://x", "--url must be mqtt://"),
            ("connect \(plain) --url mqtt://h:0", "--url must be mqtt://"),
            ("connect \(plain) --mqtt 3", "--mqtt must be 3.1.1 or 5"),
            ("connect \(plain) --count 0", "--count must be 1 at least"),
            ("connect \(plain) --rate 0", "--rate must be more than 0"),
            ("connect \(plain) --ramp 3", "--ramp is of a --rate"),
            ("connect \(plain) --resume", "need TLS"),
            ("connect \(plain) --client-id x", "must be another for each client"),
            ("connect \(plain) --client-id %q", "a percent sign that stands for nothing"),
            ("connect \(plain) --password x", "needs a user name"),
            ("connect \(plain) --url mqtts://h --certificate %q", "stands for nothing"),
            ("connect \(plain) --url mqtts://h --certificate %D", "can't have %P and %D"),
            ("connect \(plain) --url mqtts://127.0.0.1:1 --certificate x", "x can't be read"),
            (
                "connect \(plain) --url mqtts://127.0.0.1:1 --certificate c%d --key k%d",
                "c0 can't be read"
            ),
            ("connect \(plain) --start-at tomorrow", "--start-at must be a time"),
            ("connect \(plain) --start-at 2020-01-01T00:00:00Z", "has passed"),
            ("connect \(plain) --start-at 99999999999", "more than a day away"),
            ("connect --fleet f --prepare 100 --count 1 --api ftp://h", "--api must be http://"),
            ("connect --fleet f --prepare 100 --count 1 --api http://192.0.2.1", "in the clear"),
            ("connect --fleet f --prepare 100 --count 1 --api-ca x", "--api-ca is of an API over"),
            (
                "connect --fleet f --prepare 100 --count 1 --api https://127.0.0.1:1 --api-ca x",
                "x can't be read"
            ),
            (
                "connect --fleet f --prepare 9 --count 1 --url mqtts://127.0.0.1:1 --concurrency 1 "
                    + "--certificate %D.pem",
                "--prepare makes devices whose names"
            ),
            ("join none.json", "none.json can't be read"),
            ("connect --fleet none.csv", "none.csv can't be read"),
            ("activate \(plain)", "activate is of devices"),
            ("publish \(plain) --qos 3", "--qos must be 0, 1 or 2"),
            ("publish \(plain) --window 2000", "--window must be 1 to 1024"),
            ("publish \(plain) --server-pid 4194305", "no such process"),
            ("idle \(plain) --count 2000000000", "open files are needed"),
            ("connect --fleet f --prepare 100", "--token-file"),
            // Before devices are made, which costs codes.
            ("connect --fleet f --prepare 5", "the fleet has 5 devices"),
            ("publish --fleet f --prepare 5000 --qos 7", "--qos must be 0, 1 or 2"),
            ("connect --fleet f --prepare 100 --server-pid 4194305", "no such process"),
            ("connect \(plain) --url mqtt://no-such-host.invalid", "there is no host called"),
            ("dance", "dance"),
        ] {
            let result = try program.shell("tollgate-load \(words)")
            #expect(result.code == 2, "\(words): \(result.errors)")
            #expect(result.errors.contains(text), "\(words): \(result.errors)")
            #expect(result.errors.hasPrefix("tollgate-load: "))
            #expect(result.output.isEmpty)
        }
    }

    @Test("Help fits 80 columns")
    func help() throws {
        let program = try LoadProgram()
        for verb in ["", "connect", "activate", "idle", "publish", "storm", "soak", "join"] {
            let result = try program.shell("tollgate-load \(verb) --help")
            #expect(result.code == 0)
            for line in result.output.split(separator: "\n") {
                #expect(line.count <= 80, "\(line)")
            }
        }
    }

    @Test("A reader that goes, and a full disk, end the program in an orderly way")
    func output() throws {
        let program = try LoadProgram()
        let gone = try program.shell(
            "tollgate-load --help | true; tollgate-load --help 2>err | head -1 && cat err >&2")
        #expect(gone.code == 0 && gone.errors.isEmpty, "\(gone.errors)")
        let full = try program.shell("tollgate-load --help >/dev/full")
        #expect(full.code == 1)
        #expect(full.errors.contains("standard output: No space left on device (28)"))
        // The report does not go into a socket that has got the number of a stream that was closed.
        let closed = try program.shell(
            "tollgate-load connect --no-activation --url mqtt://127.0.0.1:1 --count 1 --quiet >&-")
        #expect(closed.code == 1)
        #expect(closed.errors.contains("standard output: Bad file descriptor (9)"))
    }
}
