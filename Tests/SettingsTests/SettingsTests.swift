import Foundation
import Gateway
import Ledger
import Testing

@testable import Settings

@Suite("Settings")
struct SettingsTests {
    func load(
        _ yaml: String?,
        environment: [String: String] = [:],
        arguments: [String] = []
    ) throws(SettingsError) -> GatewayConfiguration {
        try SettingsLoader.load(
            yaml: yaml,
            named: "t.yaml",
            environment: environment,
            arguments: arguments
        ).configuration
    }

    func complaint(
        _ yaml: String?,
        environment: [String: String] = [:],
        arguments: [String] = []
    ) -> String {
        do throws(SettingsError) {
            _ = try load(yaml, environment: environment, arguments: arguments)
            return "none"
        } catch {
            return "\(error)"
        }
    }

    @Test("the defaults can be used as they are, and so can an empty file")
    func defaults() throws {
        #expect(try load(nil) == GatewayConfiguration())
        #expect(try load("") == GatewayConfiguration())
        #expect(try load("# nothing\n") == GatewayConfiguration())
    }

    @Test("config/tollgate.yaml names every key, with its default")
    func shippedFile() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appending(path: "config/tollgate.yaml")
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(try load(text) == GatewayConfiguration())
        for setting in Setting<GatewayConfiguration>.all {
            let name = setting.key.split(separator: ".").last ?? ""
            #expect(text.contains("\(name):"), "\(setting.key) is not in the file")
        }
        for setting in Setting<GatewayConfiguration.Listener>.all {
            #expect(text.contains("\(setting.key):"), "listeners[].\(setting.key)")
        }
    }

    @Test("of each key it is known what it is set to, and where: set so again, all is the same")
    func origins() throws {
        let yaml = """
            limits:
              packetSizeBytes: 65536
              exemptNetworks: [10.0.0.0/8, 127.0.0.0/8]
            listeners:
              - {name: own, port: 1883, tls: false}
            """
        let loaded = try SettingsLoader.load(
            yaml: yaml, named: "t.yaml", environment: ["TOLLGATE_SHARDS": "2"],
            arguments: ["listeners.own.port=1884"])
        let applied = Dictionary(uniqueKeysWithValues: loaded.applied.map { ($0.key, $0) })
        #expect(applied["limits.packetSizeBytes"]?.origin == "t.yaml:2")
        #expect(applied["limits.exemptNetworks"]?.value == "10.0.0.0/8 127.0.0.0/8")
        #expect(applied["shards"]?.value == "2" && applied["shards"]?.origin == "TOLLGATE_SHARDS")
        let port = applied["listeners.own.port"]
        #expect(port?.value == "1884" && port?.origin == "--set listeners.own.port=1884")
        #expect(applied["listeners.own.tls"]?.origin == "t.yaml:5")
        let data = try #require(applied["data"])
        #expect(data.origin == nil && data.value == GatewayConfiguration().data)
        let arguments = loaded.applied.compactMap { setting in
            setting.value.flatMap { $0.isEmpty ? nil : "\(setting.key)=\($0)" }
        }
        #expect(arguments.count > 100)
        let again = try SettingsLoader.load(
            yaml: "listeners:\n  - {name: own, port: 1}\n", named: "t.yaml", arguments: arguments)
        #expect(again.configuration == loaded.configuration)
        #expect(again.applied.map(\.value) == loaded.applied.map(\.value))
    }

    @Test("a file overrides the defaults, the environment the file, the command line all")
    func precedence() throws {
        let yaml = "admin: {port: 1}\nshards: 1\ndata: /a\n"
        let environment = ["TOLLGATE_ADMIN_PORT": "2", "TOLLGATE_DATA": "/b", "PATH": "/bin"]
        let configuration = try load(yaml, environment: environment, arguments: ["admin.port=3"])
        #expect(configuration.admin.port == 3)
        #expect(configuration.data == "/b")
        #expect(configuration.shards == 1)
    }

    @Test("every key can be overridden by its environment variable and by --set")
    func everyKey() throws {
        #expect(
            try load(nil, environment: ["TOLLGATE_LIMITS_PACKET_SIZE_BYTES": "20000"])
                .limits.packetSizeBytes == 20_000
        )
        #expect(
            try load(nil, environment: ["TOLLGATE_TLS_CLIENT_CA": "ca.pem"]).tls.clientCA
                == "ca.pem"
        )
        #expect(
            try load(nil, environment: ["TOLLGATE_LISTENERS_LOCAL_PORT": "0"]).listeners[1].port
                == 0
        )
        #expect(try load(nil, arguments: ["listeners.devices.tls=false"]).listeners[0].tls == false)
        let names = Setting<GatewayConfiguration>.all.map(\.environmentName)
        #expect(Set(names).count == names.count)
    }

    @Test("A7: both presets of free codes, or none, can be configured, with their package")
    func freeCodes() throws {
        let byDefault = try #require(try load(nil).activation.freeCodes.terms)
        #expect(byDefault.policy == .perAccount && byDefault.package.text == "free")
        #expect(byDefault.allowance.validityDays == 365)
        #expect(byDefault.allowance.messagesPerDay == 1_500)
        let yaml =
            "activation: {freeCodes: {policy: product-100-20, package: trial, validityDays: 9}}"
        let terms = try #require(try load(yaml).activation.freeCodes.terms)
        #expect(terms.policy == .perProduct && terms.package.text == "trial")
        #expect(terms.allowance.validityDays == 9)
        let environment = ["TOLLGATE_ACTIVATION_FREE_CODES_POLICY": "none"]
        #expect(try load(nil, environment: environment).activation.freeCodes.terms == nil)
        #expect(try load("dataCentre: eu-west-1").home.text == "eu-west-1")
    }

    @Test("a list of listeners replaces the defaults, and what a listener leaves out has a default")
    func listeners() throws {
        let configuration = try load(
            "listeners:\n  - {name: a, port: 9000, authentication: none}\n")
        let expected = GatewayConfiguration.Listener(name: "a", port: 9_000, authentication: .none)
        #expect(configuration.listeners == [expected])
    }

    @Test("a listener for WebSockets: origins are a list, or words in the environment")
    func webSocket() throws {
        let yaml = """
            listeners:
              - name: browsers
                port: 8084
                protocol: websocket
                path: /live/mqtt
                origins: [https://app.example, "http://localhost:3000"]
            """
        let expected = GatewayConfiguration.Listener(
            name: "browsers",
            port: 8_084,
            protocol: .websocket,
            path: "/live/mqtt",
            origins: ["https://app.example", "http://localhost:3000"]
        )
        #expect(try load(yaml).listeners == [expected])
        let environment = ["TOLLGATE_LISTENERS_BROWSERS_ORIGINS": "https://a.example null"]
        #expect(
            try load(yaml, environment: environment).listeners[0].origins
                == ["https://a.example", "null"])
        #expect(
            try load(yaml, arguments: ["listeners.browsers.origins=*"]).listeners[0].origins
                == ["*"])
        let byDefault = try load("listeners: [{name: a, port: 1, protocol: websocket}]")
        #expect(byDefault.listeners[0].path == "/mqtt")
        #expect(byDefault.listeners[0].origins.isEmpty)
    }

    @Test("a list in the file keeps its elements whole; one text is split at its spaces")
    func lists() throws {
        let yaml = """
            backup: {directories: ["/srv/my backups", /srv/others]}
            listeners:
              - {name: open, port: 1, authentication: none, allowedTopics: [my room/#, b], deniedTopics: c d}
            """
        let configuration = try load(yaml)
        #expect(configuration.backup.directories == ["/srv/my backups", "/srv/others"])
        #expect(configuration.listeners[0].allowedTopics == ["my room/#", "b"])
        #expect(configuration.listeners[0].deniedTopics == ["c", "d"])
        let environment = ["TOLLGATE_BACKUP_DIRECTORIES": "/a /b"]
        #expect(try load(yaml, environment: environment).backup.directories == ["/a", "/b"])
    }

    @Test(
        "what is wrong in the file is one line with the file, the line, the key and the reason",
        arguments: [
            ("a: b: c", "t.yaml:1: is not YAML: mapping values are not allowed in this context"),
            (
                "shards: 1\nlimits:\n  packetSizeBytes: 5\n",
                "t.yaml:3: limits.packetSizeBytes: must be from 128 to 268435460, and is 5"
            ),
            (
                "limits:\n  packetSize: 5\n",
                "t.yaml:2: limits.packetSize: there is no such key; did you mean limits.packetSizeBytes?"
            ),
            ("colour: blue\n", "t.yaml:1: colour: there is no such key"),
            (
                "\nadmin: {port: http}\n",
                "t.yaml:2: admin.port: must be a whole number, and is 'http'"
            ),
            ("admin:\n  port:\n", "t.yaml:2: admin.port: has no value"),
            ("admin: 8080\n", "t.yaml:1: admin: must be a mapping of keys to values"),
            ("admin:\n  port: [1]\n", "t.yaml:2: admin.port: must be a single value"),
            ("- shards\n", "t.yaml:1: must be a mapping of keys to values"),
            (
                "log: {level: loud}\n",
                "t.yaml:1: log.level: must be one of trace, debug, info, notice, warning, error, "
                    + "critical, and is 'loud'"
            ),
            (
                "admin: {address: localhost}\n",
                "t.yaml:1: admin.address: must be an IPv4 or IPv6 address, and is 'localhost'"
            ),
            (
                "dataCentre: eu west\n",
                "t.yaml:1: dataCentre: must be 1 to 32 of A-Z a-z 0-9 _ . -, and is 'eu west'"
            ),
            (
                "activation:\n  freeCodes: {policy: plenty}\n",
                "t.yaml:2: activation.freeCodes.policy: must be one of account-10-5, product-100-20, "
                    + "none, and is 'plenty'"
            ),
            (
                "activation:\n  freeCodes:\n    validityDays: 0\n",
                "t.yaml:3: activation.freeCodes.validityDays: must be from 1 to 36500, and is 0"
            ),
            ("listeners: []\n", "t.yaml:1: listeners: needs at least one listener"),
            ("listeners: {}\n", "t.yaml:1: listeners: must be a list of listeners"),
            (
                "listeners:\n  - {name: a, port: 1}\n  - name: b\n    port: 2\n    tls: yes\n",
                "t.yaml:5: listeners[1].tls: must be true or false, and is 'yes'"
            ),
            (
                "listeners:\n  - {name: a, port: 1, protocol: ws}\n",
                "t.yaml:2: listeners[0].protocol: must be one of mqtt, websocket, and is 'ws'"
            ),
            (
                "listeners:\n  - {name: a, port: 1, origins: ['*']}\n",
                "t.yaml:2: listeners[0].origins: is for protocol websocket only"
            ),
            (
                "listeners:\n  - {name: a, port: 1, protocol: websocket, path: mqtt}\n",
                "t.yaml:2: listeners[0].path: must begin with '/', without blanks, '?' and '#', and "
                    + "is 'mqtt'"
            ),
            (
                "listeners:\n  - {name: a, port: 1, protocol: websocket, origins: a.example}\n",
                "t.yaml:2: listeners[0].origins: must be like https://app.example or "
                    + "http://localhost:3000, without a path, or '*' or 'null', and one is 'a.example'"
            ),
            (
                "listeners:\n  - {name: a, port: 1, protocol: websocket, origins: [[a]]}\n",
                "t.yaml:2: listeners[0].origins: must be a single value"
            ),
            (
                "listeners:\n  - {name: a, port: 1, proxyProtocol: true, trustedProxies: []}\n",
                "t.yaml:2: listeners[0].trustedProxies: needs the networks of the proxies"
            ),
            (
                "listeners:\n  - {name: a, port: 1, proxyProtocol: true, trustedProxies: [10.0.0.0/33]}\n",
                "t.yaml:2: listeners[0].trustedProxies: must be networks like 10.0.0.0/8 or "
                    + "2001:db8::/32, and one is '10.0.0.0/33'"
            ),
            (
                "limits:\n  exemptNetworks: [10.0.0.0/8, lan]\n",
                "t.yaml:2: limits.exemptNetworks: must be networks like 10.0.0.0/8 or "
                    + "2001:db8::/32, and one is 'lan'"
            ),
            (
                "listeners:\n  - {name: a, port: 1, trustedProxies: [10.0.0.0/8]}\n",
                "t.yaml:2: listeners[0].trustedProxies: is for proxyProtocol true only"
            ),
            ("tls:\n  psk: true\n", "t.yaml:2: tls.psk: is for tls.preset legacy only"),
            (
                "listeners:\n  - {name: a, port: 1, tls: false, shareWithAPI: true}\n",
                "t.yaml:2: listeners[0].shareWithAPI: is for tls true and protocol mqtt only"
            ),
            (
                "listeners:\n  - {name: a, port: 1, protocol: websocket, shareWithAPI: true}\n",
                "t.yaml:2: listeners[0].shareWithAPI: is for tls true and protocol mqtt only"
            ),
            (
                "listeners:\n  - {name: a, port: 1, path: /live}\n",
                "t.yaml:2: listeners[0].path: is for protocol websocket only"
            ),
            (
                "listeners:\n  - {name: a, port: 1, deniedTopics: [no/#]}\n",
                "t.yaml:2: listeners[0].deniedTopics: is for authentication none only"
            ),
            (
                "listeners:\n  - {name: a, port: 1, authentication: none, deniedTopics: [a, b/#/c]}\n",
                "t.yaml:2: listeners[0].deniedTopics[1]: 'b/#/c' is not a topic filter"
            ),
            (
                "storage:\n  ledgerMapMaximumBytes: 1048576\n",
                "t.yaml:2: storage.ledgerMapMaximumBytes: must be from 68719476736 to "
                    + "17592186044416, and is 1048576"
            ),
            (
                "limits: {handshakesInFlight: 10, unadmittedPerAddress: 11}\n",
                "t.yaml:1: limits.unadmittedPerAddress: must be from 1 to 10, and is 11"
            ),
            (
                "backup: {directories: [a, '']}\n",
                "t.yaml:1: backup.directories[1]: must not be empty"
            ),
            ("listeners:\n  - {name: a}\n", "t.yaml:2: listeners[0].port: is missing"),
            (
                "listeners:\n  - {name: a, port: 1}\n  - {name: a, port: 2}\n",
                "t.yaml:3: listeners[1].name: 'a' is the name of listeners[0] already"
            ),
            (
                "listeners:\n  - {name: a, port: 1}\n  - {name: b, port: 1}\n",
                "t.yaml:3: listeners[1].port: listeners[0] is on 127.0.0.1:1 already"
            ),
            (
                "listeners:\n  - {name: a, address: 0.0.0.0, port: 1}\n  - {name: b, port: 1}\n",
                "t.yaml:3: listeners[1].port: listeners[0] is on 0.0.0.0:1 already"
            ),
            (
                "listeners:\n  - {name: a, port: 1}\n  - {name: b, address: '::', port: 1}\n",
                "t.yaml:3: listeners[1].port: listeners[0] is on 127.0.0.1:1 already"
            ),
            (
                "listeners:\n  - {name: a, address: '::', port: 1}\n"
                    + "  - {name: b, address: '::ffff:127.0.0.1', port: 1}\n",
                "t.yaml:3: listeners[1].port: listeners[0] is on [::]:1 already"
            ),
            (
                "listeners:\n  - {name: a, address: '::1', port: 1}\n"
                    + "  - {name: b, address: '0:0::1', port: 1}\n",
                "t.yaml:3: listeners[1].port: listeners[0] is on [::1]:1 already"
            ),
            (
                "admin: {port: 1}\nlisteners: [{name: a, address: 0.0.0.0, port: 1}]\n",
                "t.yaml:1: admin.port: listeners[0] is on 0.0.0.0:1 already"
            ),
            (
                "shards: 1\nlog: {}\nshards: 2\n",
                "t.yaml:1: shards: is there more than once"
            ),
        ]
    )
    func wrongFile(_ yaml: String, _ expected: String) {
        #expect(complaint(yaml) == expected)
    }

    @Test("what is wrong in the environment or an argument names it")
    func wrongOverride() {
        #expect(
            complaint(nil, environment: ["TOLLGATE_ADMIN_PORT": "70000"])
                == "TOLLGATE_ADMIN_PORT: admin.port: must be from 0 to 65535, and is 70000"
        )
        #expect(
            complaint(nil, environment: ["TOLLGATE_ADMIN_PROT": "1"])
                == "TOLLGATE_ADMIN_PROT: there is no such key; did you mean TOLLGATE_ADMIN_PORT?"
        )
        #expect(complaint(nil, arguments: ["shards"]) == "--set shards: must be KEY=VALUE")
        #expect(complaint(nil, arguments: ["x=1"]) == "--set x=1: there is no such key")
        #expect(
            complaint("limits:\n  packetSizeBytes: 2000000\n")
                == "t.yaml: limits.queueBytes: must be from 2000000 to 1073741824, and is 1048576"
        )
    }

    /// What a container sees of the Service `tollgate` with a named and an unnamed port, and of Services
    /// whose names begin with it, one of them over IPv6.
    private static let serviceVariables = [
        "TOLLGATE_SERVICE_HOST": "10.96.14.3", "TOLLGATE_SERVICE_PORT": "1883",
        "TOLLGATE_SERVICE_PORT_MQTT": "1883", "TOLLGATE_SERVICE_PORT_MQTT_TLS": "8883",
        "TOLLGATE_PORT": "tcp://10.96.14.3:1883",
        "TOLLGATE_PORT_1883_TCP": "tcp://10.96.14.3:1883",
        "TOLLGATE_PORT_1883_TCP_PROTO": "tcp", "TOLLGATE_PORT_1883_TCP_PORT": "1883",
        "TOLLGATE_PORT_1883_TCP_ADDR": "10.96.14.3",
        "TOLLGATE_PORT_53_UDP": "udp://10.96.14.3:53", "TOLLGATE_PORT_53_UDP_PROTO": "udp",
        "TOLLGATE_PORT_9_SCTP_PROTO": "sctp",
        "TOLLGATE_ADMIN_PORT": "tcp://10.96.14.4:8080",
        "TOLLGATE_ADMIN_SERVICE_HOST": "10.96.14.4", "TOLLGATE_ADMIN_SERVICE_PORT": "8080",
        "TOLLGATE_ADMIN_SERVICE_PORT_HTTP": "8080",
        "TOLLGATE_ADMIN_PORT_8080_TCP": "tcp://10.96.14.4:8080",
        "TOLLGATE_ADMIN_PORT_8080_TCP_ADDR": "10.96.14.4",
        "TOLLGATE_ADMIN_NAME": "/web/tollgate-admin", "TOLLGATE_LIMITS_ENV_PATH": "/usr/bin:/bin",
        "TOLLGATE_DATA_ENV_X": "1",
        "TOLLGATE_LISTENERS_DEVICES_PORT": "tcp://10.96.14.5:8883",
        "TOLLGATE_LIMITS_SERVICE_HOST": "fd00:96::9",
        "TOLLGATE_XYZ_PORT": "tcp://[fd00:96::9]:1883",
        "TOLLGATE_XYZ_PORT_1883_TCP_ADDR": "fd00:96::9",
    ]

    @Test("what Kubernetes sets for Services called tollgate changes nothing, and is not warned of")
    func serviceVariables() throws {
        var warnings: [SettingsWarning] = []
        let loaded = try SettingsLoader.load(
            yaml: nil, named: "", environment: Self.serviceVariables
        ) { warnings.append($0) }
        #expect(loaded.configuration == GatewayConfiguration())
        #expect(warnings.isEmpty)
        for (name, value) in Self.serviceVariables {
            #expect(complaint(nil, environment: [name: value]) == "none", "\(name)")
        }
    }

    @Test("a key is a key, whatever its listener is called")
    func listenerCalledService() throws {
        let yaml = "listeners: [{name: service, port: 1}]"
        let environment = ["TOLLGATE_LISTENERS_SERVICE_PORT": "9"]
        #expect(try load(yaml, environment: environment).listeners[0].port == 9)
    }

    @Test("a variable that looks like none of ours is warned of; one that does stops the start")
    func foreignVariables() throws {
        var warnings: [String] = []
        let environment = [
            "TOLLGATE_VERSION": "1.2", "TOLLGATE_HOME": "/opt", "TOLLGATE_NAME": "gate-7",
            "TOLLGATE_ENV_DEBUG": "", "TOLLGATE_XYZ_PORT": "1883", "TOLLGATE_TAG": "v1",
        ]
        let loaded = try SettingsLoader.load(
            yaml: nil, named: "", environment: environment
        ) { warnings.append("\($0)") }
        #expect(loaded.configuration == GatewayConfiguration())
        let told = environment.keys.sorted().map { "\($0): there is no such key: left alone" }
        #expect(warnings == told)
        for (name, value) in [
            ("TOLLGATE_ADMIN_PROT", "1"), ("TOLLGATE_SHARD", "2"), ("TOLLGATE_LIMITS_X", "1"),
            ("TOLLGATE_ADMIN_PORTS", "tcp://10.0.0.9:1"), ("TOLLGATE_LISTENERS_NONE_PORT", "1"),
            ("TOLLGATE_ADMIN_PORT_X_TCP", "tcp://10.0.0.9:1"),
            ("TOLLGATE_TLS_SERVICE_HOST", "not an address"), ("TOLLGATE_LOG", "debug"),
        ] {
            let complaint = complaint(nil, environment: [name: value])
            #expect(complaint.hasPrefix("\(name): there is no such key"), "\(complaint)")
        }
    }

    @Test("a file that is not there, or is no text, is one line")
    func unreadable() throws {
        #expect(throws: SettingsError(origin: "/none.yaml", reason: "there is no such file")) {
            try SettingsLoader.load(file: "/none.yaml")
        }
        #expect(throws: SettingsError(origin: "/", reason: "can't be read")) {
            try SettingsLoader.load(file: "/")
        }
    }

    @Test(
        "no text of the configuration has control characters",
        arguments: ["\u{1B}[2J", "\u{9B}", "\u{7F}"])
    func controls(_ control: String) {
        let listeners = "listeners: [{name: a, port: 0, tls: false, protocol: websocket}]"
        let keys =
            Setting<GatewayConfiguration>.all.map(\.key)
            + Setting<GatewayConfiguration.Listener>.all.map { "listeners.a.\($0.key)" }
        for key in keys {
            let text = complaint(listeners, arguments: ["\(key)=x\(control)"])
            #expect(text != "none", "\(key)")
        }
    }
}
