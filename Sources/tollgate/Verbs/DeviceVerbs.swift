import Admin
import ArgumentParser
import FoundationEssentials

struct DeviceVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device", abstract: "Devices, by ProductKey and DeviceKey.",
        subcommands: commands(List.self, Blacklist.self, Show.self, Create.self) + [Import.self]
            + commands(
                Imports.self, Disable.self, Enable.self, Activate.self, ResetSecret.self,
                Renewal.self, Delete.self, Activations.self, Usage.self, Admission.self,
                Connection.self, Kick.self, RequestUpgrade.self, ReportUpgrade.self,
                Upgrades.self, UpgradeAllowance.self, Send.self)
            + [Trace.self] + commands(VoidActivation.self, Move.self))

    struct List: Verb {
        @Argument var pk: String
        @Option(help: "inactive, active or disabled.") var state: String?
        @Option(help: "At most so many.") var limit: Int?
        var request: APIRequest {
            .list(
                "products/\(pk.escaped)/devices" + query(["state": state]),
                by:
                    "dk name state activatedAt expiresAt codesConsumed autoRenewal online lastSeenAt",
                limit: limit)
        }
    }

    struct Blacklist: Verb {
        static let about = "Those that automatic renewal leaves out, deleted ones too."
        @Argument var pk: String
        @Option(help: "At most so many.") var limit: Int?
        var request: APIRequest {
            .list(
                "products/\(pk.escaped)/blacklist", by: "dk name registered expiresAt",
                limit: limit)
        }
    }

    struct Create: Verb {
        static let about = "Makes one device; its secret is shown once."
        @Argument var pk: String
        @Argument var dk: String
        @Option(help: "Its name.") var name: String?
        var request: APIRequest {
            let device = JSON.object(of: ["dk": dk, "name": name])
            return .post("products/\(pk.escaped)/devices", ["devices": JSON.array([device])])
        }
    }
}

/// What is asked of one device.
extension DeviceVerbs {
    struct VoidActivation: Verb {
        static let about = "Takes back the latest code that a device has consumed (owners only)."
        @OptionGroup var device: DeviceArguments
        @Option(help: "Why; the history keeps it.") var cause: String
        var request: APIRequest { .post("\(device)/void-activation", ["cause": cause]) }
    }

    struct Move: Verb {
        static let about = "Gives a device's running activation to another one (owners only)."
        @OptionGroup var device: DeviceArguments
        @Argument(help: "The DeviceKey of the other one.") var to: String
        @Option(help: "Why; the history keeps it.") var cause: String
        var request: APIRequest { .post("\(device)/move", ["to": to, "cause": cause]) }
    }

    struct Renewal: Verb {
        static let about = "Switches the automatic renewal of one device on or off."
        enum Switch: String, ExpressibleByArgument, CaseIterable { case on, off }
        @OptionGroup var device: DeviceArguments
        @Argument var setting: Switch
        var request: APIRequest { .put("\(device)/renewal", ["autoRenewal": setting == .on]) }
    }

    struct Activations: Verb {
        static let about = "The codes it has consumed."
        @OptionGroup var device: DeviceArguments
        var request: APIRequest {
            .list("\(device)/activations", by: "number code activatedAt expiresAt cause dataCentre")
        }
    }

    struct Show: Verb {
        static let about = "Its state and its activation, its last refusal and ending."
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .get("\(device)") }
    }

    struct Disable: Verb {
        static let about = "Disconnects and refuses it; its activation runs on."
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .post("\(device)/disable", [:]) }
    }

    struct Enable: Verb {
        static let about = "Lets it connect again."
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .post("\(device)/enable", [:]) }
    }

    struct Activate: Verb {
        static let about = "Consumes a code for it by hand."
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .post("\(device)/activate", [:]) }
    }

    struct ResetSecret: Verb {
        static let about = "Gives it a new secret, which is shown once."
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .post("\(device)/reset-secret", [:]) }
    }

    struct Delete: Verb {
        static let about = "Deletes it; no code comes back, its activation runs on."
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .delete("\(device)") }
    }

    struct Usage: Verb {
        static let about = "What it used today and on the days before."
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .get("\(device)/usage") }
    }

    struct Admission: Verb {
        static let about = "What would happen if it connected now, and how it went last."
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .get("\(device)/admission") }
    }

    struct Connection: Verb {
        static let about = "Its connection, if there is one."
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .get("\(device)/connection") }
    }

    struct Kick: Verb {
        static let about = "Ends its connection."
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .delete("\(device)/connection") }
    }

    struct UpgradeAllowance: Verb {
        static let about = "How many attempts are left for its OTA upgrades this month."
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .get("\(device)/upgrade-allowance") }
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
                "products/\(pk.escaped)/devices", from: UploadSource(file), type: "text/csv")
        }
    }

    struct Imports: Verb {
        static let about = "The large imports of a product, newest first."
        @Argument var pk: String
        @Option(help: "At most so many.") var limit: Int?
        var request: APIRequest {
            .list(
                "products/\(pk.escaped)/imports",
                by: "id state rows landed actor beganAt at", limit: limit)
        }
    }
}

extension DeviceVerbs {
    /// Messages to a device.
    struct Send: Verb {
        static let about = "Sends it a message, if it is connected."
        static let discussion = "Tells whether the message was delivered, or why not."
        @OptionGroup var device: DeviceArguments
        @Argument(help: "What follows d/PK/DK/down/.") var topic: String
        @Argument(help: "Text; - is standard input, as it is.") var payload: String
        @Flag(help: "PAYLOAD is Base64 of bytes.") var base64 = false
        @Option(help: "0 or 1.") var qos: Int64 = 1
        var request: APIRequest {
            get throws(Failure) {
                let bytes = payload == "-" ? Data(try UploadSource("-").all()) : nil
                let name = bytes != nil || base64 ? "payloadBase64" : "payload"
                let text = bytes?.base64EncodedString() ?? payload
                return .post("\(device)/messages", ["topic": topic, name: text, "qos": qos])
            }
        }
    }
}
