import Courier
import Glibc
import Linux

/// Makes HTTP requests, and hands messages to a mail server, for the gateway, which starts it: jobs come on the standard input, a socket, and outcomes go
/// back on it. It keeps nothing, listens nowhere, and ends with the gateway.
@main
struct CourierProgram {
    /// A socket for each webhook, some for tests and look-ups of names.
    private static let openFilesMaximum = 4_096

    static func main() {
        guard let arguments = CourierArguments(words: Array(CommandLine.arguments.dropFirst()))
        else { fail("tollgate starts this program: there is nothing to be run by hand", code: 2) }
        do throws(Errno) {
            // What a service manager or a terminal sends to all: the gateway drains first.
            for signal in [Signal.terminate, .interrupt, .hangUp] { signal.ignore() }
            // libcurl is told to leave signals alone, and OpenSSL writes to connections that the other end has reset.
            Signal.pipe.ignore()
            try SpawnedProcess.endWithParent()
            _ = try ProcessLimits.raiseOpenFiles(to: openFilesMaximum)
            try Transfers.begin()
            let socket = Descriptor(adopting: 0)
            try serve(socket.socket, arguments)
        } catch .connectionReset {
            // The gateway is gone.
        } catch .brokenPipe {
            // The same.
        } catch {
            fail("\(error)", code: 1)
        }
    }

    /// Returns when the gateway is gone.
    private static func serve(
        _ socket: SocketHandle, _ arguments: CourierArguments
    ) throws(Errno) {
        var channel = CourierChannel(on: socket)
        let transfers = try Transfers(arguments)
        while true {
            guard let jobs = try channel.receive(CourierJob.self) else { return }
            for job in jobs { transfers.begin(job) }
            for outcome in transfers.perform() { channel.post(outcome) }
            try channel.flush()
            transfers.wait(for: socket.rawValue, andRoom: !channel.isFlushed)
        }
    }

    private static func fail(_ text: String, code: Int32) -> Never {
        let line = Array("tollgate-courier: \(text)\n".utf8)
        // Safe: the array lends its bytes for the call.
        _ = unsafe write(2, line, line.count)
        exit(code)
    }
}
