import DequeModule
import MQTT
import Sessions

/// Messages that this shard has answered its publishers for, and that go to sessions of other nodes: each is kept on the
/// disk until its node has it there.
///
/// So are messages for a node that can't be reached, and those of QoS 2, whose packet identifiers are in the same
/// commit: after a crash of this node they are sent again under the same numbers, by which the other node knows them.
/// What goes to one shard of a node keeps its order.
struct Forwards {
    /// Of one shard of another node.
    private struct Queue {
        var entries: Deque<Entry> = []
        var atLeastOnceCount = 0
        var sentCount = 0
    }

    private struct Entry {
        enum State { case writing, waiting, sent }

        let number: ForwardNumber

        /// Who has kept it first; `nil`: this node.
        let origin: Forward.Origin?
        let qos: QoS
        var state = State.writing

        /// `nil`: on the disk only.
        var content: Forward?

        /// The shards that it was sent to, and how many of them have not answered.
        var receivers = 0..<0
        var outstanding = 0
    }

    /// The most that wait for one shard of a node.
    static let maximumCount = 100_000

    /// So many of a queue are also in memory.
    private static let maximumInMemory = 1_024

    /// So many are sent before the first of them is answered.
    private static let window = 256

    /// Of the store: each has its own numbers.
    private var life: UInt64
    private let shard: UInt8
    private var lastCount: UInt32
    private var queues: [NodeMail.Target: Queue] = [:]

    init(life: UInt64, shard: Int, lastCount: UInt32 = 0) {
        self.life = life
        self.shard = UInt8(shard)
        self.lastCount = lastCount
    }

    /// Whether another life is needed for the next number: after four thousand million.
    var isExhausted: Bool { lastCount == .max }

    mutating func begin(life: UInt64) {
        self.life = life
        lastCount = 0
    }

    var isEmpty: Bool { queues.isEmpty }

    var count: Int { queues.values.reduce(0) { $0 + $1.entries.count } }

    /// Whether messages of QoS 1 wait for that shard: those that follow must not overtake them ([MQTT-4.6.0-6]).
    func hasAtLeastOnce(to target: NodeMail.Target) -> Bool {
        queues[target].map { $0.atLeastOnceCount > 0 } ?? false
    }

    /// Those for which something is kept.
    var nodes: [UInt8] { Set(queues.keys.map(\.node)).sorted() }

    func targets(on node: UInt8) -> [NodeMail.Target] {
        queues.keys.filter { $0.node == node }.sorted { $0.shard < $1.shard }
    }

    /// All that is kept for that node.
    func numbers(to node: UInt8) -> [ForwardNumber] {
        targets(on: node).flatMap { queues[$0]?.entries.map(\.number) ?? [] }
    }

    /// What of it this node has kept first.
    func ownNumbers(to node: UInt8) -> [ForwardNumber] {
        targets(on: node).flatMap { target in
            queues[target]?.entries.filter { $0.origin == nil }.map(\.number) ?? []
        }
    }

    /// What one is, if that is in memory.
    func content(_ number: ForwardNumber, to node: UInt8) -> Forward? {
        for target in targets(on: node) {
            if let found = queues[target]?.entries.first(where: { $0.number == number }) {
                return found.content
            }
        }
        return nil
    }

    // MARK: In

    /// Puts one that is to be written at the end of its queue; `nil`: too many wait.
    mutating func begin(_ content: Forward, to target: NodeMail.Target) -> ForwardNumber? {
        guard queues[target]?.entries.count ?? 0 < Self.maximumCount else { return nil }
        lastCount += 1
        let number = ForwardNumber(life: life, shard: shard, count: lastCount)
        append(
            Entry(
                number: number, origin: content.origin, qos: content.message.qos, content: content),
            to: target)
        return number
    }

    /// Takes up one that an earlier process has written.
    mutating func takeUp(_ number: ForwardNumber, _ content: Forward, to target: NodeMail.Target) {
        append(
            Entry(
                number: number, origin: content.origin, qos: content.message.qos, state: .waiting),
            to: target)
    }

    private mutating func append(_ entry: Entry, to target: NodeMail.Target) {
        if entry.qos == .atLeastOnce { queues[target, default: Queue()].atLeastOnceCount += 1 }
        queues[target, default: Queue()].entries.append(entry)
    }

