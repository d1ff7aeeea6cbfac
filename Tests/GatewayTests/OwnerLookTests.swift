import Ledger
import Linux
import Reactor
import Testing

@testable import Gateway

/// When a node proposes other owners of the partitions.
@Suite struct OwnerLookTests {
    private static func name(_ number: Int) -> NodeName { NodeName("n\(number)")! }

    private static let all = Set((1...3).map(name))

    private static func at(_ seconds: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: 0).adding(milliseconds: seconds * 1_000)
    }

    private func table(_ numbers: [Int], after: PartitionTable? = nil) -> PartitionTable {
        PartitionTable.assigned(to: numbers.map(Self.name), after: after)
    }

    @Test(
        "the first node by name proposes at once, the others in turn behind it; none when all is as it should be"
    )
    func turns() {
        var first = OwnerLook(of: Self.name(1), at: Self.at(0))
        var second = OwnerLook(of: Self.name(2), at: Self.at(0))
        #expect(
            first.next(after: nil, present: [Self.name(2)], members: Self.all, at: Self.at(0))?
                .nodes.count == 2)
        #expect(
            second.next(after: nil, present: [Self.name(1)], members: Self.all, at: Self.at(0))
                == nil)
        #expect(
            second.next(after: nil, present: [Self.name(1)], members: Self.all, at: Self.at(3))?
                .nodes.count == 2)
        let both = table([1, 2])
        #expect(
            second.next(after: both, present: [Self.name(1)], members: Self.all, at: Self.at(4))
                == nil)
        #expect(
            first.next(after: both, present: [Self.name(2)], members: Self.all, at: Self.at(4))
                == nil)
    }

    @Test(
        "a node that is away keeps its partitions as long as a restart takes, then they are others'"
    )
    func absence() {
        var look = OwnerLook(of: Self.name(1), at: Self.at(0))
        let three = table([1, 2, 3])
        #expect(
            look.next(
                after: three, present: [2, 3].map(Self.name), members: Self.all, at: Self.at(0))
                == nil)
        for second in 1..<10 as Range<Int64> {
            #expect(
                look.next(
                    after: three, present: [Self.name(2)], members: Self.all, at: Self.at(second))
                    == nil)
        }
        let next = look.next(
            after: three, present: [Self.name(2)], members: Self.all, at: Self.at(10))
        #expect(next?.nodes == [1, 2].map(Self.name))
        #expect(next?.number == three.number + 1)
        // Back before the books have taken that: nothing is to be changed.
        #expect(
            look.next(
                after: three, present: [2, 3].map(Self.name), members: Self.all, at: Self.at(11))
                == nil)
    }

    @Test("a node that starts gives those that it has not seen yet the same time")
    func start() {
        var look = OwnerLook(of: Self.name(2), at: Self.at(100))
        let three = table([1, 2, 3])
        #expect(look.next(after: three, present: [], members: Self.all, at: Self.at(101)) == nil)
        #expect(
            look.next(after: three, present: [], members: Self.all, at: Self.at(111))?.nodes == [
                Self.name(2)
            ])
    }

    @Test(
        "a node that was removed, or that the books don't know yet, is given nothing, although it can be reached"
    )
    func strangers() {
        var look = OwnerLook(of: Self.name(1), at: Self.at(0))
        let members = Set([1, 2].map(Self.name))
        let three = table([1, 2, 3])
        let others = [2, 3, 4].map(Self.name)
        let next = look.next(after: three, present: others, members: members, at: Self.at(0))
        #expect(next?.nodes == [1, 2].map(Self.name))
        var removed = OwnerLook(of: Self.name(3), at: Self.at(0))
        #expect(removed.next(after: three, present: [], members: members, at: Self.at(60)) == nil)
    }
}
