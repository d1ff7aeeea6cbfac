import Admin
import ArgumentParser
import FoundationEssentials

struct DeviceVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device", abstract: "Devices, by ProductKey and DeviceKey.",
        subcommands: commands(
            List.self, Blacklist.self, Show.self, Create.self, Rename.self, Note.self) + [
                Import.self
            ]
            + commands(Imports.self)
            + [
                DeviceActionCommand<Disable>.self, DeviceActionCommand<Enable>.self,
                DeviceActionCommand<Kick>.self, DeviceActionCommand<Renewal>.self,
                DeviceActionCommand<Delete>.self,
            ]
            + commands(
                Activate.self, ResetSecret.self, Activations.self, Usage.self, Admission.self,
                Connection.self, RequestUpgrade.self, ReportUpgrade.self, Upgrades.self,
                UpgradeAllowance.self, SetLimits.self, EndLimits.self, State.self, SetState.self,
                Pins.self, SetPins.self,
                Send.self, Messages.self,
                DeleteMessages.self)
            + [Watch.self, Trace.self] + commands(VoidActivation.self, Move.self))

    struct List: Verb {
        static let about = "The devices of a product, by key; active ones by their end."
        static let example = "device list lamp --state active --online --like hall"
        @Argument(help: .product) var pk: String
        @OptionGroup var filter: DeviceFilter
        @Option(help: .limit) var limit: Int?
        var request: APIRequest {
            .list(
                "products/\(pk.escaped)/devices\(filter.query)",
                by:
                    "dk name state online expiresAt lastSeenAt | activatedAt codesConsumed autoRenewal exceptedFromRenewal registeredAt lastRefusal.reason lastRefusal.at",
                limit: limit)
        }
    }

    struct Blacklist: Verb {
        static let about = "Those that automatic renewal leaves out, deleted ones too."
        static let example = "device blacklist lamp"
        @Argument(help: .product) var pk: String
        @Option(help: .limit) var limit: Int?
        var request: APIRequest {
            .list(
                "products/\(pk.escaped)/blacklist", by: "dk name registered expiresAt",
                limit: limit)
        }
    }

    struct Create: Verb {
        static let about = "Makes one device; its secret is shown once."
        static let example = "device create lamp lamp-1 --name 'Hall, left'"
        @Argument(help: .product) var pk: String
        @Argument(help: .device) var dk: String
        @Option(help: .name) var name: String?
        var request: APIRequest {
            let device = JSON.object(of: ["dk": dk, "name": name])
            return .post("products/\(pk.escaped)/devices", ["devices": JSON.array([device])])
        }
    }
}

/// What is asked of one device.
extension DeviceVerbs {
    struct Rename: Verb {
        static let about = "Gives a device another name; its keys stay."
        static let example = "device rename lamp lamp-1 'Hall, left'"
        @OptionGroup var device: DeviceArguments
        @Argument(help: "The new name; an empty one takes it away.") var name: String
        var request: APIRequest { .patch("\(device)", ["name": name]) }
    }

    struct Note: Verb {
        static let about = "Notes something about a device, as metadata, or takes it away."
        static let example = "device note lamp lamp-1 room=hall floor=2 --remove draft"
        @OptionGroup var device: DeviceArguments
        @OptionGroup var metadata: MetadataArguments
        var request: APIRequest {
            get throws(Failure) { .show(.patch, "\(device)/metadata", try metadata.patch) }
        }
    }

    struct VoidActivation: Irreversible {
        static let about = "Takes back the latest code that a device has consumed (owners only)."
        static let example = "device void-activation lamp lamp-1 --cause 'faulty unit' --yes"
        @OptionGroup var device: DeviceArguments
        @Option(help: .cause) var cause: String
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .post("\(device)/void-activation", ["cause": cause]) }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let found = try await gateway.document(.get, "\(device)")
            return
                "\(device.text) loses its activation of \(found["activatedAt"]?.text ?? "?"), which runs until"
                + " \(found["expiresAt"]?.text ?? "?"): its code is void, and it is refused unless it gets another"
        }
    }

    struct Move: Irreversible {
        static let about = "Gives a device's running activation to another one (owners only)."
        static let example = "device move lamp lamp-1 lamp-2 --cause 'unit replaced' --yes"
        @OptionGroup var device: DeviceArguments
        @Argument(help: "The DeviceKey of the other one.") var to: String
        @Option(help: .cause) var cause: String
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .post("\(device)/move", ["to": to, "cause": cause]) }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let found = try await gateway.document(.get, "\(device)")
            return
                "\(device.text) gives its activation, until \(found["expiresAt"]?.text ?? "?"), to \(to):"
                + " it is refused unless it gets another code"
        }
    }

    struct Activations: Verb {
        static let about = "The codes it has consumed."
        static let example = "device activations lamp lamp-1"
        @OptionGroup var device: DeviceArguments
        var request: APIRequest {
            .list("\(device)/activations", by: "number code activatedAt expiresAt cause dataCentre")
        }
    }

    struct Show: Verb {
        static let about = "Its state and its activation, its last refusal and ending."
        static let example = "device show lamp lamp-1"
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .get("\(device)") }
    }

    struct Activate: Verb {
        static let about = "Consumes a code for it by hand."
        static let example = "device activate lamp lamp-1"
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .post("\(device)/activate", [:]) }
    }

    struct ResetSecret: Irreversible {
        static let about = "Gives it a new secret, which is shown once."
        static let example = "device reset-secret lamp lamp-1 --yes"
        @OptionGroup var device: DeviceArguments
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .post("\(device)/reset-secret", [:]) }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let found = try await gateway.document(.get, "\(device)")
            let isOnline = found["online"]?.bool == true
            return
                "\(device.text) gets another secret: \(isOnline ? "it is disconnected, and " : "")"
                + "it is refused until it has been told the new one"
        }
    }

    struct Usage: Verb {
        static let about = "What it used today and on the days before."
        static let example = "device usage lamp lamp-1"
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .get("\(device)/usage") }
    }

    struct Admission: Verb {
        static let about = "What would happen if it connected now, and how it went last."
        static let example = "device admission lamp lamp-1"
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .get("\(device)/admission") }
    }

    struct Connection: Verb {
        static let about = "Its connection, if there is one."
        static let example = "device connection lamp lamp-1"
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .get("\(device)/connection") }
    }

    struct UpgradeAllowance: Verb {
        static let about = "How many attempts are left for its OTA upgrades this month."
        static let example = "device upgrade-allowance lamp lamp-1"
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
                .followed(byExamples: "device import lamp lamps.csv")
        )

        @Argument(help: .product) var pk: String
        @Argument(help: "The file; - is standard input.") var file: String
        @OptionGroup var place: GatewayPlace

        func run() async throws {
            try await place.client().upload(
                "products/\(pk.escaped)/devices", from: UploadSource(file), type: "text/csv")
        }
    }

    struct Imports: Verb {
        static let about = "The large imports of a product, newest first."
        static let example = "device imports lamp"
        @Argument(help: .product) var pk: String
        @Option(help: .limit) var limit: Int?
        var request: APIRequest {
            .list(
                "products/\(pk.escaped)/imports",
                by: "id state rows landed beganAt at | actor", limit: limit)
        }
    }
}

extension DeviceVerbs {
    /// Messages to a device.
    struct Send: Verb {
        static let about = "Sends it a message, if it is connected."
        static let example = "device send lamp lamp-1 set '{\"on\":true}'"
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
