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
