import Gateway
import HTTPTypes
import Ledger

/// What devices may send and have under way, beside the day's allowance.
extension Routes {
    mutating func registerLimits() {
        on(
            .put, "products/:pk/limits", "setProductLimits",
            "Limit what each of a product's devices may send and have under way; rates hold for connected devices at once",
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

extension TrafficLimits {
    /// What `Schema.trafficLimits` lets through.
    fileprivate init(_ fields: Fields) throws(Problem) {
        let limits = TrafficLimits(
            messages: try Rate("messagesPerSecond", burst: "messageBurst", fields),
            bytes: try Rate("bytesPerSecond", burst: "byteBurst", fields),
            excess: try fields.optionalText("excess").flatMap(RateExcess.init(named:)),
            inflightMessages: try fields.optionalCount("inflightMessages"),
            packetBytes: try fields.optionalCount("packetBytes"),
            subscriptions: try fields.optionalCount("subscriptions"))
        guard let limits else {
            throw .invalid("say at least one limit; to have none, delete them")
        }
        self = limits
    }
}

extension Rate {
    /// `nil` when there is none.
    fileprivate init?(
        _ name: String, burst burstName: String, _ fields: Fields
    ) throws(Problem) {
        let burst = try fields.optionalCount(burstName)
        guard let perSecond = try fields.optionalCount(name) else {
            guard burst == nil else {
                throw .invalid("\(burstName): means nothing without \(name)")
            }
            return nil
        }
        self.init(perSecond: perSecond, burst: burst)
    }
}

extension Fields {
    fileprivate func optionalCount(_ name: String) throws(Problem) -> UInt32? {
        try optionalNumber(name).map { UInt32(clamping: $0) }
    }
}

extension Schema {
    /// Beside the day's allowance.
    static let trafficLimits = object([
        "messagesPerSecond": .optional(
            .integer(1...1_000_000), "PUBLISHes that a device may send, on average."),
        "messageBurst": .optional(
            .integer(1...1_000_000), "And at once after a pause; as many as a second's by default."
        ),
        "bytesPerSecond": .optional(
            .rate, "Bytes of topics and payloads that a device may send, on average."),
        "byteBurst": .optional(
            .rate, "And at once after a pause; as many as a second's by default."),
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

    private static let rate = integer(range(Rate.range))

    private static func range(_ bounds: ClosedRange<UInt32>) -> ClosedRange<Int64> {
        Int64(bounds.lowerBound)...Int64(bounds.upperBound)
    }
}

extension RateExcess: Choice {}

extension Documents {
    static let limits = Shape<TrafficLimits>("TrafficLimits") {
        Member("messagesPerSecond", \.messages?.perSecond)
        Member("messageBurst", \.messages?.burst)
        Member("bytesPerSecond", \.bytes?.perSecond)
        Member("byteBurst", \.bytes?.burst)
        Member("excess", \.excess, "null: delay, or as the product has it.")
        Member("inflightMessages", \.inflightMessages)
        Member("packetBytes", \.packetBytes)
        Member("subscriptions", \.subscriptions)
    }
}
