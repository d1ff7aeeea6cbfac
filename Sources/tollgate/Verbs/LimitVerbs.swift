import Admin
import ArgumentParser

/// What devices may send and have under way.
struct LimitOptions: ParsableArguments {
    @Option(help: "Messages that a device may send in a second, on average.")
    var messagesPerSecond: Int64?
    @Option(help: "And at once, after a pause.") var messageBurst: Int64?
    @Option(help: "Bytes of topics and payloads in a second, on average.")
    var bytesPerSecond: Int64?
    @Option(help: "And at once, after a pause.") var byteBurst: Int64?
    @Option(help: "What becomes of more: delay, refuse or disconnect. Default: delay.")
    var excess: String?
    @Option(help: "Messages of QoS 1 and 2 that may be under way.") var inflightMessages: Int64?
    @Option(help: "The largest packet, in bytes.") var packetBytes: Int64?
    @Option(help: "Topic filters that a device may have.") var subscriptions: Int64?

    var members: Members {
        [
            "messages": Self.rate(messagesPerSecond, messageBurst),
            "bytes": Self.rate(bytesPerSecond, byteBurst), "excess": excess,
            "inflightMessages": inflightMessages, "packetBytes": packetBytes,
            "subscriptions": subscriptions,
        ]
    }

    private static func rate(_ perSecond: Int64?, _ burst: Int64?) -> JSON? {
        perSecond.map { .object(of: ["perSecond": $0, "burst": burst]) }
    }

    func validate() throws {
        if messageBurst != nil, messagesPerSecond == nil {
            throw ValidationError("--message-burst means nothing without --messages-per-second.")
        }
        if byteBurst != nil, bytesPerSecond == nil {
            throw ValidationError("--byte-burst means nothing without --bytes-per-second.")
        }
    }
}

extension ProductVerbs {
    struct SetLimits: Verb {
        static let about = "Limits what each of its devices may send and have under way."
        static let example =
            "product set-limits lamp --messages-per-second 5 --message-burst 20 --excess refuse"
        @Argument(help: .product) var pk: String
        @OptionGroup var limits: LimitOptions
        var request: APIRequest { .put("products/\(pk.escaped)/limits", limits.members) }
    }

    struct EndLimits: Verb {
        static let about = "Limits its devices no more than the listeners do."
        static let example = "product end-limits lamp"
        @Argument(help: .product) var pk: String
        var request: APIRequest { .delete("products/\(pk.escaped)/limits") }
    }
}

extension DeviceVerbs {
    struct SetLimits: Verb {
        static let about = "Limits a device in another way than its product's others."
        static let example = "device set-limits lamp lamp-1 --messages-per-second 50"
        @Argument(help: .product) var pk: String
        @Argument(help: .device) var dk: String
        @OptionGroup var limits: LimitOptions
        var request: APIRequest {
            .put("products/\(pk.escaped)/devices/\(dk.escaped)/limits", limits.members)
        }
    }

    struct EndLimits: Verb {
        static let about = "Limits a device as its product's others."
        static let example = "device end-limits lamp lamp-1"
        @Argument(help: .product) var pk: String
        @Argument(help: .device) var dk: String
        var request: APIRequest {
            .delete("products/\(pk.escaped)/devices/\(dk.escaped)/limits")
        }
    }
}
