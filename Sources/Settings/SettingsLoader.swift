public import Gateway
import Linux

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
    ///   - warn: is told what does not stop the start: a variable that is none of ours, though it begins
    ///     as they do.
    public static func load(
        file: String?,
        environment: [String: String] = [:],
        arguments: [String] = [],
        warn: (SettingsWarning) -> Void = { _ in }
    ) throws(SettingsError) -> LoadedSettings {
        var text: String?
        if let file { text = try read(file) }
        return try load(
            yaml: text, named: file ?? "", environment: environment, arguments: arguments,
            warn: warn)
    }

    /// The same with the file's text.
    public static func load(
        yaml: String?,
        named name: String,
        environment: [String: String] = [:],
        arguments: [String] = [],
        warn: (SettingsWarning) -> Void = { _ in }
    ) throws(SettingsError) -> LoadedSettings {
        var configuration = GatewayConfiguration()
        var origins: [String: String] = [:]
        if let yaml {
            let file = try SettingsFile(name: name, yaml: yaml, over: configuration)
            (configuration, origins) = (file.configuration, file.origins)
        }
        var overrides = Overrides(configuration: configuration, origins: origins)
        try overrides.read(environment: environment, warn: warn)
        try overrides.read(arguments: arguments)
        do throws(ConfigurationProblem) {
            try overrides.configuration.validate()
        } catch {
            // An element has the origin of its list.
            let list = error.path[..<(error.path.lastIndex(of: "[") ?? error.path.endIndex)]
            let origin =
                overrides.origins[error.path] ?? overrides.origins[String(list)]
                ?? (yaml == nil ? "defaults" : name)
            throw SettingsError(origin: origin, path: error.path, reason: error.reason)
        }
        return LoadedSettings(
            configuration: overrides.configuration, applied: overrides.applied)
    }

    private static func read(_ file: String) throws(SettingsError) -> String {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try FileSystem.read(file, maximumBytes: fileSizeMaximum)
        } catch {
            throw SettingsError(origin: file, reason: reason(error.code))
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SettingsError(origin: file, reason: "is not UTF-8 text")
        }
        return text
    }

    private static func reason(_ code: Errno) -> String {
        if code == .noSuchFile { return "there is no such file" }
        return code == .fileTooLarge ? "has more than \(fileSizeMaximum) bytes" : "can't be read"
    }
}

/// What a gateway starts with.
public struct LoadedSettings: Sendable {
    public let configuration: GatewayConfiguration

    /// Each key with its value and where that comes from, those of the listeners last.
    public let applied: [AppliedSetting]
}

/// Sets single keys over a configuration: from the environment, and from the command line.
struct Overrides {
    private(set) var configuration: GatewayConfiguration

    /// `admin.port` to `TOLLGATE_ADMIN_PORT`.
    private(set) var origins: [String: String]

    /// Variables that belong to the operator's verbs and to `tollgate-load`, not to the configuration.
    private static let otherVariables: Set<String> = [
        "TOLLGATE_API", "TOLLGATE_TOKEN", "TOLLGATE_CA", "TOLLGATE_PROBE_PASSWORD",
        "TOLLGATE_LOAD_PASSWORD",
    ]

    private static let prefix = "TOLLGATE_"

    /// Every variable that begins with `TOLLGATE_` is a key, or one that was set for a Service of that
    /// name. What looks like a key and is none stops the start; anything else is warned of.
    mutating func read(
        environment: [String: String],
        warn: (SettingsWarning) -> Void
    ) throws(SettingsError) {
        for (variable, value) in environment.sorted(by: { $0.key < $1.key })
        where variable.hasPrefix(Self.prefix) && !Self.otherVariables.contains(variable) {
            let name = String(variable.dropFirst(Self.prefix.count))
            // A Service `tollgate-admin` has an `ADMIN_PORT` too: tcp://10.0.0.9:8080.
            if let key = key(ofVariable: name), !ServiceVariable.isAddress(value) {
                try set(key, to: value, origin: variable)
            } else if !ServiceVariable.matches(name, value) {
                try refuse(variable, name, unlessForeign: warn)
            }
        }
    }

    private func refuse(
        _ variable: String,
        _ name: String,
        unlessForeign warn: (SettingsWarning) -> Void
    ) throws(SettingsError) {
        let known = keys.map { Setting<Never>.environmentName(of: $0) }
        let nearest = UnknownKey.nearest(to: name, among: known)
        let isInSection = known.contains { key in
            key.contains("_") && name.hasPrefix(key.prefix { $0 != "_" } + "_")
        }
        guard isInSection || nearest != nil else {
            return warn(
                SettingsWarning(origin: variable, reason: "there is no such key: left alone"))
        }
        throw SettingsError(
            origin: variable, reason: UnknownKey.reason(nearest.map { Self.prefix + $0 }))
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

    /// All keys that can be set, with what they are set to.
    var applied: [AppliedSetting] {
        Setting<GatewayConfiguration>.all.map { setting in
            AppliedSetting(
                key: setting.key, value: setting.text(configuration), origin: origins[setting.key])
        }
            + configuration.listeners.enumerated().flatMap { index, listener in
                Setting<GatewayConfiguration.Listener>.all.map { setting in
                    AppliedSetting(
                        key: "listeners.\(listener.name).\(setting.key)",
                        value: setting.text(listener),
                        origin: origins["listeners[\(index)].\(setting.key)"])
                }
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
            expectation = setting.set(&configuration, text)
            origins[key] = origin
        } else {
            expectation = setListener(key, to: text, origin: origin)
        }
        guard let expectation else { return }
        throw SettingsError(
            origin: origin, path: key, reason: "must be \(expectation), and is '\(text)'")
    }

    private mutating func setListener(_ key: String, to text: String, origin: String) -> String? {
        for index in configuration.listeners.indices {
            let prefix = "listeners.\(configuration.listeners[index].name)."
            for setting in Setting<GatewayConfiguration.Listener>.all
            where prefix + setting.key == key {
                origins["listeners[\(index)].\(setting.key)"] = origin
                return setting.set(&configuration.listeners[index], text)
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

/// What is odd about the settings, and does not stop the start: one line, the place first.
public struct SettingsWarning: Equatable, Sendable, CustomStringConvertible {
    /// The environment variable.
    public let origin: String

    /// What is odd, as the rest of a sentence.
    public let reason: String

    public var description: String { "\(origin): \(reason)" }
}

/// What to say about a key, or another name, that there is none of.
public enum UnknownKey {
    /// `there is no such key; did you mean limits.packetSizeBytes?`
    static func reason(_ key: String, among known: [String]) -> String {
        reason(nearest(to: key, among: known))
    }

    static func reason(_ nearest: String?) -> String {
        guard let nearest else { return "there is no such key" }
        return "there is no such key; did you mean \(nearest)?"
    }

    /// The key that may have been meant: one that begins with `key`, or differs in few letters.
    public static func nearest(to key: String, among known: [String]) -> String? {
        let limit = max(2, key.count / 4)
        let nearest =
            known
            .map { ($0.hasPrefix(key) ? 1 : distance(key, $0), $0) }
            .min { $0.0 < $1.0 }
        guard let (distance, name) = nearest, distance <= limit else { return nil }
        return name
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
