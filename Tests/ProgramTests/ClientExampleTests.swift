import Foundation
import Processes
import Ledger
import MQTT
import Support
import Testing

@testable import Gateway

/// The clients in `config/clients`, run against the program.
@Suite("The documents' clients", .waits)
struct ClientExampleTests {
    enum Client: String, CaseIterable {
        case c, python, javaScript

        /// What a shell runs, in a directory that has been prepared.
        var command: String {
            switch self {
            case .c: "./lamp"
            case .python: "\(Program.root.path)/.build-venv/bin/python config/clients/lamp.py"
            case .javaScript: "NODE_PATH=/usr/share/nodejs node config/clients/lamp.js"
            }
        }

        /// What it says of a refused CONNECT: MQTT 5 has more codes than 3.1.1.
        func refusal(_ reason: Reason) -> String {
            switch self {
            case .c: "refused \(reason.returnCode?.rawValue ?? 0)\n"
            case .python, .javaScript:
                "refused 0x\(String(reason.reasonCode.rawValue, radix: 16, uppercase: true)): "
                    + reason.text
            }
        }
    }

    /// A client that runs until this goes.
    private final class Running {
        private let process: ExternalProcess
        private let file: URL

        init(_ program: Program, _ client: Client, _ arguments: String) throws {
            file = program.directory.appending(path: UUID().uuidString)
            _ = FileManager.default.createFile(atPath: file.path, contents: nil)
            process = program.process(
                ["-c", "export LAMP_REPORT_SECONDS=1; exec env \(client.command) \(arguments)"], [:]
            )
            process.executableURL = URL(filePath: "/bin/sh")
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = try FileHandle(forWritingTo: file)
            process.standardError = process.standardOutput
            try process.run()
        }

        var output: String { (try? String(contentsOf: file, encoding: .utf8)) ?? "" }

        /// Waits until it has said all of that, in any order.
        func says(_ texts: String...) -> Bool {
            Patience.awaits { texts.allSatisfy { output.contains($0) } }
        }

        /// How often it has been let in.
        var connections: Int { output.split(separator: "\n").count { $0 == "connected" } }

        deinit {
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            process.waitUntilExit()
        }
    }

    /// Compiles the client in C, without a warning.
    private func compile(_ program: Program) throws {
        let result = try program.shell(
            "cc -O2 -Wall -Wextra -Werror -o lamp config/clients/lamp.c -lpaho-mqtt3cs -lcrypto")
        #expect(result.code == 0, "\(result.errors)")
    }

    /// A product with one code and six messages a day, and two devices.
    private func furnish(_ serving: Serving) throws {
        for command in [
            "account create --id acme --name Acme --kind enterprise",
            "package create --id tiny --name Tiny --validity-days 30 --messages-per-day 6",
            "product create --pk lamp --name Lamp --account acme",
            "codes buy acme --package tiny --quantity 1 --product lamp",
        ] {
            let result = try serving.run(command.split(separator: " ").map(String.init))
            #expect(result.code == 0, "\(command): \(result.errors)")
        }
        let devices = "dk,secret\nlamp-1,secret-of-the-1st\nlamp-2,secret-of-the-2nd\n"
        let result = try serving.run(["device", "import", "lamp", "-"], input: devices)
        #expect(result.code == 0, "\(result.errors)")
    }

    @Test(
        "it signs, reports, obeys, stops at its quota, comes back when it is kicked, and waits as each refusal asks",
        arguments: Client.allCases)
    func life(client: Client) throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving.asDocumented(program)
        try furnish(serving)
        if client == .c { try compile(program) }
        let server = "localhost \(serving.port(of: "devices")) data/tls/ca.pem lamp"
        let made = try program.shell("config/development-certificates.sh other")
        #expect(made.code == 0, "\(made.errors)")
        let lamp = try Running(program, client, "\(server) lamp-1 secret-of-the-1st")
        #expect(lamp.says("connected", "acknowledged 1"), "\(lamp.output)")
        let sent = try serving.run(["device", "send", "lamp", "lamp-1", "set", "on"])
        #expect(sent.output.contains("delivered"), "\(sent)")
        #expect(lamp.says("received down/set: on"), "\(lamp.output)")
        // The product has no other code.
        let poor = try Running(program, client, "\(server) lamp-2 secret-of-the-2nd")
        let wrong = try Running(program, client, "\(server) lamp-2 another-secret-it-is")
        // Nothing listens there; and a gateway whose authority is another one is not believed.
        let alone = try Running(program, client, "localhost 1 data/tls/ca.pem lamp lamp-2 x")
        let strange = try Running(
            program, client, "\(server.replacing("data/tls", with: "other")) lamp-2 x")

        #expect(lamp.says("quiet until "), "\(lamp.output)")
        #expect(try serving.run(["device", "kick", "lamp", "lamp-1"]).code == 0)
        let isBack = Patience.awaits { lamp.connections == 2 }
        #expect(isBack && lamp.output.contains(" s (soon)"), "\(lamp.output)")
        #expect(try serving.run(["device", "disable", "lamp", "lamp-1"]).code == 0)
        #expect(lamp.says(client.refusal(.deviceDisabled), " s (hour)"), "\(lamp.output)")

