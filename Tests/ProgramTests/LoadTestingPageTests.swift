import Foundation
import Processes
import Support
import Testing

/// LoadTesting.md as a reader goes through it, from top to bottom, with a gateway beside: only hosts, ports, places, sizes
/// and times are others than the page's.
@Suite("The page about load tests", .waits)
struct LoadTestingPageTests {
    /// A gateway, and what its parts are called on the page.
    private struct Reading {
        let serving: Serving
        let blocks: [DocumentPage.Block]

        var secure: [String: String] { ["mqtts://gw.example.org": serving.url(of: "devices")] }

        var api: [String: String] {
            [
                "http://127.0.0.1:8080": serving.api,
                "/var/lib/tollgate/admin.token": "data/admin.token",
            ]
        }

        func text(_ number: Int, _ replacements: [String: String]...) -> String {
            blocks[number].text(with: replacements.reduce(into: [:]) { $0.merge($1) { $1 } })
        }

        /// Runs what has to succeed without one failure.
        @discardableResult
        func run(_ script: String) throws -> String {
            let output = LoadTestingPageTests.words(try serving.succeeds(script).output)
            #expect(output.contains("Nothing failed."), "\(script)\n\(output)")
            return output
        }

        /// Runs what can't be done: the exit code is 2, nothing is told, and the reason has that text.
        func isRefused(_ script: String, _ text: String, code: Int32 = 2) throws {
            let result = try serving.shell(script)
            #expect(result.code == code && result.output.isEmpty, "\(script)\n\(result)")
            #expect(result.errors.contains(text), "\(script)\n\(result.errors)")
        }
    }

    @Test("each block of the page does what the page says, against one gateway")
    func page() throws {
        let program = try Program()
        defer { program.remove() }
        let page = try DocumentPage.named("LoadTesting.md")
        try #require(page.blocks.count == 6)
        let reading = Reading(serving: try Serving.asDocumented(program), blocks: page.blocks)
        try help(reading)
        try prepare(reading)
        try certificates(reading)
        try scenarios(reading, page)
        try together(reading)
        try apart(reading)
        try report(reading)
        #expect(reading.serving.end() == 0)
    }

    /// `make load` takes minutes, so it only says what it would do.
    private func help(_ reading: Reading) throws {
        let make = "make -nC '\(Program.root.path)' load"
        let result = try reading.serving.succeeds(reading.text(0, ["make load": make]))
        #expect(result.output.contains("build -c release --product tollgate-load\n"))
        #expect(result.output.contains("USAGE: tollgate-load publish "), "\(result.output)")
    }

    private func prepare(_ reading: Reading) throws {
        let script = reading.text(1, reading.secure, reading.api, ["10000": "100"])
        #expect(try reading.run(script).contains("activations 100 in "))
        let made = try reading.serving.succeeds(
            "stat -c %a fleet.csv; wc -l <fleet.csv; head -1 fleet.csv; cut -d, -f1 fleet.csv | uniq"
        )
        #expect(made.output == "600\n101\npk,dk,secret\npk\nloadtest\n")
        let show = "tollgate product show loadtest"
        let product = try reading.serving.succeeds(show).output
        #expect(Self.words(product).contains("codes.consumed 100"), "\(product)")
        // The file must not be there yet: nothing is made, and no code is bought.
        try reading.isRefused(script, "fleet.csv is there already", code: 1)
        #expect(try reading.serving.succeeds(show).output == product)
    }

    private func certificates(_ reading: Reading) throws {
        let script = reading.text(
            2, reading.secure, reading.api,
            [
                "1000": "4", "--count 20000 --concurrency 64": "--count 12 --concurrency 4",
                "ca.pem": "data/tls/ca.pem", "ca-key.pem": "data/tls/ca-key.pem",
            ])
        let output = try reading.run(script)
        #expect(output.contains("activations 4 in ") && output.contains("connections 12 in "))
        // What is missing is said before anything connects.
        let connect = try #require(script.firstRange(of: "tollgate-load connect"))
        let lost = try reading.serving.succeeds(
            "cd certs; set -- *.pem; mv $1 ../lost.pem; echo certs/$1")
        let name = lost.output.trimmingCharacters(in: .newlines)
        try reading.isRefused(String(script[connect.lowerBound...]), "\(name) can't be read")
    }

