import Bytes
import Ledger
import Processes
import Randomness
import Testing

@testable import Gateway

/// Patterns of devices' own topics, matched in place.
@Suite(.computes) struct TopicClassesTests {
    private static let identity = DeviceIdentity(
        product: ProductKey("pk")!, device: DeviceKey("d.1")!)

    private func covers(
        _ patterns: [String], _ topic: String, as identity: DeviceIdentity = identity,
        client: String? = "cli"
    ) throws -> Bool {
        let set = PatternSet(try patterns.map { try TopicPattern($0) })
        guard let client else {
            return set.covers(
                topic.utf8Span.span, product: identity.product.text.utf8Span.span,
                device: identity.device.text.utf8Span.span, client: nil)
        }
        return set.covers(
            topic.utf8Span.span, product: identity.product.text.utf8Span.span,
            device: identity.device.text.utf8Span.span, client: client.utf8Span.span)
    }

    @Test(
        "a pattern takes its device's topics, and no other device's",
        arguments: [
            ("/${pk}/${dk}/user/#", "/pk/d.1/user/a/b", true),
            ("/${pk}/${dk}/user/#", "/pk/d.1/user", true),
            ("/${pk}/${dk}/user/#", "/pk/d.1/user/#", true),
            ("/${pk}/${dk}/user/#", "/pk/d.1/user/+", true),
            ("/${pk}/${dk}/user/#", "/pk/d.2/user/a", false),
            ("/${pk}/${dk}/user/#", "/pk/+/user/a", false),
            ("/${pk}/${dk}/user/#", "/pk/d.1", false),
            ("/${pk}/${dk}/user/#", "#", false),
            ("q/2/d/qd${pk}${dk}/+", "q/2/d/qdpkd.1/bus_", true),
            ("q/2/d/qd${pk}${dk}/+", "q/2/d/qdpkd.1/+", true),
            ("q/2/d/qd${pk}${dk}/+", "q/2/d/qdpkd.1/#", false),
            ("q/2/d/qd${pk}${dk}/+", "q/2/d/qdpkd.11/bus_", false),
            ("q/2/d/qd${pk}${dk}/+", "q/2/d/qdpkd.1/bus_/x", false),
            ("devices/${dk}/messages/events/#", "devices/d.1/messages/events/", true),
            ("devices/${dk}/messages/events/#", "devices/d.11/messages/events/", false),
            ("#", "anything/at/all", true), ("#", "$SYS/x", false), ("#", "d/pk/d.2/up/x", false),
            ("#", "", false), ("+", "a", true), ("+", "a/b", false), ("a/+/c", "a//c", true),
        ]
    )
    func topics(pattern: String, topic: String, expected: Bool) throws {
        #expect(try covers([pattern], topic) == expected)
    }

    @Test(
        "what is no pattern is refused with the reason",
        arguments: [
            ("", TopicPattern.Fault.length), (String(repeating: "x", count: 257), .length),
            ("a\u{1}", .character), ("$SYS/#", .reserved), ("d/x", .reserved), ("d", .reserved),
            ("$share/g/x", .reserved), ("a/${clientid}", .unknownVariable("clientid")),
            ("a/${clientId}x", .clientIdentifier), ("${dk}${clientId}", .clientIdentifier),
            ("a/${", .unknownVariable("")), ("a/#/b", .multiLevelWildcard),
            ("a#", .multiLevelWildcard), ("a/${dk}+", .singleLevelWildcard),
        ]
    )
    func faults(text: String, fault: TopicPattern.Fault) {
        #expect(throws: fault) { try TopicPattern(text) }
    }

