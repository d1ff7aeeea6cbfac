import Admin
import ArgumentParser
import Foundation

struct DeviceVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device",
        abstract: "Devices, by ProductKey and DeviceKey.",
        subcommands: [
            List.self, Show.self, Create.self, Import.self, Imports.self, Disable.self, Enable.self,
            Activate.self, ResetSecret.self, Renewal.self, Delete.self, Activations.self,
            Usage.self, Admission.self, Connection.self, Kick.self, RequestUpgrade.self,
            ReportUpgrade.self, Upgrades.self, UpgradeAllowance.self, Send.self,
            Trace.self,
        ]
    )

    struct List: AsyncParsableCommand {
        @Argument var pk: String
        @Option(help: "inactive, active or disabled.") var state: String?
        @Option(help: "At most so many.") var limit: Int?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "products/\(pk.escaped)/devices" + query([("state", state)]),
                columns: [
                    "dk", "name", "state", "activatedAt", "expiresAt", "codesConsumed",
                    "autoRenewal", "online", "lastSeenAt",
                ],
                limit: limit
            )
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes one device; its secret is shown once.")

        @Argument var pk: String
        @Argument var dk: String
        @Option(help: "Its name.") var name: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            let device = JSON.object(of: [("dk", .text(dk)), ("name", name.map { .text($0) })])
            try await api.show(
                .post, "products/\(pk.escaped)/devices", ["devices": [device]])
        }
    }

    struct Renewal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Switches the automatic renewal of one device on or off.")

        enum Switch: String, ExpressibleByArgument, CaseIterable { case on, off }

        @Argument var pk: String
        @Argument var dk: String
        @Argument var setting: Switch
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .put, path(pk, dk) + "/renewal", ["autoRenewal": .bool(setting == .on)])
        }
    }

    struct Activations: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The codes it has consumed.")

        @Argument var pk: String
        @Argument var dk: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                path(pk, dk) + "/activations",
                columns: ["number", "code", "activatedAt", "expiresAt", "cause", "dataCentre"]
            )
        }
    }

    static func path(_ pk: String, _ dk: String) -> String {
        "products/\(pk.escaped)/devices/\(dk.escaped)"
    }
}

/// A verb about one device that only sends a request and shows what comes back.
protocol DeviceVerb: AsyncParsableCommand {
    static var method: HTTPClient.Method { get }

    /// Behind the device's path.
    static var suffix: String { get }
    var pk: String { get }
    var dk: String { get }
    var api: APIOptions { get }
}

extension DeviceVerb {
    func run() async throws {
        let body: JSON? = Self.method == .post ? [:] : nil
        try await api.show(Self.method, DeviceVerbs.path(pk, dk) + Self.suffix, body)
    }
}

private func path(_ pk: String, _ dk: String) -> String { DeviceVerbs.path(pk, dk) }
