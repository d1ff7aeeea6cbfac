import ArgumentParser
import FoundationEssentials
import Gateway
import Settings

/// Where a verb that works on the stores itself has its configuration from.
struct SettingsOptions: ParsableArguments {
    @Option(help: "The YAML file; without one, the defaults hold.") var config: String?
    @Option(help: "One setting, KEY=VALUE, over file and environment; can be repeated.")
    var set: [String] = []

    /// - Parameters:
    ///   - data: the directory of the stores, if it was named.
    ///   - warn: is given what stops nothing and looks strange.
    func load(
        data: String?,
        warn: (SettingsWarning) -> Void = { _ in }
    ) throws(Failure) -> GatewayConfiguration {
        try loadAll(data: data, warn: warn).configuration
    }

    /// The same with where each value comes from.
    func loadAll(
        data: String?,
        warn: (SettingsWarning) -> Void = { _ in }
    ) throws(Failure) -> LoadedSettings {
        try orFail(code: 2) {
            try SettingsLoader.load(
                file: config, environment: ProcessInfo.processInfo.environment,
                arguments: (data.map { ["data=\($0)"] } ?? []) + set, warn: warn)
        }
    }
}