    /// It is on the disk.
    mutating func written(_ number: ForwardNumber, to target: NodeMail.Target) {
        guard let index = index(of: number, to: target, fromEnd: true) else { return }
        queues[target]?.entries[index].state = .waiting
        if index >= Self.maximumInMemory { queues[target]?.entries[index].content = nil }
    }

    // MARK: Out

    /// The next that is to be sent; with what it is, if that is in memory.
    mutating func next(to target: NodeMail.Target) -> (number: ForwardNumber, content: Forward?)? {
        guard let queue = queues[target], queue.sentCount < Self.window else { return nil }
        for index in queue.entries.indices {
            switch queue.entries[index].state {
            case .sent: continue
            case .writing: return nil
            case .waiting: return (queue.entries[index].number, queue.entries[index].content)
            }
        }
        return nil
    }

    /// It was sent to those shards of the node.
    mutating func sent(
        _ number: ForwardNumber, to target: NodeMail.Target, receivers: Range<Int>
    ) {
        guard let index = index(of: number, to: target) else { return }
        queues[target]?.entries[index].state = .sent
        queues[target]?.entries[index].receivers = receivers
        queues[target]?.entries[index].outstanding = receivers.count
        queues[target]?.sentCount += 1
    }

    /// A shard has it on its disk. When all have, it is kept no more: which shards these are, and by what they know it.
    mutating func answered(
        _ number: ForwardNumber, to target: NodeMail.Target
    ) -> Arrival? {
        guard let index = index(of: number, to: target),
            queues[target]?.entries[index].state == .sent
        else { return nil }
        queues[target]?.entries[index].outstanding -= 1
        guard let entry = queues[target]?.entries[index], entry.outstanding == 0 else { return nil }
        remove(number, to: target)
        return Arrival(receivers: entry.receivers, origin: entry.origin)
    }

    /// What a node has taken.
    struct Arrival: Equatable {
        let receivers: Range<Int>
        let origin: Forward.Origin?
    }

    /// It is not kept any more.
    mutating func remove(_ number: ForwardNumber, to target: NodeMail.Target) {
        guard let index = index(of: number, to: target),
            let entry = queues[target]?.entries.remove(at: index)
        else { return }
        if entry.state == .sent { queues[target]?.sentCount -= 1 }
        if entry.qos == .atLeastOnce { queues[target]?.atLeastOnceCount -= 1 }
        if queues[target]?.entries.isEmpty == true { queues[target] = nil }
    }

    /// What was sent to that node and not answered is sent again.
    mutating func sendAgain(to node: UInt8) {
        for target in targets(on: node) {
            queues[target]?.sentCount = 0
            for index in queues[target]?.entries.indices ?? 0..<0
            where queues[target]?.entries[index].state == .sent {
                queues[target]?.entries[index].state = .waiting
            }
        }
    }

    /// One that the node could not write is sent again.
    mutating func sendAgain(_ number: ForwardNumber, to target: NodeMail.Target) {
        guard let index = index(of: number, to: target),
            queues[target]?.entries[index].state == .sent
        else { return }
        queues[target]?.entries[index].state = .waiting
        queues[target]?.sentCount -= 1
    }

    /// These are not kept for that node any more.
    mutating func remove(_ numbers: Set<ForwardNumber>, to node: UInt8) {
        for target in targets(on: node) {
            for entry in queues[target]?.entries ?? [] where numbers.contains(entry.number) {
                if entry.state == .sent { queues[target]?.sentCount -= 1 }
                if entry.qos == .atLeastOnce { queues[target]?.atLeastOnceCount -= 1 }
            }
            queues[target]?.entries.removeAll { numbers.contains($0.number) }
            if queues[target]?.entries.isEmpty == true { queues[target] = nil }
        }
    }

    /// The numbers of what was kept for a node that is none any more.
    mutating func forget(_ node: UInt8) -> [ForwardNumber] {
        let numbers = numbers(to: node)
        for target in targets(on: node) { queues[target] = nil }
        return numbers
    }

    private func index(
        of number: ForwardNumber, to target: NodeMail.Target, fromEnd: Bool = false
    ) -> Int? {
        fromEnd
            ? queues[target]?.entries.lastIndex { $0.number == number }
            : queues[target]?.entries.firstIndex { $0.number == number }
    }
}
