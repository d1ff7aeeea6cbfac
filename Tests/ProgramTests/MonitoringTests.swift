import Foundation
import Processes
import Support
import Testing

/// What watches the gateway: alerts, the dashboard, and the listener for both, with Prometheus itself.
@Suite("Monitoring", .waits)
struct MonitoringTests {
    private static let promtool = Program.root
        .appending(path: ".build-venv/prometheus/usr/bin/promtool")

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: Program.root.appending(path: path), encoding: .utf8)
    }

    @Test("promtool finds no fault in the alerts, and each fires in its case and in no other")
    func alerts() throws {
        let program = try Program()
        defer { program.remove() }
        let rules = Program.root.appending(path: "config/prometheus/alerts")
        for arguments in [
            ["check", "rules", rules.path + ".yml"], ["test", "rules", rules.path + ".test.yml"],
        ] {
            let result = try program.run(arguments, executable: Self.promtool)
            #expect(result.code == 0, "\(result.output)\(result.errors)")
        }
        let alerts = try Self.text("config/prometheus/alerts.yml").split(separator: "\n")
        let names = alerts.compactMap { line -> String? in
            line.firstRange(of: "- alert: ").map { String(line[$0.upperBound...]) }
        }
        #expect(names.count > 15)
        let cases = try Self.text("config/prometheus/alerts.test.yml")
        for name in names {
            #expect(cases.contains("  - name: \(name) fires\n"), "\(name)")
            #expect(cases.contains("  - name: \(name) does not\n"), "\(name)")
        }
        for field in ["labels: {severity: ", "summary: \"", "description: \""] {
            #expect(alerts.count { $0.contains(field) } == names.count, "\(field)")
        }
    }

    @Test(
        """
        each alert fires of a gateway that comes into its trouble, by a real Prometheus, says where in full, and is resolved \
        afterwards; of gateways that are well none does
        """)
    func live() throws {
        let program = try Program()
        defer { program.remove() }
        let executable = try #require(program.process([], [:]).executableURL)
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "monitoring_alerts.py").path
        let result = try program.python([script, Program.root.path, executable.path])
        print(result.output)
        #expect(result.output.hasSuffix("\nall is well\n"), "\(result.output)\(result.errors)")
    }

    private struct Dashboard: Decodable {
        struct Panel: Decodable {
            struct Place: Decodable { let x: Int, y: Int, w: Int, h: Int }
            struct Target: Decodable { let refId: String, expr: String }

            let id: Int
            let type: String
            let title: String
            let gridPos: Place
            let targets: [Target]?
        }

        let uid: String
        let title: String
        let schemaVersion: Int
        let panels: [Panel]
    }

    @Test(
        "the dashboard is in Grafana's form: panels with numbers of their own, side by side, on 24 columns"
    )
    func dashboard() throws {
        let text = try Self.text("config/grafana/tollgate.json")
        let dashboard = try JSONDecoder().decode(Dashboard.self, from: Data(text.utf8))
        #expect(dashboard.uid == "tollgate" && dashboard.schemaVersion == 39)
        #expect(Set(dashboard.panels.map(\.id)).count == dashboard.panels.count)
        #expect(Set(dashboard.panels.map(\.title)).count == dashboard.panels.count)
        var taken: [[Int]: String] = [:]
        for panel in dashboard.panels {
            let place = panel.gridPos
            #expect(place.x >= 0 && place.x + place.w <= 24 && place.h > 0, "\(panel.title)")
            for x in place.x..<place.x + place.w {
                for y in place.y..<place.y + place.h {
                    let other = taken.updateValue(panel.title, forKey: [x, y])
                    #expect(other == nil, "\(panel.title) lies on \(other ?? "")")
                }
            }
            let isKnown = ["row", "timeseries", "stat", "table"].contains(panel.type)
            #expect(isKnown && panel.type == "row" || panel.targets?.isEmpty == false)
        }
    }

    @Test(
        """
        what watches has a listener of its own, and each panel of the dashboard shows figures of a gateway that refuses, is out \
        of codes, and has devices near their expiry
        """)
    func panels() throws {
        let program = try Program()
        defer { program.remove() }
        let made = try program.shell(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 20 -subj /CN=x "
                + "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem")
        try #require(made.code == 0, "\(made.errors)")
        let yaml = """
            shards: 2
            admin: {port: 0}
            monitoring: {address: 127.0.0.1, port: 0}
            tls: {certificate: cert.pem, key: key.pem}
            limits: {duplicatesPerMinute: 100}
            activation: {secretLengthMinimum: 1, freeCodes: {policy: none}}
            storage: {ledgerMapBytes: 67108864, usageMapBytes: 67108864}
            listeners:
              - {name: local, port: 0, tls: true}
            """
        try Data(yaml.utf8).write(to: program.directory.appending(path: "watched.yaml"))
        let serving = try Serving(program, ["--config", "watched.yaml"])
        for line in [
            "account create --id acme --name Acme",
            "package create --id basic --name Basic --validity-days 10 --messages-per-day 100000",
            "product create --pk lamp --name Lamp --account acme",
            "codes buy acme --package basic --quantity 1 --product lamp",
        ] {
            let result = try serving.run(line.split(separator: " ").map(String.init))
            try #require(result.code == 0, "\(line): \(result.errors)")
        }
        let rows = "dk,secret\nd1,secret-1\nd2,secret-1\n"
        let imported = try serving.run(["device", "import", "lamp", "-"], input: rows)
        try #require(imported.code == 0, "\(imported.errors)")
        let created = try serving.run(["key", "create", "--name", "Back end", "--json"])
        struct NewKey: Decodable { let userName: String, secret: String }
        let key = try JSONDecoder().decode(NewKey.self, from: Data(created.output.utf8))
        let watched = try #require(serving.errors.firstRange(of: "health and metrics on http://"))
        let metrics = String(serving.errors[watched.upperBound...].prefix { !$0.isWhitespace })
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "monitoring_scenarios.py").path
        let result = try program.python([
            script, Program.root.path, metrics, "\(serving.port)", "cert.pem",
            key.userName, key.secret,
        ])
        #expect(result.output == "all is well\n", "\(result.output)\(result.errors)")
        #expect(serving.end() == 0)
    }
}
