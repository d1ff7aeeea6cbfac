import Gateway
import HTTPTypes
import Ledger

/// What devices may send and have under way, beside the day's allowance.
extension Routes {
    mutating func registerLimits() {
        on(
            .put, "products/:pk/limits", "setProductLimits",
            "Limit what each of a product's devices may send and have under way, instead of what was said before; rates hold for connected devices at once",
            body: .json(.trafficLimits), answers: .ok(Documents.product)
        ) { call in
            let (key, _) = try call.product()
            let limits = try TrafficLimits(try await call.fields())
            return try await call.answer(.products(.setLimits(key, limits))) {
                try await Self.showProduct(key, call)
            }
        }
        on(
            .delete, "products/:pk/limits", "endProductLimits",
            "Limit a product's devices no more than the listeners do",
            answers: .ok(Documents.product)
        ) { call in
            let (key, _) = try call.product()
            return try await call.answer(.products(.setLimits(key, nil))) {
                try await Self.showProduct(key, call)
            }
        }
        on(
            .put, "products/:pk/devices/:dk/limits", "setDeviceLimits",
            "Limit a device in another way than its product's others; what is left out is as the product has it",
            body: .json(.trafficLimits), answers: .ok(.shownDevice)
        ) { call in
            _ = try call.identity()
            let limits = try TrafficLimits(try await call.fields())
            return try await Self.act(call) { .devices(.setLimits($0, limits)) }
        }
        on(
            .delete, "products/:pk/devices/:dk/limits", "endDeviceLimits",
            "Limit a device as its product's others", answers: .ok(.shownDevice)
        ) { call in try await Self.act(call) { .devices(.setLimits($0, nil)) } }
    }
}

extension Schema {
    /// Beside the day's allowance.
    static let trafficLimits = object([
        "messages": .optional(.rate(upTo: 1_000_000), "PUBLISHes that a device may send."),
        "bytes": .optional(
            .rate(upTo: Rate.range.upperBound), "Bytes of topics and payloads that it may send."),
        "excess": .optional(
            .choice(RateExcess.self),
            "What becomes of a PUBLISH over a rate: it waits (delay, the default), is refused, or ends the connection."
        ),
        "inflightMessages": .optional(
            .integer(range(TrafficLimits.inflightRange)),
            "PUBLISHes of QoS 1 and 2 that may wait for their acknowledgements; from the next connection on."
        ),
        "packetBytes": .optional(
            .integer(range(TrafficLimits.packetBytesRange)),
            "The largest packet that a device may send; from the next connection on."),
        "subscriptions": .optional(
            .integer(0...Int64(TrafficLimits.subscriptionsMaximum)),
            "Topic filters that a device may have."),
    ])

    private static func rate(upTo maximum: UInt32) -> Schema {
        object([
            "perSecond": .noted(.integer(range(1...maximum)), "On average."),
            "burst": .optional(
                .integer(range(1...maximum)),
                "At once, after a pause; what a second brings by default."),
        ])
    }

    private static func range(_ bounds: ClosedRange<UInt32>) -> ClosedRange<Int64> {
        Int64(bounds.lowerBound)...Int64(bounds.upperBound)
    }
}

extension TrafficLimits {
    /// What `Schema.trafficLimits` lets through; `nil` when nothing is limited.
    fileprivate init?(_ fields: Fields) throws(Problem) {
        self.init(
            messages: try fields.rate("messages"),
            bytes: try fields.rate("bytes"),
            excess: try fields.optionalText("excess").flatMap(RateExcess.init(named:)),
            inflightMessages: try fields.count("inflightMessages"),
            packetBytes: try fields.count("packetBytes"),
            subscriptions: try fields.count("subscriptions"))
    }
}

extension Fields {
    fileprivate func rate(_ name: String) throws(Problem) -> Rate? {
        guard let members = try optionalObject(name),
            let perSecond = members["perSecond"]?.integer
        else { return nil }
        return Rate(
            perSecond: UInt32(clamping: perSecond),
            burst: members["burst"]?.integer.map { UInt32(clamping: $0) })
    }

    fileprivate func count(_ name: String) throws(Problem) -> UInt32? {
        try optionalNumber(name).map { UInt32(clamping: $0) }
    }
}

extension RateExcess: Choice {}

extension Documents {
    static let limits = Shape<TrafficLimits>("TrafficLimits") {
        Member("messages", Documents.rate, orNull: \.messages)
        Member("bytes", Documents.rate, orNull: \.bytes)
        Member("excess", \.excess, "null: delay, or as the product has it.")
        Member("inflightMessages", \.inflightMessages)
        Member("packetBytes", \.packetBytes)
        Member("subscriptions", \.subscriptions)
    }

    private static let rate = Shape<Rate>("Rate") {
        Member("perSecond", \.perSecond)
        Member("burst", \.burst)
    }
}
