import Ledger
import Sessions
import Testing

@testable import Gateway

@Suite struct QueueFiguresTests {
    private static let limits = QueueLimits(messages: 10, bytes: 1_000)

    private static func figures(_ messages: Int, _ bytes: Int = 0) -> QueueFigures {
        QueueFigures(messages: messages, bytes: bytes, limits: limits)
    }

    @Test("a queue is as full as the nearer of its limits says, and a key's is its fullest one")
    func ratio() {
        #expect(Self.figures(5, 100).usedRatio == 0.5)
        #expect(Self.figures(1, 900).usedRatio == 0.9)
        #expect(Self.figures(12, 0).usedRatio == 1.2)
        var sum = Self.figures(5, 100)
        sum.merge(Self.figures(3, 10))
        #expect(sum.messages == 8 && sum.bytes == 110 && sum.usedRatio == 0.5)
    }

    @Test("the keys with least room are shown, and all others together, as far as there are any")
    func shown() {
        var seen = QueuesSeen()
        #expect(seen.byRoom(upTo: 2).isEmpty)
        for (name, count) in [("a", 1), ("b", 9), ("c", 4), ("d", 4)] {
            seen.applications[KeyID(name)!] = Self.figures(count)
        }
        func names(_ count: Int) -> [String] {
            seen.byRoom(upTo: count).map { "\($0.application) \($0.figures.messages)" }
        }
        #expect(names(4) == ["b 9", "c 4", "d 4", "a 1"])
        #expect(names(2) == ["b 9", "c 4", " 5"])
        seen.applications[nil] = Self.figures(7)
        #expect(names(9) == ["b 9", "c 4", "d 4", "a 1", " 7"])
        #expect(names(1) == ["b 9", " 16"])
    }

    @Test("parts of a shard, and of all shards, are added up")
    func merged() {
        var one = QueuesSeen()
        one.applications[KeyID("a")!] = Self.figures(1, 10)
        one.devices = Self.figures(2)
        one.next = 7
        var other = one
        other.applications[nil] = Self.figures(3)
        one.merge(other)
        #expect(
            one.applications == [KeyID("a")!: doubled(Self.figures(1, 10)), nil: Self.figures(3)])
        #expect(one.devices == doubled(Self.figures(2)) && one.next == 7)
    }

    private func doubled(_ figures: QueueFigures) -> QueueFigures {
        var sum = figures
        sum.merge(figures)
        return sum
    }
}
