import Admin
import ArgumentParser
import Foundation

struct DeviceVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device",
        abstract: "Devices, by ProductKey and DeviceKey.",
        subcommands: [
            List.self, Blacklist.self, DeviceVerb<DeviceRequests.Show>.self, Create.self,
            Import.self,
            Imports.self, DeviceVerb<DeviceRequests.Disable>.self,
            DeviceVerb<DeviceRequests.Enable>.self, DeviceVerb<DeviceRequests.Activate>.self,
            DeviceVerb<DeviceRequests.ResetSecret>.self, Renewal.self,
            DeviceVerb<DeviceRequests.Delete>.self, Activations.self,
            DeviceVerb<DeviceRequests.Usage>.self, DeviceVerb<DeviceRequests.Admission>.self,
            DeviceVerb<DeviceRequests.Connection>.self, DeviceVerb<DeviceRequests.Kick>.self,
            RequestUpgrade.self, ReportUpgrade.self, Upgrades.self,
            DeviceVerb<DeviceRequests.UpgradeAllowance>.self, Send.self, Trace.self,
            VoidActivation.self, Move.self,
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

    struct Blacklist: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Those that automatic renewal leaves out, deleted ones too.")

        @Argument var pk: String
        @Option(help: "At most so many.") var limit: Int?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "products/\(pk.escaped)/blacklist",
                columns: ["dk", "name", "registered", "expiresAt"],
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

    struct VoidActivation: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes back the latest code that a device has consumed (owners only).")

        @Argument var pk: String
        @Argument var dk: String
        @Option(help: "Why; the history keeps it.") var cause: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            let path = "products/\(pk.escaped)/devices/\(dk.escaped)/void-activation"
            try await api.show(.post, path, ["cause": .text(cause)])
        }
    }

    struct Move: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives a device's running activation to another one (owners only).")

        @Argument var pk: String
        @Argument var dk: String
        @Argument(help: "The DeviceKey of the other one.") var to: String
        @Option(help: "Why; the history keeps it.") var cause: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            let path = "products/\(pk.escaped)/devices/\(dk.escaped)/move"
            try await api.show(.post, path, ["to": .text(to), "cause": .text(cause)])
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

private func path(_ pk: String, _ dk: String) -> String { DeviceVerbs.path(pk, dk) }

/// A request about one device that takes nothing else: what a verb needs to say.
protocol DeviceRequest {
    /// The verb's name.
    static var name: String { get }
    static var abstract: String { get }
    static var method: HTTPClient.Method { get }

    /// Behind the device's path.
    static var suffix: String { get }
}

/// The verbs that are one request each.
enum DeviceRequests {
    enum Show: DeviceRequest {
        static let name = "show"
        static let abstract = "Its state and its activation, its last refusal and ending."
        static let method = HTTPClient.Method.get
        static let suffix = ""
    }

    enum Disable: DeviceRequest {
        static let name = "disable"
        static let abstract = "Disconnects and refuses it; its activation runs on."
        static let method = HTTPClient.Method.post
        static let suffix = "/disable"
    }

    enum Enable: DeviceRequest {
        static let name = "enable"
        static let abstract = "Lets it connect again."
        static let method = HTTPClient.Method.post
        static let suffix = "/enable"
    }

    enum Activate: DeviceRequest {
        static let name = "activate"
        static let abstract = "Consumes a code for it by hand."
        static let method = HTTPClient.Method.post
        static let suffix = "/activate"
    }

    enum ResetSecret: DeviceRequest {
        static let name = "reset-secret"
        static let abstract = "Gives it a new secret, which is shown once."
        static let method = HTTPClient.Method.post
        static let suffix = "/reset-secret"
    }

    enum Delete: DeviceRequest {
        static let name = "delete"
        static let abstract = "Deletes it; no code comes back, its activation runs on."
        static let method = HTTPClient.Method.delete
        static let suffix = ""
    }

    enum Usage: DeviceRequest {
        static let name = "usage"
        static let abstract = "What it used today and on the days before."
        static let method = HTTPClient.Method.get
        static let suffix = "/usage"
    }

    enum Admission: DeviceRequest {
        static let name = "admission"
        static let abstract = "What would happen if it connected now, and how it went last."
        static let method = HTTPClient.Method.get
        static let suffix = "/admission"
    }

    enum Connection: DeviceRequest {
        static let name = "connection"
        static let abstract = "Its connection, if there is one."
        static let method = HTTPClient.Method.get
        static let suffix = "/connection"
    }

    enum Kick: DeviceRequest {
        static let name = "kick"
        static let abstract = "Ends its connection."
        static let method = HTTPClient.Method.delete
        static let suffix = "/connection"
    }

    enum UpgradeAllowance: DeviceRequest {
        static let name = "upgrade-allowance"
        static let abstract = "How many attempts are left for its OTA upgrades this month."
        static let method = HTTPClient.Method.get
        static let suffix = "/upgrade-allowance"
    }
}

/// The verb of a request.
struct DeviceVerb<Sent: DeviceRequest>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: Sent.name, abstract: Sent.abstract)
    }

    @Argument var pk: String
    @Argument var dk: String
    @OptionGroup var api: APIOptions

    func run() async throws {
        let body: JSON? = Sent.method == .post ? [:] : nil
        try await api.show(Sent.method, DeviceVerbs.path(pk, dk) + Sent.suffix, body)
    }
}

extension DeviceVerbs {
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Imports the devices of a CSV file: dk,secret[,name], all or none.",
            discussion: """
                The file can be of any size: it is sent as it is read, and progress is shown on \
                standard error. The answer, on standard output, is the same file with the secrets that \
                were made. With an idempotency key, the same file can be sent again: it changes \
                nothing, and the answer is the same.
                """
        )

        @Argument var pk: String
        @Argument(help: "The file; - is standard input.") var file: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.upload(
                "products/\(pk.escaped)/devices",
                from: UploadSource(file),
                type: "text/csv"
            )
        }
    }

    struct Imports: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The large imports of a product, newest first.")

        @Argument var pk: String
        @Option(help: "At most so many.") var limit: Int?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "products/\(pk.escaped)/imports",
                columns: ["id", "state", "rows", "landed", "actor", "beganAt", "at"],
                limit: limit
            )
        }
    }
}

extension DeviceVerbs {
    /// Messages to a device.
    struct Send: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sends it a message, if it is connected.",
            discussion: "Tells whether the message was delivered, or why not."
        )

        @Argument var pk: String
        @Argument var dk: String
        @Argument(help: "What follows d/PK/DK/down/.") var topic: String
        @Argument(help: "Text; - is standard input, as it is.") var payload: String
        @Flag(help: "PAYLOAD is Base64 of bytes.") var base64 = false
        @Option(help: "0 or 1.") var qos = 1
        @OptionGroup var api: APIOptions

        func run() async throws {
            let bytes = payload == "-" ? Data(try UploadSource("-").all()) : nil
            let name = bytes != nil || base64 ? "payloadBase64" : "payload"
            let body = JSON.object(of: [
                ("topic", .text(topic)),
                (name, .text(bytes?.base64EncodedString() ?? payload)),
                ("qos", .integer(Int64(qos))),
            ])
            try await api.show(.post, DeviceVerbs.path(pk, dk) + "/messages", body)
        }
    }
}
