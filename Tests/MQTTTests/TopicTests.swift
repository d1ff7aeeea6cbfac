import MQTT
import Testing

@Suite struct TopicTests {
    private func matches(_ filter: String, _ topic: String) -> Bool {
        let filter = Array(filter.utf8)
        let topic = Array(topic.utf8)
        guard let parsed = try? TopicFilter(filter.span) else { return false }
        return parsed.matches(topic.span)
    }

    private func filterRule(_ text: String) -> Violation? {
        let bytes = Array(text.utf8)
        return violation { () throws(DecodingError) in _ = try TopicFilter(bytes.span) }
    }

    private func nameRule(_ text: String) -> Violation? {
        let bytes = Array(text.utf8)
        return TopicName.violation(in: bytes.span)
    }

    @Test("4.7.1: the examples of the standard match, and do not match, as it says")
    func matching() {
        let matching = [
            ("sport/tennis/player1/#", "sport/tennis/player1"),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking"),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"),
            ("sport/#", "sport"), ("#", "sport/tennis"), ("#", "/"),
            ("sport/tennis/+", "sport/tennis/player1"), ("sport/+", "sport/"),
            ("+", "finance"), ("+/+", "/finance"), ("/+", "/finance"), ("+/tennis/#", "a/tennis"),
            ("sport/+/player1", "sport//player1"), ("a/+/#", "a/b"), ("a/+/#", "a/"),
            ("$SYS/#", "$SYS/uptime"), ("$SYS/monitor/+", "$SYS/monitor/Clients"),
            ("$share/group/a/+", "a/b"), ("$share/group/#", "a"), ("a/$b", "a/$b"),
            ("+/$b", "a/$b"),
            ("a", "a"), ("/", "/"), ("ü/+", "ü/ß"),
        ]
        let notMatching = [
            ("sport/tennis/+", "sport/tennis/player1/ranking"), ("sport/+", "sport"),
            ("+", "/finance"), ("+", "a/b"), ("a/#", "ab"), ("a/#", "b/a"), ("a/b", "a"),
            ("a", "a/b"), ("a/+", "a"), ("a/+/c", "a/b"), ("a", "A"), ("a/", "a"), ("a", "a/"),
            ("/a", "a"), ("a/+/#", "a"),
        ]
        for (filter, topic) in matching { #expect(matches(filter, topic), "\(filter) \(topic)") }
        for (filter, topic) in notMatching {
            #expect(!matches(filter, topic), "\(filter) \(topic)")
        }
    }

    @Test("[MQTT-4.7.2-1] A wildcard at the start does not match a topic that begins with $")
    func dollar() {
        #expect(!matches("#", "$SYS/uptime"))
        #expect(!matches("+/monitor/Clients", "$SYS/monitor/Clients"))
        #expect(!matches("$share/group/#", "$SYS/uptime"))
    }

    @Test("Matching agrees with splitting into levels, for all short filters and topics")
    func againstLevels() {
        let letters = ["a", "b", "/", "+", "#"]
        var texts = [""]
        for _ in 0..<5 { texts += texts.flatMap { text in letters.map { text + $0 } } }
        texts = Array(Set(texts)).filter { !$0.isEmpty && $0.utf8.count <= 5 }
        let filters = texts.filter { filterRule($0) == nil }
        let topics = texts.filter { nameRule($0) == nil && $0.utf8.count <= 4 }
        #expect(filters.count > 400 && topics.count == 3 + 9 + 27 + 81)
        var wrong = 0
        for filter in filters where filter.utf8.count < 5 || filter.utf8.last == 0x23 {
            for topic in topics where matches(filter, topic) != Self.byLevels(filter, topic) {
                wrong += 1
                Issue.record("\(filter) \(topic)")
            }
        }
        #expect(wrong == 0)
    }

    private static func byLevels(_ filter: String, _ topic: String) -> Bool {
        let asked = filter.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
        let given = topic.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
        for (index, level) in asked.enumerated() {
            if level.elementsEqual("#".utf8) { return true }
            if index >= given.count { return false }
            if !level.elementsEqual("+".utf8) && !level.elementsEqual(given[index]) { return false }
        }
        return asked.count == given.count
    }

