import Foundation
public import Gateway

/// Makes the configuration that a gateway starts with: the defaults, over them the file, over it the
/// environment, over it the command line. The result is valid, or there is none.
public enum SettingsLoader {
    /// The largest configuration file. Unit: bytes.
    public static var fileSizeMaximum: Int { 1_048_576 }

    /// - Parameters:
    ///   - file: the YAML file; `nil` for none.
    ///   - environment: variables such as `TOLLGATE_ADMIN_PORT`; those that do not begin with
    ///     `TOLLGATE_` are left alone.
    ///   - arguments: each `KEY=VALUE`, as `--set` takes them.
    public static func load(
        file: String?,
        environment: [String: String] = [:],
        arguments: [String] = []
    ) throws(SettingsError) -> GatewayConfiguration {
        var text: String?
        if let file { text = try read(file) }
        return try load(
            yaml: text,
            named: file ?? "",
            environment: environment,
            arguments: arguments
        )
    }

    /// The same with the file's text.
    public static func load(
        yaml: String?,
        named name: String,
        environment: [String: String] = [:],
        arguments: [String] = []
    ) throws(SettingsError) -> GatewayConfiguration {
        var configuration = GatewayConfiguration()
        var origins: [String: String] = [:]
        if let yaml {
            let file = try SettingsFile(name: name, yaml: yaml, over: configuration)
            (configuration, origins) = (file.configuration, file.origins)
        }
        var overrides = Overrides(configuration, origins: origins)
        try overrides.read(environment: environment)
        try overrides.read(arguments: arguments)
        do throws(ConfigurationProblem) {
            try overrides.configuration.validate()
        } catch {
            let origin = overrides.origins[error.path] ?? (yaml == nil ? "defaults" : name)
            throw SettingsError(origin: origin, path: error.path, reason: error.reason)
        }
        return overrides.configuration
    }

    private static func read(_ file: String) throws(SettingsError) -> String {
        let bytes: Data
        do {
            bytes = try Data(contentsOf: URL(filePath: file))
        } catch {
            throw SettingsError(
                origin: file,
                reason: FileManager.default.fileExists(atPath: file)
                    ? "can't be read" : "there is no such file"
            )
        }
        guard bytes.count <= fileSizeMaximum else {
            throw SettingsError(origin: file, reason: "has more than \(fileSizeMaximum) bytes")
        }
        guard let text = String(bytes: bytes, encoding: .utf8) else {
            throw SettingsError(origin: file, reason: "is not UTF-8 text")
        }
        return text
    }
}

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

/// Why there is no configuration to start with: one line, the place first.
///
/// `config/tollgate.yaml:12: limits.packetSizeBytes: must be from 128 to 268435460, and is 5`
public struct SettingsError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file with its line, the environment variable, or the argument.
    public let origin: String

    /// The path of the key; `nil` when it is not about one key.
    public let path: String?

    /// What is wrong, as the rest of a sentence.
    public let reason: String

    init(origin: String, path: String? = nil, reason: String) {
        self.origin = origin
        self.path = path
        self.reason = reason
    }

    public var description: String {
        [origin, path, reason].compactMap { $0 }.joined(separator: ": ")
    }
}

/// What to say about a key that there is none of.
enum UnknownKey {
    /// `there is no such key; did you mean limits.packetSizeBytes?`
    static func reason(_ key: String, among known: [String]) -> String {
        let limit = max(2, key.count / 4)
        let nearest =
            known
            .map { ($0.hasPrefix(key) ? 1 : distance(key, $0), $0) }
            .min { $0.0 < $1.0 }
        guard let (distance, name) = nearest, distance <= limit else {
            return "there is no such key"
        }
        return "there is no such key; did you mean \(name)?"
    }

    /// Levenshtein's distance: how many characters to insert, remove or replace.
    static func distance(_ first: String, _ second: String) -> Int {
        let second = Array(second.lowercased())
        var row = Array(0...second.count)
        for (line, character) in first.lowercased().enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for (column, other) in second.enumerated() {
                let replaced = diagonal + (character == other ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
            }
        }
        return row[second.count]
    }
}
