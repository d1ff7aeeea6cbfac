import Foundation
import Gateway
import Ledger
import Processes
import Support
import Testing

/// Verbs for many devices, and for who is connected.
@Suite("Verbs for fleets", .waits)
struct FleetVerbTests {
    private func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }

    private static let device = TestDevice(
        identity: DeviceIdentity(product: ProductKey("lamp")!, device: DeviceKey("d1")!),
        secret: Secret("s1")!)

    @Test("devices are found by key, name, state and presence; products by name")
    func search() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try serving.furnish(devices: "d1,s1,Hall left\nd2,s2,hall right\nx3,s3,客厅\n")
        let client = try TestClient.connected(
            port: serving.port, as: .signed(Self.device, secureMode: 3))
        func found(_ filter: String) throws -> [String] {
            try serving.run(words("device list lamp -o csv \(filter)")).output
                .split(separator: "\n").dropFirst().map { String($0.prefix { $0 != "," }) }
        }
        #expect(try found("--like HALL") == ["d1", "d2"])
        #expect(try found("--like 客") == ["x3"])
        #expect(try found("--like d") == ["d1", "d2"])
        #expect(try found("--online") == ["d1"])
        #expect(try found("--no-online") == ["d2", "x3"])
        #expect(try found("--state active --online --like d1") == ["d1"])
        #expect(try found("--state inactive --like hall") == ["d2"])
        let products = try serving.run(words("product list -o csv --name LAM")).output
        #expect(products.split(separator: "\n").count == 2)
        let none = try serving.run(words("product list -o csv --name chair")).output
        #expect(none.split(separator: "\n").count == 1)
        _ = try serving.run(words("product note lamp use=home"))
        let noted = try serving.run(words("product list -o csv --metadata use=home")).output
        #expect(noted.split(separator: "\n").count == 2)
        let other = try serving.run(words("product list -o csv --metadata use=work")).output
        #expect(other.split(separator: "\n").count == 1)
        try client.disconnect()
        #expect(serving.end() == 0)
    }

    @Test("many devices at once: from a file, by a filter; what fails is listed with its reason")
    func bulk() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try serving.furnish(devices: (1...30).map { "d\($0),s\($0),\n" }.joined())
        func states(_ state: String) throws -> Int {
            try serving.run(words("device list lamp --state \(state) -o ndjson")).output
                .split(separator: "\n").count
        }
        let keys = "dk,secret\n" + (1...12).map { "d\($0),x\n" }.joined() + "stranger,x\n\n"
        try Data(keys.utf8).write(to: program.directory.appending(path: "keys.csv"))
        let unasked = try serving.run(words("device disable lamp --from keys.csv"))
        #expect(unasked.code == 2 && unasked.errors.contains("13 devices are disconnected"))
        let disabled = try serving.run(words("device disable lamp --from keys.csv --yes"))
        #expect(disabled.code == 1 && disabled.output == "12 devices disabled, 1 failed\n")
        #expect(
            disabled.errors.contains("tollgate: stranger: unknown-device: "), "\(disabled.errors)")
        #expect(try states("disabled") == 12)
        let enabled = try serving.run(words("device enable lamp --state disabled --like d1"))
        #expect(enabled.code == 0 && enabled.output == "4 devices enabled\n", "\(enabled)")
        #expect(try states("disabled") == 8)
        _ = try serving.run(words("product update lamp --auto-renewal true"))
        let off = try serving.run(words("device renewal lamp d1 d2 off -o json"))
        #expect(off.output == "{\"done\":2,\"failed\":[]}\n", "\(off)")
        #expect(try serving.run(words("device renewal lamp on --all")).output.hasPrefix("30 "))
        let piped = try serving.run(
            words("device delete lamp --from - --yes"), input: "d1\n# a note\n\"d2\"\n")
        #expect(piped.code == 0 && piped.output == "2 devices deleted\n", "\(piped)")
        let asked = try serving.terminal(
            words("device delete lamp --state disabled"),
            typing: [Typed(after: "[y/N] ", keys: "y\n")])
        #expect(asked.output.contains("7 devices are deleted: no code"), "\(asked.output)")
        #expect(asked.output.contains("7 devices deleted"), "\(asked.output)")
        #expect(
            try serving.run(words("device list lamp -o ndjson")).output
                .split(separator: "\n").count == 21)
        for wrong in ["device delete lamp", "device delete lamp d1 --all --yes"] {
            let result = try serving.run(words(wrong))
            #expect(result.code == 2 && result.errors.contains("say which devices"), "\(result)")
        }
        let word = try serving.run(words("device renewal lamp d3 maybe"))
        #expect(word.code == 2 && word.errors.contains("must be on or off"))
        #expect(serving.end() == 0)
    }

    @Test("connections lists devices and applications, sorted and filtered; kick ends them")
    func connections() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program, ["--set", "shards=2"])
        try serving.furnish(devices: (1...5).map { "d\($0),s\($0),\n" }.joined())
        let key = try serving.run(words("key create --name K --account acme --json")).output
        let document = try JSONSerialization.jsonObject(with: Data(key.utf8)) as? [String: Any]
        let user = try #require(document?["userName"] as? String)
        let secret = try #require(document?["secret"] as? String)
        let clients = try (1...5).map { number in
            try TestClient.connected(
                port: serving.port,
                as: .signed(
                    TestDevice(
                        identity: DeviceIdentity(
                            product: ProductKey("lamp")!, device: DeviceKey("d\(number)")!),
                        secret: Secret("s\(number)")!), secureMode: 3))
        }
        let list = try serving.run(words("connections --sort client -o csv")).output
            .split(separator: "\n")
        #expect(list.count == 6 && list[1].hasPrefix("lamp.d1,,127.0.0.1:"), "\(list)")
        let last = try serving.run(words("connections --sort client --reverse --limit 1 -o csv"))
        #expect(last.output.contains("lamp.d5,") && !last.output.contains("lamp.d4,"))
        let all = try serving.run(words("connections -o ndjson")).output.split(separator: "\n")
        #expect(all.count == 5)
        #expect(
            try serving.run(words("connections --like D3 -o ndjson")).output
                .split(separator: "\n").count == 1)
        #expect(try serving.run(words("connections --product chair -o json")).output == "[]\n")
        let application = try TestClient.connected(
            port: serving.port,
            as: TestCredentials(clientID: "后台", userName: user, password: secret))
        let known = try serving.run(words("connections --like 后 -o json")).output
        #expect(known.contains("\"clientId\":\"后台\"") && known.contains("\"key\":\"key"))
        let table = try serving.terminal(words("connections --sort connected")).output
        #expect(table.hasPrefix("CLIENT ") && table.contains("lamp.d5"), "\(table)")
        // Who an application is, comes before when.
        let id = try #require(document?["id"] as? String)
        #expect(table.contains(" KEY ") && table.contains(" \(id) "), "\(table)")
        let kicked = try serving.run(words("device kick lamp --online --yes"))
        #expect(kicked.code == 0 && kicked.output == "5 devices disconnected\n", "\(kicked)")
        let areGone = try Patience.awaits {
            try serving.run(words("connections --product lamp -o json")).output == "[]\n"
        }
        #expect(areGone)
        withExtendedLifetime((application, clients)) {}
        #expect(serving.end() == 0)
    }

    @Test(
        "top shows clients and products at 80x24, and ends with q or Ctrl-C; without a terminal once"
    )
    func top() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try serving.furnish(name: "智能台灯第二代（带无线充电与语音助手功能的豪华版本）")
        for keys in ["q", "\u{3}"] {
            let live = try serving.terminal(
                ["top", "--interval", "0.2"],
                typing: [Typed(after: "q: end", keys: "x"), Typed(after: "q: end", keys: keys)])
            #expect(live.code == 0, "\(live)")
            // The other screen, and back; the cursor shown again.
            #expect(
                live.output.hasPrefix("\u{1B}[?1049h") && live.output.hasSuffix("\u{1B}[?1049l"))
            #expect(live.output.contains("clients 0") && live.output.contains("lamp"))
            let frames = live.output.components(separatedBy: "\u{1B}[H").dropFirst()
            #expect(frames.count >= 2)
            for frame in frames.dropLast() { #expect(frame.split(separator: "\n").count <= 24) }
        }
        let once = try serving.run(["top"])
        #expect(once.code == 0 && once.output.contains("messages in 0/s"), "\(once)")
        #expect(!once.output.contains("\u{1B}"))
        #expect(serving.end() == 0)
    }

    @Test("verbs find a gateway by its data directory, or by the configuration that names it")
    func address() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program, ["--set", "data=books"])
        let written = try String(
            contentsOf: program.directory.appending(path: "books/admin.url"), encoding: .utf8)
        #expect(written == "\(serving.api)\n")
        for place in [["--data", "books"], ["--data", "\(program.directory.path)/books"]] {
            let result = try program.run(["account", "list"] + place)
            #expect(result.code == 0, "\(result.errors)")
        }
        let file = program.directory.appending(path: "other.yaml")
        try Data("data: books\n".utf8).write(to: file)
        #expect(try program.run(["account", "list", "--config", "other.yaml"]).code == 0)
        let nowhere = try program.run(["account", "list", "--data", "none"])
        #expect(nowhere.code == 2 && nowhere.errors.contains("none/admin.token: can't be read"))
        let wrong = try program.run(
            ["account", "list", "--data", "books"], environment: ["TOLLGATE_TOKEN": "wrong"])
        #expect(wrong.code == 1 && wrong.errors.contains("--data DIR"), "\(wrong.errors)")
        let url = serving.api.dropFirst("http://".count)
        #expect(serving.end() == 0)
        let gone = try program.run(["account", "list", "--data", "books"])
        #expect(gone.errors == "tollgate: no gateway answers at \(url): is it running?\n")
        let unknown = try program.run(
            ["account", "list", "--data", "books", "--api", "https://no-such-host.invalid:1"])
        #expect(unknown.errors.contains("there is no host called no-such-host.invalid"))
    }

    @Test("rename gives a product and an account another name")
    func rename() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try serving.furnish()
        #expect(try serving.run(["product", "rename", "lamp", "台灯"]).output.contains("台灯"))
        #expect(
            try serving.run(["account", "rename", "acme", "Acme AG"]).output.contains("Acme AG"))
        #expect(serving.end() == 0)
    }
}
