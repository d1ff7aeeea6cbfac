import Admin
import ArgumentParser

struct ProductVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "product",
        abstract: "Kinds of devices, each with a package and a pool of codes.",
        subcommands: commands(
            List.self, Show.self, Create.self, Update.self, Rename.self, Note.self, Upgrade.self,
            Usage.self, Online.self,
            Delete.self, ShowSecret.self, RotateSecret.self, RevokeSecret.self, Uplink.self,
            EndUplink.self, SetDialect.self, EndDialect.self, SetUncounted.self, SetLimits.self,
            EndLimits.self,
            TokenKeys.self, AddTokenKey.self, RemoveTokenKey.self, CountState.self))

    struct Uplink: Verb {
        static let about =
            "Has its devices' messages go into a JetStream stream, which acknowledges them."
        static let example = "product uplink lamp LAMPS"
        @Argument(help: .product) var pk: String
        @Argument(help: "The stream's name: letters, digits, _ and -.") var stream: String
        var request: APIRequest { .put("products/\(pk.escaped)/uplink", ["stream": stream]) }
    }

    struct EndUplink: Verb {
        static let about = "Lets its devices' messages go to applications only."
        static let example = "product end-uplink lamp"
        @Argument(help: .product) var pk: String
        var request: APIRequest { .delete("products/\(pk.escaped)/uplink") }
    }

    struct SetDialect: Verb {
        static let about =
            "Has its devices connect with topics and proofs of another platform, or of their own."
        static let example =
            "product set-dialect lamp --preset alibaba --proof tollgate --proof alibaba-hmacsha256"
        @Argument(help: .product) var pk: String
        @Option(help: "Topics of a platform: alibaba, aws, azure or quecthing.")
        var preset: String?
        @Option(
            help: "A pattern of what devices publish to, with ${pk}, ${dk}, ${clientId}; repeat it."
        )
        var up: [String] = []
        @Option(help: "A pattern of what devices subscribe to; repeat it.")
        var down: [String] = []
        @Option(
            help:
                "tollgate, alibaba-hmacsha256, alibaba-hmacsha1, alibaba-hmacmd5, azure-sas, plain, jwt or psk; repeat it. Default: tollgate."
        )
        var proof: [String] = []
        var request: APIRequest {
            .put(
                "products/\(pk.escaped)/dialect",
                [
                    "preset": preset, "up": Self.list(up), "down": Self.list(down),
                    "proofs": Self.list(proof),
                ])
        }

        private static func list(_ texts: [String]) -> JSON? {
            texts.isEmpty ? nil : .array(texts.map { .text($0) })
        }
    }

    struct SetUncounted: Verb {
        static let about =
            "Says what its devices may publish without being counted; without a topic everything is."
        static let example = "product set-uncounted lamp --topic 'heartbeat/#'"
        @Argument(help: .product) var pk: String
        @Option(
            help:
                "A pattern of what comes behind d/PK/DK/up/, with ${pk}, ${dk}, ${clientId}; repeat it."
        )
        var topic: [String] = []
        var request: APIRequest {
            .put(
                "products/\(pk.escaped)/uncounted-topics",
                ["topics": JSON.array(topic.map { .text($0) })])
        }
    }

    struct EndDialect: Verb {
        static let about = "Has its devices connect as all others do."
        static let example = "product end-dialect lamp"
        @Argument(help: .product) var pk: String
        var request: APIRequest { .delete("products/\(pk.escaped)/dialect") }
    }

    struct ShowSecret: Verb {
        static let about = "Shows the secret that its devices register with."
        static let example = "product show-secret lamp"
        @Argument(help: .product) var pk: String
        var request: APIRequest { .get("products/\(pk.escaped)/secret") }
    }

    struct RotateSecret: Irreversible {
        static let about = "Gives it another secret; the one before is taken for a while still."
        static let example = "product rotate-secret lamp --overlap-hours 48 --yes"
        @Argument(help: .product) var pk: String
        @Option(help: "How long the one before is taken, in hours. Default: 24.")
        var overlapHours: Int64?
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest {
            .post("products/\(pk.escaped)/secret/rotate", ["overlapHours": overlapHours])
        }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let product = try await gateway.product(pk)
            return
                "\(product.text) gets another secret: devices that have the one of today, and have not registered"
                + " within \(counted(overlapHours ?? 24, "hour")), can't any more"
        }
    }

    struct RevokeSecret: Irreversible {
        static let about = "Lets no device register itself by a secret, until there is another one."
        static let example = "product revoke-secret lamp --yes"
        @Argument(help: .product) var pk: String
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .post("products/\(pk.escaped)/secret/revoke") }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let product = try await gateway.product(pk)
            return
                "\(product.text) loses its secret: no device that has it can register itself any more;"
                + " the \(counted(product.devices, "device")) that it knows stay"
        }
    }

    struct List: Verb {
        static let about = "The products, by key."
        static let example = "product list --name lamp --account acme"
        @Option(help: "Only this account's.") var account: String?
        @Option(help: .dataCentre) var dataCentre: String?
        @Option(help: "Only those with that in their name, or in their key.") var name: String?
        @Option(help: ArgumentHelp("Only those with that metadata.", valueName: "key=value"))
        var metadata: String?
        var request: APIRequest {
            .list(
                "products"
                    + query([
                        "account": account, "dataCentre": dataCentre, "name": name,
                        "metadata": metadata,
                    ]),
                by:
                    "pk name account package codes.assigned codes.remaining codes.consumed devices.known devices.active devices.online | autoRenewal registration dataCentre uplinkStream messageLog createdAt"
            )
        }
    }

    struct Show: Verb {
        static let about = "A product, its codes and devices."
        static let example = "product show lamp"
        @Argument(help: .product) var pk: String
        var request: APIRequest { .get("products/\(pk.escaped)") }
    }

    struct Create: Verb {
        static let about = "Makes a product; its secret is shown once."
        static let example = "product create --pk lamp --name 'Desk lamp' --account acme"
        @Option(help: .name) var name: String
        @Option(help: .account) var account: String
        @Option(help: "Its ProductKey; made when left out.") var pk: String?
        @Option(help: "Its package; set by the first codes when left out.") var package: String?
        @Option(help: "open, imported or closed. Default: imported.") var registration: String?
        @Option(help: "Where its day begins, in minutes east of UTC.") var dayOffsetMinutes: Int64?
        @Option(help: "Where its codes are counted. Default: here.") var dataCentre: String?
        var request: APIRequest {
            .post(
                "products",
                [
                    "pk": pk, "name": name, "account": account, "package": package,
                    "registration": registration, "dayOffsetMinutes": dayOffsetMinutes,
                    "dataCentre": dataCentre,
                ])
        }
    }

    struct Update: Verb {
        static let about = "Changes a product's settings; what is left out stays."
        static let example = "product update lamp --auto-renewal true"
        @Argument(help: .product) var pk: String
        @Option(help: .name) var name: String?
        @Option(help: "Whether activations are renewed: true or false.") var autoRenewal: Bool?
        @Option(help: "open, imported or closed.") var registration: String?
        @Option(help: "Where its day begins, in minutes east of UTC.") var dayOffsetMinutes: Int64?
        @Option(help: "Whether its devices' messages are stored: true or false.") var messageLog:
            Bool?
        var request: APIRequest {
            .patch(
                "products/\(pk.escaped)",
                [
                    "name": name, "autoRenewal": autoRenewal, "registration": registration,
                    "dayOffsetMinutes": dayOffsetMinutes, "messageLog": messageLog,
                ])
        }
    }

    struct Rename: Verb {
        static let about = "Gives a product another name; its key stays."
        static let example = "product rename lamp 'Desk lamp, second edition'"
        @Argument(help: .product) var pk: String
        @Argument(help: "The new name.") var name: String
        var request: APIRequest { .patch("products/\(pk.escaped)", ["name": name]) }
    }

    struct Note: Verb {
        static let about = "Notes something about a product, as metadata, or takes it away."
        static let example = "product note lamp line=B7 --remove draft"
        @Argument(help: .product) var pk: String
        @OptionGroup var metadata: MetadataArguments
        var request: APIRequest {
            get throws(Failure) {
                .show(.patch, "products/\(pk.escaped)/metadata", try metadata.patch)
            }
        }
    }

    struct Upgrade: Irreversible {
        static let about = "Gives all its devices and codes a better package."
        static let example = "product upgrade lamp plus --yes"
        @Argument(help: .product) var pk: String
        @Argument(help: "The id of the better package.") var package: String
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .post("products/\(pk.escaped)/upgrade", ["package": package]) }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let product = try await gateway.product(pk)
            _ = try await gateway.document(.get, "packages/\(package.escaped)")
            return "\(product.text) goes from package \(product.package) to \(package), with"
                + " \(counted(product.devices, "device")) and \(counted(product.remaining, "code"))"
                + " that are left; a package is never lowered again"
        }
    }

    struct Usage: Verb {
        static let about = "The messages of all its devices, day by day."
        static let example = "product usage lamp --from 2026-11-01"
        @Argument(help: .product) var pk: String
        @OptionGroup var span: UsageSpan
        var request: APIRequest { span.request(of: "products/\(pk.escaped)", by: "day used") }
    }

    struct Online: Verb {
        static let about = "Its devices over time: how many, and the most that were online at once."
        static let example = "product online lamp --by hour --from 2026-11-28"
        @Argument(help: .product) var pk: String
        @OptionGroup var span: OnlineSpan
        var request: APIRequest { span.request(of: "products/\(pk.escaped)") }
    }

    struct Delete: Irreversible {
        static let about =
            "Deletes it for good: its codes do not come back, its devices are refused."
        static let example = "product delete lamp --yes"
        @Argument(help: .product) var pk: String
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .delete("products/\(pk.escaped)") }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let product = try await gateway.product(pk)
            let online = product.online > 0 ? ", \(product.online) of them connected now" : ""
            return
                "\(product.text) is deleted: with it go \(counted(product.remaining, "code")) not consumed,"
                + " and \(counted(product.devices, "device")) can't connect any more\(online)"
        }
    }
}