    private func scenarios(_ reading: Reading, _ page: DocumentPage) throws {
        let lines = reading.text(
            3, reading.secure,
            [
                "mqtt://127.0.0.1:1883": reading.serving.url(of: "local"),
                "wss://gw.example.org/mqtt": reading.serving.url(of: "browsers"),
                "--count 20000": "--count 100", "--rate 500\n": "--rate 100\n",
                "--count 10000": "--count 50", "--count 1000 ": "--count 40 ",
                "--rate 5000": "--rate 200", "--rate 2000": "--rate 100",
                "--ramp 10 --seconds 60": "--ramp 0.5 --seconds 1", "--seconds 60": "--seconds 0.5",
                "--seconds 10": "--seconds 0.5",
                "--server-pid 1234":
                    "--server-pid \(reading.serving.processIdentifier)",
            ]
        ).split(separator: "\n").map(String.init)
        try #require(lines.count == 7)
        // The table has all of them; activate prepares a fleet.
        let scenarios = page.text.matches(of: /\n\| `([a-z]+)` \|/).map { String($0.1) }
        let shown = Set(lines.map { $0.split(separator: " ")[1] }.map(String.init))
        #expect(Set(scenarios) == shown.union(["activate"]))
        for (line, told) in zip(
            lines.dropLast(),
            [
                ["paced: 100 a second", "connections 100 in "], ["flat out", "TLS resumed "],
                ["opened 50 in ", "server memory ", "for each connection "],
                ["reached after 0.500 s", "messages acknowledged "],
                ["window 16", "messages acknowledged "],
                ["clients back 50 in ", "TLS resumed ", "turned away "],
            ])
        {
            let output = try reading.run(line)
            for text in told { #expect(output.contains(text), "\(line)\n\(output)") }
        }
        try isPage(reading, "report.html", "publish against")
        // The last one goes on for an hour: Control-C ends it.
        let soak = try reading.serving.shell(
            "timeout --preserve-status -s INT 4 \(try #require(lines.last))")
        #expect(soak.code == 1, "\(soak.errors)")
        let told = try JSONSerialization.jsonObject(with: Data(soak.output.utf8)) as? [String: Any]
        #expect(told?["scenario"] as? String == "soak" && told?["interrupted"] as? Bool == true)
        #expect(told?["failed"] as? Int == 0, "\(soak.output)")
    }

    /// A page of a report needs no other file.
    private func isPage(_ reading: Reading, _ name: String, _ title: String) throws {
        let file = reading.serving.program.directory.appending(path: name)
        let html = try String(contentsOf: file, encoding: .utf8)
        #expect(html.contains("<svg") && html.contains(title), "\(name)")
        #expect(!html.contains("src=") && !html.contains("href="), "\(name)")
        try FileManager.default.removeItem(at: file)
    }

    /// What two machines run, and `join`: the start, the two runs, and what they are told as.
    private func lines(_ reading: Reading, startingIn time: String) throws -> [String] {
        let text = reading.text(
            4, reading.secure,
            [
                "1 minute": time, "--first 5000": "--first 50", "--count 5000": "--count 50",
                "--rate 5000": "--rate 200", "--seconds 60": "--seconds 2",
            ])
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init)
        try #require(lines.count == 4)
        return lines
    }

    private func together(_ reading: Reading) throws {
        let lines = try lines(reading, startingIn: "10 seconds")
        let output = try reading.run(
            """
            \(lines[0])
            \(lines[1]) & first=$!
            \(lines[2])
            wait $first
            \(lines[3])
            """)
        for text in [
            "100 clients, ", ", of 2 runs", "paced: 400 a second", "all at one time for ",
            "messages acknowledged 800 in ",
        ] {
            #expect(output.contains(text), "\(output)")
        }
        try isPage(reading, "report.html", "of 2 runs")
    }

    /// Runs that can't be told as one, or should not be.
    private func apart(_ reading: Reading) throws {
        let lines = try lines(reading, startingIn: "0 seconds").map {
            $0.replacing(" --start-at $start", with: "")
        }
        let late = lines[2].replacing("two.json", with: "late.json")
        let output = try reading.run(
            """
            \(late)
            tollgate-load join one.json late.json
            """)
        #expect(output.contains("NOT TOGETHER: all at one time for "), "\(output)")
        let three = try reading.run(
            "tollgate-load join one.json two.json --json >both.json; tollgate-load join both.json late.json"
        )
        #expect(three.contains(", of 3 runs"), "\(three)")
        let other = lines[1].replacing("one.json", with: "other.json")
            .replacing("--count 50", with: "--count 50 --qos 0")
        try reading.serving.succeeds(other)
        for (files, text) in [
            ("one.json one.json", "one.json has a run that is in one.json already"),
            ("one.json other.json", "one.json and other.json are not of one load: QoS 1 and 0"),
        ] {
            try reading.isRefused("tollgate-load join \(files)", text)
        }
    }

    /// What is measured is another day's, but what is told is the same.
    private func report(_ reading: Reading) throws {
        let url = reading.serving.url(of: "local")
        let told = try reading.serving.succeeds(
            """
            tollgate-load publish --url \(url) --fleet fleet.csv --count 20 --rate 1000 --seconds 1 \
                --server-pid \(reading.serving.processIdentifier)
            """)
        let shown = reading.blocks[5].lines.joined(separator: "\n")
        #expect(Self.form(told.output) == Self.form(shown), "\(told.output)")
    }

    /// A report's lines with `#` for each number, and one unit for each quantity.
    private static func form(_ report: String) -> [String] {
        report.split(separator: "\n").map { line in
            words(String(line.replacing(/[0-9][0-9,.]*/, with: "#")).replacing("KiB", with: "MiB"))
        }
    }

    /// Columns are as wide as their widest cell: one blank between words is as good.
    private static func words(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}
