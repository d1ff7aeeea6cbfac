import Ledger
import Sessions
import Synchronization

/// The stored sessions of a node that is gone, of which this one has the copy: each shard takes over those whose clients
/// are at home there.
final class Inheritance: Sendable {
    let node: NodeName

    /// As this process numbers it.
    let nodeNumber: UInt8

    /// Of the record in the books.
    let number: UInt64

    /// `nil`: all of it was taken over by an earlier process.
    let store: FollowedSessions?
    private let outstanding: Atomic<Int>
    private let finished: @Sendable () -> Void

    /// - Parameter finished: is called when all shards have written what they have taken over.
    init(
        from node: NodeName, _ nodeNumber: UInt8, _ number: UInt64, _ store: FollowedSessions?,
        shards: Int, finished: @escaping @Sendable () -> Void
    ) {
        self.node = node
        self.nodeNumber = nodeNumber
        self.number = number
        self.store = store
        outstanding = Atomic(shards)
        self.finished = finished
    }

    /// A shard has a message of the node's to put on the disk besides its part: before it has finished that.
    func hold() { outstanding.add(1, ordering: .relaxed) }

    /// A shard has all of its part on the disk, or a message that was held for.
    func shardHasFinished() {
        guard outstanding.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else {
            return
        }
        finished()
    }
}

/// A message that the node which is gone had kept for others, until this node has it on its disk, and it is out of the copy.
final class InheritedKeep: Sendable {
    let inheritance: Inheritance

    /// For whom it was kept, and under which number.
    let node: NodeName
    let number: ForwardNumber
    let content: Forward

    /// Where it is kept from now on; `nil`: it was for this node.
    let place: Place?
    private let outstanding: Atomic<Int>

    struct Place: Sendable {
        let target: NodeMail.Target
        let number: ForwardNumber
    }

    /// - Parameter shards: how many write it.
    init(
        _ inheritance: Inheritance, _ number: ForwardNumber, for node: NodeName, _ content: Forward,
        at place: Place?, shards: Int
    ) {
        self.inheritance = inheritance
        self.node = node
        self.number = number
        self.content = content
        self.place = place
        outstanding = Atomic(shards)
        inheritance.hold()
    }

    /// A shard has it on the disk: takes it out of the copy when all have, and then calls `removed`.
    func written(_ removed: @escaping @Sendable () -> Void) {
        guard outstanding.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else {
            return
        }
        guard let store = inheritance.store else { return removed() }
        store.removeForward(number, to: node.text) { _ in removed() }
    }
}

/// Sessions that a shard has inherited, and not taken in yet.
struct Inherited {
    private struct Part {
        let inheritance: Inheritance

        /// To be taken in, one after the other; some have been, as they were wanted sooner.
        var waiting: [SessionName]

        /// Not on the disk yet.
        var left: Int
    }

    private var parts: [Part] = []
    private var places: [SessionName: Inheritance] = [:]

    /// The numbers of what this shard has heard of, by the node that the sessions were of.
    private(set) var numbers: [NodeName: UInt64] = [:]

    /// The same of what all shards of this node have told this one of.
    private(set) var numbersOfAll: [NodeName: UInt64] = [:]

    /// How many have, of what not all have told of yet.
    private var partsTold: [PlacesMark.Inherited: Int] = [:]

    var isEmpty: Bool { places.isEmpty }

    mutating func begin(_ inheritance: Inheritance, _ names: [SessionName]) {
        numbers[inheritance.node] = inheritance.number
        guard !names.isEmpty else { return inheritance.shardHasFinished() }
        parts.append(Part(inheritance: inheritance, waiting: names, left: names.count))
        for name in names { places[name] = inheritance }
    }

    /// A shard has told this one of its part. True when all have.
    mutating func notePart(of inheritance: Inheritance, shards: Int) -> Bool {
        let key = PlacesMark.Inherited(node: inheritance.node, number: inheritance.number)
        partsTold[key, default: 0] += 1
        guard partsTold[key] == shards else { return false }
        partsTold[key] = nil
        numbersOfAll[inheritance.node] = inheritance.number
        return true
    }

    /// All of that node was taken over by an earlier process. False when that is known.
    mutating func takeUp(_ node: NodeName, _ number: UInt64) -> Bool {
        guard numbers[node] ?? 0 < number else { return false }
        numbers[node] = number
        numbersOfAll[node] = number
        return true
    }

    /// One that is wanted now.
    mutating func take(_ name: SessionName) -> Inheritance? { places.removeValue(forKey: name) }

    /// The next one in turn.
    mutating func next() -> SessionName? {
        for index in parts.indices {
            while let name = parts[index].waiting.popLast() {
                if places[name] === parts[index].inheritance { return name }
            }
        }
        return nil
    }

    /// There was no room for it: later.
    mutating func putBack(_ name: SessionName, _ inheritance: Inheritance) {
        places[name] = inheritance
        guard let index = parts.firstIndex(where: { $0.inheritance === inheritance }) else {
            return
        }
        parts[index].waiting.append(name)
    }

    /// One that was taken is on the disk, or is not needed.
    mutating func settled(_ inheritance: Inheritance) {
        guard let index = parts.firstIndex(where: { $0.inheritance === inheritance }) else {
            return
        }
        parts[index].left -= 1
        guard parts[index].left == 0 else { return }
        parts.remove(at: index)
        inheritance.shardHasFinished()
    }
}

/// Who keeps the stored sessions of which node, as the books say; nodes as this process numbers them. Without this
/// node's own.
final class Followings: Sendable {
    struct Entry: Sendable {
        /// `nil`: no one.
        let follower: UInt8?

        /// They are the follower's by now.
        let isInherited: Bool

        /// Of the record.
        let number: UInt64

        /// Those that put sessions of the node among their own.
        let heirs: [Heir]
    }

    struct Heir: Sendable {
        let node: UInt8
        let number: UInt64
    }

    let entries: [UInt8: Entry]

    init(_ entries: [UInt8: Entry] = [:]) { self.entries = entries }
}