/// Which days messages are told of.
struct UsageSpan: ParsableArguments {
    @Option(help: "The first day, like 2026-11-21. Default: 30 days before the last.")
    var from: String?
    @Option(help: "The last day. Default: today.") var to: String?

    func request(of owner: String, by columns: Columns) -> APIRequest {
        .list("\(owner)/usage" + query(["from": from, "to": to]), by: columns)
    }
}

/// Which days devices are told of, and in what steps.
struct OnlineSpan: ParsableArguments {
    @Option(help: "The first day, like 2026-11-21; 31 are kept. Default: 30 days before the last.")
    var from: String?
    @Option(help: "The last day. Default: today.") var to: String?
    @Option(help: "day or hour. Default: day.") var by: String?

    func request(of owner: String) -> APIRequest {
        .list(
            "\(owner)/online" + query(["from": from, "to": to, "by": by]),
            by: "from online devices active missing | day")
    }
}

/// A product, as what becomes of it is told.
struct ProductFigures {
    let document: JSON
    private let pk: String

    init(_ pk: String, _ document: JSON) {
        self.pk = pk
        self.document = document
    }

    /// `product lamp (Desk lamp)`.
    var text: String { "product \(pk) (\(document["name"]?.text ?? "?"))" }
    var package: String { document["package"]?.text ?? "none" }
    var remaining: Int64 { document["codes"]?["remaining"]?.integer ?? 0 }
    var devices: Int64 { document["devices"]?["known"]?.integer ?? 0 }
    var online: Int64 { document["devices"]?["online"]?.integer ?? 0 }
}

extension APIClient {
    func product(_ pk: String) async throws(Failure) -> ProductFigures {
        ProductFigures(pk, try await document(.get, "products/\(pk.escaped)"))
    }
}