    @Test(
        "${clientId} is one level, the client's own identifier; where it stands for nothing it takes nothing",
        arguments: [
            ("v1/${clientId}/up/#", "v1/cli/up/x", "cli", true),
            ("v1/${clientId}/up/#", "v1/cli/up", "cli", true),
            ("v1/${clientId}/up/#", "v1/other/up/x", "cli", false),
            ("v1/${clientId}/up/#", "v1/cli2/up/x", "cli", false),
            ("v1/${clientId}/up/#", "v1/+/up/x", "cli", false),
            ("v1/${clientId}/up/#", "v1/#", "cli", false),
            ("v1/${clientId}/up/#", "v1//up/x", "", false),
            ("v1/${clientId}", "v1/", "", false), ("${clientId}", "", "", false),
            ("${clientId}/${dk}", "cli/d.1", "cli", true), ("${clientId}", "cli", "cli", true),
            ("${clientId}/#", "$SYS/x", "$SYS", false), ("${clientId}/#", "d/x", "d", false),
            ("v1/${clientId}/x", "v1/any/x", nil, true), ("v1/${clientId}/x", "v1//x", nil, false),
            ("v1/${clientId}/x", "v1/+/x", nil, false),
            ("v1/${clientId}/x", "v1/a/b/x", nil, false),
            ("v1/${clientId}/#", "v1/#", nil, false), ("v1/${clientId}", "v1/a#", nil, false),
        ])
    func client(pattern: String, topic: String, client: String?, expected: Bool) throws {
        #expect(try covers([pattern], topic, client: client) == expected)
        // Among others that begin alike.
        let others = ["v1/${clientId}/z", "v1/${clientId}/a/#", "v1/${dk}/x", "v1/b"]
        #expect(try covers(others + [pattern], topic, client: client) == expected)
    }

    @Test(
        "a client identifier stands for itself, without parameters, and for nothing when it is no level",
        arguments: [
            ("dev-1", "dev-1"), ("dev-1|securemode=2,signmethod=hmacsha256|", "dev-1"),
            ("灯", "灯"), ("a/b", ""), ("a+", ""), ("#", ""), ("", ""), ("a|b", "a|b"),
            (String(repeating: "x", count: 257), ""),
        ])
    func names(clientID: String, name: String) {
        #expect(ClientName.bytes(of: clientID.utf8Span.span) == Array(name.utf8))
    }

    @Test("presets are within the limit, and each names its platform's topics")
    func presets() {
        for preset in TopicPreset.allCases {
            #expect((1...32).contains(preset.up.count + preset.down.count))
        }
        #expect(TopicPreset.azure.up.map(\.text) == ["devices/${dk}/messages/events/#"])
    }

    // MARK: Against a plain reading of the rule

    /// Level by level, over texts in which the names stand already.
    private static func naive(_ pattern: String, _ topic: String) -> Bool {
        if topic.isEmpty || topic.hasPrefix("$") || topic.hasPrefix("d/") { return false }
        let pattern = pattern.replacing("${pk}", with: "pk").replacing("${dk}", with: "d.1")
            .split(separator: "/", omittingEmptySubsequences: false)
        let topic = topic.split(separator: "/", omittingEmptySubsequences: false)
        for (place, level) in pattern.enumerated() {
            if level == "#" { return true }
            guard place < topic.count else { return false }
            if level == "+" {
                if topic[place] == "#" { return false }
            } else if level != topic[place] {
                return false
            }
        }
        return pattern.count == topic.count

    }

    @Test("sets of patterns cover what each of them covers by the rule, whatever they share")
    func property() throws {
        var random = SplitMix64(seed: 14)
        let words = ["a", "b", "ab", "", "pk", "d.1", "${pk}", "${dk}", "x${pk}${dk}", "+"]
        let names = ["a", "b", "ab", "", "pk", "d.1", "d.2", "xpkd.1", "+", "#", "$a", "d"]
        var hits = 0
        for _ in 0..<20_000 {
            var patterns: [String] = []
            while patterns.count < Int.random(in: 1...8, using: &random) {
                var text = (0..<Int.random(in: 1...4, using: &random))
                    .map { _ in words.randomElement(using: &random)! }.joined(separator: "/")
                if Bool.random(using: &random) { text += "/#" }
                if (try? TopicPattern(text)) != nil { patterns.append(text) }
            }
            let topic = (0..<Int.random(in: 1...5, using: &random))
                .map { _ in names.randomElement(using: &random)! }.joined(separator: "/")
            // `a/#` takes `a`, too, by 4.7.1.2.
            let expected = patterns.contains { pattern in
                Self.naive(pattern, topic)
                    || pattern.hasSuffix("/#") && Self.naive(String(pattern.dropLast(2)), topic)
            }
            let isCovered = try covers(patterns, topic)
            #expect(isCovered == expected, "\(patterns) \(topic)")
            hits += expected ? 1 : 0
        }
        // Both answers are tried often.
        #expect((1_000...19_000).contains(hits))
    }
}
