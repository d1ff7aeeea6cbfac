import Gateway

/// Sets single keys over a configuration: from the environment, and from the command line.
struct Overrides {
    private(set) var configuration: GatewayConfiguration

    /// `admin.port` to `TOLLGATE_ADMIN_PORT`.
    private(set) var origins: [String: String]

    init(_ configuration: GatewayConfiguration, origins: [String: String]) {
        self.configuration = configuration
        self.origins = origins
    }

    /// Variables that belong to the operator's verbs, not to the configuration.
    private static let otherVariables: Set<String> = [
        "TOLLGATE_API", "TOLLGATE_TOKEN", "TOLLGATE_PROBE_PASSWORD",
    ]

    /// Every variable that begins with `TOLLGATE_` must be a key.
    mutating func read(environment: [String: String]) throws(SettingsError) {
        let prefix = "TOLLGATE_"
        for (variable, value) in environment.sorted(by: { $0.key < $1.key })
        where variable.hasPrefix(prefix) && !Self.otherVariables.contains(variable) {
            let name = String(variable.dropFirst(prefix.count))
            guard let key = key(ofVariable: name) else {
                let known = keys.map { prefix + Setting<Never>.environmentName(of: $0) }
                throw SettingsError(
                    origin: variable,
                    reason: UnknownKey.reason(variable, among: known)
                )
            }
            try set(key, to: value, origin: variable)
        }
    }

    /// Each argument is `KEY=VALUE`, as `--set` takes it.
    mutating func read(arguments: [String]) throws(SettingsError) {
        for argument in arguments {
            let origin = "--set \(argument)"
            guard let equals = argument.firstIndex(of: "=") else {
                throw SettingsError(origin: origin, reason: "must be KEY=VALUE")
            }
            let key = String(argument[..<equals])
            guard keys.contains(key) else {
                throw SettingsError(origin: origin, reason: UnknownKey.reason(key, among: keys))
            }
            try set(key, to: String(argument[argument.index(after: equals)...]), origin: origin)
        }
    }

    /// All keys that can be set, those of the listeners by the listeners' names.
    private var keys: [String] {
        Setting<GatewayConfiguration>.all.map(\.key)
            + configuration.listeners.flatMap { listener in
                Setting<GatewayConfiguration.Listener>.all
                    .map { "listeners.\(listener.name).\($0.key)" }
            }
    }

    private func key(ofVariable name: String) -> String? {
        keys.first { Setting<Never>.environmentName(of: $0) == name }
    }

    private mutating func set(
        _ key: String,
        to text: String,
        origin: String
    ) throws(SettingsError) {
        let expectation: String?
        if let setting = Setting<GatewayConfiguration>.all.first(where: { $0.key == key }) {
            expectation = setting.set(&configuration, text)?.text
            origins[key] = origin
        } else {
            expectation = setListener(key, to: text, origin: origin)
        }
        guard let expectation else { return }
        throw SettingsError(
            origin: origin,
            path: key,
            reason: "must be \(expectation), and is '\(text)'"
        )
    }

    private mutating func setListener(_ key: String, to text: String, origin: String) -> String? {
        for index in configuration.listeners.indices {
            let prefix = "listeners.\(configuration.listeners[index].name)."
            for setting in Setting<GatewayConfiguration.Listener>.all
            where prefix + setting.key == key {
                origins["listeners[\(index)].\(setting.key)"] = origin
                return setting.set(&configuration.listeners[index], text)?.text
            }
        }
        return nil
    }
}
