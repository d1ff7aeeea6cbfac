import Foundation
import Testing

/// What is typed on a terminal, once a text is shown there.
struct Typed {
    let after: String
    let keys: String
}

extension Serving {
    /// Runs a verb against this gateway on a terminal of that size, a real one (pty(7)). The output is all that the
    /// terminal was sent, with plain ends of lines.
    func terminal(
        _ arguments: [String],
        typing: [Typed] = [],
        rows: Int = 24,
        columns: Int = 80
    ) throws -> Program.Result {
        let document: [String: Any] = [
            "arguments": arguments, "rows": rows, "columns": columns,
            "typing": typing.map { [$0.after, $0.keys] },
        ]
        let text = try JSONSerialization.data(withJSONObject: document)
        let place = program.directory
        let name = UUID().uuidString
        try text.write(to: place.appending(path: "\(name).json"))
        try Data(Self.driver.utf8).write(to: place.appending(path: "terminal-driver.py"))
        let result = try shell("python3 terminal-driver.py \(name).json")
        #expect(result.code == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\n", maxSplits: 1)
        let code = try #require(lines.first.flatMap { Int32($0) }, "\(result)")
        return Program.Result(
            code: code, output: lines.count > 1 ? String(lines[1]) : "", errors: result.errors)
    }

    private static let driver = """
        import fcntl, json, os, pty, struct, sys, termios
        asked = json.load(open(sys.argv[1]))
        child, terminal = pty.fork()
        if child == 0:
            size = struct.pack("HHHH", asked["rows"], asked["columns"], 0, 0)
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.execvp("tollgate", ["tollgate"] + asked["arguments"])
        text, start, typing = b"", 0, asked["typing"]
        try:
            while piece := os.read(terminal, 65536):
                text += piece
                while typing and (place := text.find(typing[0][0].encode(), start)) >= 0:
                    start = place + len(typing[0][0].encode())
                    os.write(terminal, typing.pop(0)[1].encode())
        except OSError:
            pass
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.buffer.write(str(code).encode() + b"\\n" + text.replace(b"\\r\\n", b"\\n"))
        """
}

extension Serving {
    /// An account with codes, a product and devices, by verbs.
    func furnish(devices: String = "d1,s1,\n", name: String = "Lamp") throws {
        for arguments in [
            ["account", "create", "--id", "acme", "--name", "Acme"],
            ["package", "create", "--id", "basic", "--name", "Basic", "--validity-days", "30"],
            ["product", "create", "--pk", "lamp", "--name", name, "--account", "acme"],
            [
                "codes", "buy", "acme", "--package", "basic", "--quantity", "7", "--product",
                "lamp",
            ],
        ] {
            let result = try run(arguments)
            #expect(result.code == 0, "\(result.errors)")
        }
        let result = try run(
            ["device", "import", "lamp", "-"], input: "dk,secret,name\n" + devices)
        #expect(result.code == 0, "\(result.errors)")
    }
}
