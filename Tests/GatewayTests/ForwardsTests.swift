import MQTT
import Sessions
import Testing

@testable import Gateway

@Suite struct ForwardsTests {
    private static let target = NodeMail.Target(node: 3, shard: 1)

    private func forward(_ qos: QoS = .exactlyOnce) -> Forward {
        Forward(
            Message(topic: [0x61], payload: [], qos: qos), isRetained: false,
            isForSubscribers: true, shares: [], shard: 1, shardCount: 2)
    }

    /// Puts one in; there is room.
    private func begin(
        _ forwards: inout Forwards, _ qos: QoS = .exactlyOnce
    ) throws -> ForwardNumber {
        let number = forwards.begin(forward(qos), to: Self.target)
        return try #require(number)
    }

    private func answered(_ forwards: inout Forwards, _ number: ForwardNumber) -> Bool {
        forwards.answered(number, to: Self.target) != nil
    }

    private func next(_ forwards: inout Forwards) -> ForwardNumber? {
        guard let number = forwards.next(to: Self.target)?.number else { return nil }
        forwards.sent(number, to: Self.target, receivers: 1..<2)
        return number
    }

    @Test("what is kept for a shard leaves in its order, and not before it is written")
    func order() throws {
        var forwards = Forwards(life: 1, shard: 0)
        let numbers = try (0..<3).map { _ in try begin(&forwards) }
        #expect(next(&forwards) == nil)
        forwards.written(numbers[1], to: Self.target)
        #expect(next(&forwards) == nil)
        forwards.written(numbers[0], to: Self.target)
        #expect(next(&forwards) == numbers[0] && next(&forwards) == numbers[1])
        // The third could not be written.
        forwards.remove(numbers[2], to: Self.target)
        #expect(next(&forwards) == nil)
        let last = try begin(&forwards)
        forwards.written(last, to: Self.target)
        #expect(next(&forwards) == last)
        #expect(forwards.numbers(to: 3) == [numbers[0], numbers[1], last])
        for number in [numbers[1], last, numbers[0]] {
            #expect(answered(&forwards, number))
        }
        #expect(forwards.isEmpty)
    }

    @Test("what a lost node has not answered is sent to it again, as is what it refuses")
    func again() throws {
        var forwards = Forwards(life: 1, shard: 0)
        let numbers = try (0..<3).map { _ in try begin(&forwards) }
        for number in numbers { forwards.written(number, to: Self.target) }
        while next(&forwards) != nil {}
        #expect(answered(&forwards, numbers[1]))
        forwards.sendAgain(to: 3)
        // From before the loss.
        #expect(!answered(&forwards, numbers[0]))
        #expect(next(&forwards) == numbers[0] && next(&forwards) == numbers[2])
        forwards.sendAgain(numbers[0], to: Self.target)
        #expect(next(&forwards) == numbers[0] && next(&forwards) == nil)
        let forgotten = forwards.forget(3)
        #expect(forgotten == [numbers[0], numbers[2]] && forwards.isEmpty)
    }

    @Test("no more than a window is under way, and no more than the limit is kept")
    func limits() throws {
        var forwards = Forwards(life: 1, shard: 0)
        for _ in 0..<Forwards.maximumCount {
            let number = try begin(&forwards, .atLeastOnce)
            forwards.written(number, to: Self.target)
        }
        let tooMany = forwards.begin(forward(), to: Self.target)
        #expect(tooMany == nil)
        #expect(forwards.hasAtLeastOnce(to: Self.target))
        var sent: [ForwardNumber] = []
        while let number = next(&forwards) { sent.append(number) }
        #expect(sent.count == 256)
        for number in sent { #expect(answered(&forwards, number)) }
        _ = try begin(&forwards)
        let upcoming = forwards.next(to: Self.target)
        #expect(upcoming != nil)
    }

    @Test("numbers that are used up are not begun again: the next ones are of another life")
    func lives() throws {
        var forwards = Forwards(life: 1, shard: 0, lastCount: .max - 1)
        let last = try begin(&forwards)
        #expect(forwards.isExhausted)
        forwards.begin(life: 2)
        let next = try begin(&forwards)
        #expect(next > last && !forwards.isExhausted)
    }

    @Test("with another number of shards all have to answer")
    func shards() throws {
        var forwards = Forwards(life: 1, shard: 0)
        forwards.takeUp(ForwardNumber(life: 0, shard: 9, count: 1), forward(), to: Self.target)
        let upcoming = forwards.next(to: Self.target)
        let (number, content) = try #require(upcoming)
        #expect(content == nil)
        forwards.sent(number, to: Self.target, receivers: 0..<2)
        #expect(!answered(&forwards, number))
        #expect(answered(&forwards, number))
    }

    @Test("filters of a lost node's stored sessions stay, until it says that it has them no more")
    func filters() {
        var filters = FiltersElsewhere()
        let places = [
            filters.insert([1], isStored: true, isKept: true),
            filters.insert([1], isStored: false, isKept: true),
            filters.insert([2], isStored: false, isKept: true),
            filters.insert([3], isStored: true, isKept: false),
        ]
        #expect(places == [1, nil, nil, nil])
        let gone = filters.lose()
        #expect(gone == [[2]])
        #expect(Set(filters.untold) == [[1], [3]])
        _ = filters.insert([1], isStored: true, isKept: true)
        #expect(filters.untold == [[3]])
        filters.takeUp([4], number: 7)
        let next = filters.insert([5], isStored: true, isKept: true)
        let removed = filters.remove([5])
        #expect(next == 8 && removed?.number == 8)
    }
}