        #expect(poor.says(client.refusal(.noCodeLeft), " s (hour)"), "\(poor.output)")
        #expect(wrong.says(client.refusal(.badCredentials), " s (hour)"), "\(wrong.output)")
        #expect(alone.says("no connection: ", " s (soon)"), "\(alone.output)")
        #expect(strange.says("no connection: ", " s (soon)"), "\(strange.output)")
        #expect(serving.end() == 0)
    }

    /// A row of a table of Signing.md; `extra` is the timestamp or the random text, empty for none.
    private struct Vector {
        let product, device, secret, extra, password: String
    }

    /// The rows of the table below that heading.
    private func vectors(below heading: String) throws -> [Vector] {
        let page = Program.root.appending(
            path: "Sources/Gateway/Gateway.docc/DeviceMakers/Signing.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let start = try #require(text.firstRange(of: "\n## \(heading)\n")).upperBound
        let end = text[start...].firstRange(of: "\n## ")?.lowerBound ?? text.endIndex
        return text[start..<end].split(separator: "\n").filter { $0.hasPrefix("| `") }.map { row in
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: [" ", "`"]) }
            return Vector(
                product: cells[0], device: cells[1], secret: cells[2],
                extra: cells[3] == "none" ? "" : cells[3], password: cells[4])
        }
    }

    @Test("the vectors of the page are what the gateway takes, and what each client signs")
    func signatures() throws {
        let program = try Program()
        defer { program.remove() }
        try FileManager.default.createSymbolicLink(
            at: program.directory.appending(path: "config"),
            withDestinationURL: Program.root.appending(path: "config"))
        try compile(program)
        let vectors = try vectors(below: "A CONNECT")
        #expect(vectors.count >= 3 && vectors.contains { !$0.extra.isEmpty })
        for vector in vectors {
            let isTaken = isTaken(vector, Proof.isSignature)
            #expect(isTaken, "\(vector)")
            for client in Client.allCases {
                let signed = try program.shell(
                    "\(client.command) --sign \(vector.product) '\(vector.device)' "
                        + "\(vector.secret) \(vector.extra)")
                #expect(signed.output == lines(vector), "\(client): \(signed.errors)")
            }
        }
        let registrations = try self.vectors(below: "Registering")
        #expect(!registrations.isEmpty)
        for vector in registrations {
            let isTaken = isTaken(vector) {
                Proof.isRegistration($0, of: $1, random: $2, secret: $3)
            }
            #expect(isTaken, "\(vector)")
            let signed = try program.shell(
                "\(Client.python.command) --sign-registration \(vector.product) \(vector.device) "
                    + "\(vector.secret) \(vector.extra)")
            #expect(signed.output.contains("authType=register,random=\(vector.extra),"))
            #expect(signed.output.hasSuffix("\n\(vector.password)\n"), "\(signed)")
        }
    }

    /// What a client prints: client identifier, user name, password.
    private func lines(_ vector: Vector) -> String {
        let stamp = vector.extra.isEmpty ? "" : ",timestamp=\(vector.extra)"
        return "\(vector.product).\(vector.device)|securemode=2,signmethod=hmacsha256\(stamp)|\n"
            + "\(vector.device)&\(vector.product)\n\(vector.password)\n"
    }

    private func isTaken(
        _ vector: Vector,
        _ proof: (Span<UInt8>, DeviceIdentity, Span<UInt8>, Span<UInt8>) -> Bool
    ) -> Bool {
        let userName = Array("\(vector.device)&\(vector.product)".utf8)
        guard let identity = DeviceIdentity(userName: userName.span) else { return false }
        let (password, extra) = (Array(vector.password.utf8), Array(vector.extra.utf8))
        let secret = Array(vector.secret.utf8)
        return proof(password.span, identity, extra.span, secret.span)
    }

    @Test(
        "the client for ESP-IDF compiles against the declarations that it uses, and signs as the page says"
    )
    func espressif() throws {
        let program = try Program()
        defer { program.remove() }
        let places = Program.root.appending(path: "Tests/ProgramTests/Examples").path
        for header in [
            "esp_log.h", "esp_random.h", "freertos/FreeRTOS.h", "freertos/task.h", "mqtt_client.h",
        ] {
            let file = program.directory.appending(path: header)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data("#include \"esp_idf.h\"\n".utf8).write(to: file)
        }
        // What is not reached from this `main` is left out, and with it the functions of ESP-IDF.
        let main = """
            #include <stdio.h>
            struct lamp_identity { char client[256], user[128], password[65]; };
            int lamp_sign(struct lamp_identity *, const char *, const char *, const char *);
            int main(int count, char **arguments) {
                struct lamp_identity identity;
                if (count != 4 || lamp_sign(&identity, arguments[1], arguments[2], arguments[3])) return 1;
                return printf("%s\\n%s\\n%s\\n", identity.client, identity.user, identity.password) < 0;
            }
            """
        try Data(main.utf8).write(to: program.directory.appending(path: "main.c"))
        let compiled = try program.shell(
            "cc -Wall -Wextra -Werror -ffunction-sections -Wl,--gc-sections -I. -I\(places) -o lamp "
                + "main.c \(Program.root.path)/config/clients/lamp_esp32.c -lmbedcrypto")
        #expect(compiled.code == 0, "\(compiled.errors)")
        for vector in try vectors(below: "A CONNECT") where vector.extra.isEmpty {
            let signed = try program.shell(
                "./lamp \(vector.product) '\(vector.device)' \(vector.secret)")
            #expect(signed.output == lines(vector), "\(signed.errors)")
        }
    }
}
