import Admin
import ArgumentParser

/// Something that is done to one device, or to many of a product.
protocol DeviceAction: Sendable {
    /// By default that of the type, in small letters.
    static var name: String { get }
    static var about: String { get }
    static var examples: [String] { get }

    /// What the words behind the ProductKey are.
    static var words: ArgumentHelp { get }

    /// Takes what it needs besides devices from the end of the words.
    init(taking words: inout [String]) throws(Failure)

    /// - Parameter device: its path.
    func request(_ device: String) -> APIRequest

    /// What has been done to devices: `disabled`.
    var done: String { get }

    /// What one device loses that can't be undone; `nil`: nothing.
    func loss(of device: DeviceKeyPath, at gateway: APIClient) async throws(Failure) -> String?

    /// What becomes of many devices; `nil`: nothing that has to be asked about.
    func loss(ofMany devices: String) -> String?

    /// Whether that can't be undone.
    var isForGood: Bool { get }
}

/// A device by its keys.
struct DeviceKeyPath {
    let pk: String
    let dk: String

    var path: String { "products/\(pk.escaped)/devices/\(dk.escaped)" }
    var text: String { "device \(dk) of product \(pk)" }
}

extension DeviceAction {
    static var name: String { String(describing: Self.self).lowercased() }

    var isForGood: Bool { false }

    static var words: ArgumentHelp { "The DeviceKeys; none with --from, a filter or --all." }

    func loss(of device: DeviceKeyPath, at gateway: APIClient) async throws(Failure) -> String? {
        nil
    }
}

extension DeviceVerbs {
    struct Disable: DeviceAction {
        static let about = "Disconnects and refuses devices; their activations run on."
        static let examples = [
            "device disable lamp lamp-1", "device disable lamp --from lost.txt --yes",
        ]
        let done = "disabled"

        init(taking words: inout [String]) {}

        func request(_ device: String) -> APIRequest { .post("\(device)/disable", [:]) }

        func loss(ofMany devices: String) -> String? {
            "\(devices) are disconnected, and refused until they are enabled again"
        }
    }

    struct Enable: DeviceAction {
        static let about = "Lets devices connect again."
        static let examples = [
            "device enable lamp lamp-1", "device enable lamp --state disabled --like hall",
        ]
        let done = "enabled"

        init(taking words: inout [String]) {}

        func request(_ device: String) -> APIRequest { .post("\(device)/enable", [:]) }

        func loss(ofMany devices: String) -> String? { nil }
    }

    struct Kick: DeviceAction {
        static let about = "Ends the connections of devices; they may connect again."
        static let examples = ["device kick lamp lamp-1", "device kick lamp --online --yes"]
        let done = "disconnected"

        init(taking words: inout [String]) {}

        func request(_ device: String) -> APIRequest { .delete("\(device)/connection") }

        func loss(ofMany devices: String) -> String? {
            "\(devices) are disconnected, and may all come back at once"
        }
    }

    struct Renewal: DeviceAction {
        static let about = "Switches the automatic renewal of devices on or off."
        static let examples = [
            "device renewal lamp lamp-1 off", "device renewal lamp on --from paid.txt",
        ]
        static let words: ArgumentHelp =
            "The DeviceKeys, none with --from, a filter or --all; and on or off."
        private let isOn: Bool

        init(taking words: inout [String]) throws(Failure) {
            switch words.popLast() {
            case "on": isOn = true
            case "off": isOn = false
            case let word:
                throw Failure(
                    text: "\(word ?? "the last word"): must be on or off\n"
                        + "  See 'tollgate device renewal --help'.", code: 2)
            }
        }

        var done: String { isOn ? "renewed from now on" : "renewed no more" }

        func request(_ device: String) -> APIRequest {
            .put("\(device)/renewal", ["autoRenewal": isOn])
        }

        func loss(ofMany devices: String) -> String? { nil }
    }

    struct Delete: DeviceAction {
        static let about = "Deletes devices; no code comes back, their activations run on."
        static let examples = [
            "device delete lamp lamp-1 --yes", "device delete lamp --state inactive --like test-",
        ]
        let done = "deleted"
        let isForGood = true

        init(taking words: inout [String]) {}

        func request(_ device: String) -> APIRequest { .delete(device) }

        func loss(of device: DeviceKeyPath, at gateway: APIClient) async throws(Failure) -> String?
        {
            let found = try await gateway.document(.get, device.path)
            let codes = found["codesConsumed"]?.integer ?? 0
            let end = found["expiresAt"]?.text.map { ", its activation until \($0) with it" } ?? ""
            let isOnline = found["online"]?.bool == true
            let consumed =
                codes > 0 ? "; of the codes that it has consumed (\(codes)) none comes back" : ""
            return
                "\(device.text) is deleted\(end)\(consumed)\(isOnline ? "; it is connected now" : "")"
        }

        func loss(ofMany devices: String) -> String? {
            "\(devices) are deleted: no code that they have consumed comes back"
        }
    }
}

/// The command of an action: one device, or many with their progress and a summary.
struct DeviceActionCommand<Action: DeviceAction>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        let examples = Action.examples.map { "EXAMPLE: tollgate \($0)" }.joined(separator: "\n")
        return CommandConfiguration(
            commandName: Action.name, abstract: Action.about,
            discussion: """
                Of many devices, progress is shown on standard error. What failed is listed there with its \
                reason, and the exit code is 1.

                \(examples)
                """)
    }

    @Argument(help: .product) var pk: String
    @Argument(help: Action.words) var words: [String] = []
    @Option(
        name: .customLong("from"),
        help:
            "A file with a DeviceKey a line, or a CSV with such a first column; - is standard input."
    )
    var file: String?
    @OptionGroup var filter: DeviceFilter
    @Flag(help: "All devices of the product.") var all = false
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var gateway: GatewayOptions

    func run() async throws {
        var devices = words
        let action = try Action(taking: &devices)
        let client = try gateway.client
        let ways = [!devices.isEmpty, file != nil, !filter.isEmpty, all].count { $0 }
        guard ways == 1 else {
            throw Failure(
                text: """
                    say which devices: their DeviceKeys, --from FILE, a filter (--like, --state, --online) or --all\
                    \(ways > 1 ? "; one of them" : "")
                      See 'tollgate device \(Action.name) --help'.
                    """, code: 2)
        }
        if devices.count == 1, let dk = devices.first {
            return try await run(action, on: DeviceKeyPath(pk: pk, dk: dk), client)
        }
        let source: BulkSource =
            if let file {
                .file(try UploadSource(file))
            } else if devices.isEmpty {
                .list("products/\(pk.escaped)/devices\(filter.query)")
            } else { .named(devices) }
        try await Bulk(pk: pk, action: action, source: source, client: client, consent: consent)
            .run()
    }

    private func run(
        _ action: Action,
        on device: DeviceKeyPath,
        _ client: APIClient
    ) async throws(Failure) {
        if !consent.yes, let loss = try await action.loss(of: device, at: client) {
            try ConsentOptions.confirm(loss)
        }
        guard case .show(let method, let path, let body) = action.request(device.path) else {
            preconditionFailure("an action is one request")
        }
        try await client.show(method, path, body)
    }
}
