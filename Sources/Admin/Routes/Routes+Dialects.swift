import Gateway
import HTTPTypes
import Ledger

/// How a product's devices connect that were made for another platform.
extension Routes {
    mutating func registerDialects() {
        on(
            .put, "products/:pk/dialect", "setDialect",
            "Have a product's devices connect with topics and proofs of their own; holds for connected devices at once",
            body: .json([
                "preset": .optional(
                    .choice(TopicPreset.self), "The topics of a platform; instead of up and down."),
                "up": .optional(
                    .topicPatterns,
                    "What the devices publish to; ${pk}, ${dk} and ${clientId} are their names."),
                "down": .optional(.topicPatterns, "What they subscribe to."),
                "proofs": .optional(
                    .list(.choice(ProofKind.self), counts: 1...ProofKind.allCases.count),
                    "What proves who a device is; tollgate alone by default."),
            ]),
            answers: .ok(Documents.product), problems: [.topicsUnusable]
        ) { call in
            let (key, _) = try call.product()
            let dialect = try Self.dialect(try await call.fields())
            return try await call.answer(.products(.setDialect(key, dialect))) {
                try await Self.showProduct(key, call)
            }
        }
        on(
            .delete, "products/:pk/dialect", "endDialect",
            "Have a product's devices connect as all others do", answers: .ok(Documents.product)
        ) { call in
            let (key, _) = try call.product()
            return try await call.answer(.products(.setDialect(key, nil))) {
                try await Self.showProduct(key, call)
            }
        }
        on(
            .put, "products/:pk/uncounted-topics", "setUncountedTopics",
            "Say what a product's devices may publish without being counted, instead of what was said before",
            access: .gateway,
            body: .json([
                "topics": .noted(
                    .topicPatterns,
                    "Below d/{PK}/{DK}/up/; ${pk}, ${dk} and ${clientId} are the device's names. Empty: all is counted."
                )
            ]),
            answers: .ok(Documents.product), problems: [.topicsUnusable]
        ) { call in
            let (key, _) = try call.product()
            let topics = try Self.patterns("topics", try await call.fields()) ?? []
            return try await call.answer(.products(.setUncounted(key, topics))) {
                try await Self.showProduct(key, call)
            }
        }
    }

    private static func dialect(_ fields: Fields) throws(Problem) -> Dialect {
        let proofs = try fields.optionalArray("proofs").map { kinds in
            ProofKinds(kinds.compactMap { $0.text.flatMap(ProofKind.init(named:)) })
        }
        guard let dialect = Dialect(topics: try topics(fields), proofs: proofs ?? .standard) else {
            throw .invalid("proofs: without one no device could connect")
        }
        return dialect
    }

    private static func topics(_ fields: Fields) throws(Problem) -> DeviceTopics? {
        let preset = try fields.optionalText("preset").flatMap(TopicPreset.init(named:))
        let up = try patterns("up", fields)
        let down = try patterns("down", fields)
        if let preset {
            guard up == nil, down == nil else {
                throw Problem(.topicsUnusable, "preset: takes the place of up and down")
            }
            return .preset(preset)
        }
        guard up != nil || down != nil else { return nil }
        let count = (up ?? []).count + (down ?? []).count
        guard (1...DeviceTopics.patternsMaximum).contains(count) else {
            throw Problem(
                .topicsUnusable,
                "up, down: 1 to \(DeviceTopics.patternsMaximum) patterns together, not \(count)")
        }
        return .patterns(up: up ?? [], down: down ?? [])
    }

    private static func patterns(
        _ name: String, _ fields: Fields
    ) throws(Problem) -> [TopicPattern]? {
        guard let texts = try fields.optionalArray(name) else { return nil }
        var patterns: [TopicPattern] = []
        for (place, text) in texts.enumerated() {
            let text = text.text ?? ""
            do throws(TopicPattern.Fault) {
                patterns.append(try TopicPattern(text))
            } catch {
                throw Problem(.topicsUnusable, "\(name)/\(place): '\(text)': \(error)")
            }
        }
        return patterns
    }
}

extension Schema {
    static let topicPattern = text(
        Text(lengths: 1...TopicPattern.maximumLength, alphabet: .printable))
    static let topicPatterns = list(
        topicPattern, counts: 0...DeviceTopics.patternsMaximum)
}

extension TopicPreset: Choice {}
extension ProofKind: Choice {}

extension TopicPattern: Documented {
    static var schema: Schema { .topicPattern }
}

extension Documents {
    static let dialect = Shape<Dialect>("Dialect") {
        Member("preset", \.preset, "The platform whose topics these are.")
        Member("up", \.up, "What devices publish to; Tollgate's own topics besides.")
        Member("down", \.down, "What they subscribe to.")
        Member("proofs", \.proofs.kinds, "What proves who a device is.")
    }
}

extension Dialect {
    fileprivate var preset: TopicPreset? {
        if case .preset(let preset) = topics { preset } else { nil }
    }

    fileprivate var up: [TopicPattern] { topics?.up ?? [] }
    fileprivate var down: [TopicPattern] { topics?.down ?? [] }
}