    @Test("[MQTT-4.7.1-1] # stands alone in the last level")
    func multiLevel() {
        for text in ["a#", "sport/tennis#", "sport/tennis/#/ranking", "#/a", "##", "#a"] {
            #expect(filterRule(text) == .multiLevelWildcardMisplaced, "\(text)")
        }
        for text in ["#", "/#", "a/#", "+/#", "//#"] { #expect(filterRule(text) == nil) }
        #expect(Violation.multiLevelWildcardMisplaced.reason == .malformedPacket)
    }

    @Test("[MQTT-4.7.1-2] + stands alone in its level")
    func singleLevel() {
        for text in ["sport+", "+a", "a/+b", "a/b+/c", "++"] {
            #expect(filterRule(text) == .singleLevelWildcardMisplaced, "\(text)")
        }
        for text in ["+", "+/tennis/#", "sport/+/player1", "/+", "+/"] {
            #expect(filterRule(text) == nil)
        }
        #expect(Violation.singleLevelWildcardMisplaced.reason == .malformedPacket)
    }

    @Test("[MQTT-4.7.3-1] Topic names and filters have at least one character")
    func empty() {
        #expect(nameRule("") == .topicNameEmpty)
        #expect(filterRule("") == .topicFilterEmpty)
        #expect(nameRule(" ") == nil && nameRule("/") == nil && filterRule("/") == nil)
    }

    @Test("Of ASCII a topic name may have all but U+0000 and the wildcards, wherever they stand")
    func plainNames() {
        for length in 1..<26 {
            for position in 0..<length {
                for byte in UInt8(0)..<0x80 {
                    var name = [UInt8](repeating: 0x7F, count: length)
                    name[position] = byte
                    let expected: Violation? =
                        switch byte {
                        case 0: .nullCharacter
                        case UInt8(ascii: "+"), UInt8(ascii: "#"): .topicNameWildcard
                        default: nil
                        }
                    if TopicName.violation(in: name.span) != expected {
                        Issue.record("\(byte) at \(position) of \(length)")
                    }
                }
            }
        }
    }

    @Test("[MQTT-3.3.2-2] A topic name has no wildcard, wherever it stands")
    func wildcardInName() {
        for position in 0..<20 {
            for wildcard in ["+", "#"] {
                let before = String(repeating: "x", count: position)
                #expect(nameRule(before + wildcard) == .topicNameWildcard)
                #expect(nameRule(before + wildcard + "/abcdefgh") == .topicNameWildcard)
                #expect(nameRule(before + wildcard + "ü") == .topicNameWildcard)
            }
            #expect(nameRule(String(repeating: "ß", count: position + 1)) == nil)
        }
        #expect(Violation.topicNameWildcard.reason == .malformedPacket)
    }

    @Test("[MQTT-4.8.2-1] [MQTT-4.8.2-2] A share has a name without wildcards, then a filter")
    func shares() throws {
        let bytes = Array("$share/consumer1/sport/+/#".utf8)
        let filter = try TopicFilter(bytes.span)
        let isShared = filter.isShared
        let name = text(filter.shareName)
        let rest = text(filter.filter)
        let levels = filter.levelCount
        let hasWildcards = filter.hasWildcards
        #expect(isShared && name == "consumer1" && rest == "sport/+/#")
        #expect(levels == 3 && hasWildcards)

        #expect(filterRule("$share//a") == .shareNameMissing)
        #expect(filterRule("$share/") == .shareNameMissing)
        for text in ["$share/g", "$share/g/", "$share/+/a", "$share/g#/a", "$share/#"] {
            #expect(filterRule(text) == .shareNameInvalid, "\(text)")
        }
        #expect(filterRule("$share/g/a#") == .multiLevelWildcardMisplaced)
        #expect(filterRule("$share") == nil && filterRule("$share1/a") == nil)
        #expect(Violation.shareNameMissing.reason == .malformedPacket)
        #expect(Violation.shareNameInvalid.reason == .malformedPacket)
    }

    @Test("4.7.1.1: a topic has one level more than slashes")
    func levels() {
        for (topic, count) in [("a", 1), ("/", 2), ("a/b", 2), ("a//b", 3), ("/a/", 3)] {
            let bytes = Array(topic.utf8)
            #expect(TopicName.levelCount(of: bytes.span) == count)
        }
    }
}
