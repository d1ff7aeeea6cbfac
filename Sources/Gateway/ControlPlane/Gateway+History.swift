public import Ledger
import Linux
public import Metering
public import Storage
public import Time

/// What was asked of all nodes of a cluster, added up.
public struct OfAllNodes<Value: Sendable>: Sendable {
    public var value: Value

    /// Nodes that did not say, in order: their part is not in the value. Those that can't be reached, or know no such
    /// question, as their program is an earlier one.
    public var missing: [NodeName]

    public init(_ value: Value, missing: [NodeName] = []) {
        self.value = value
        self.missing = missing
    }
}

// What was counted on earlier days, at this node and the others. Who is cancelled meanwhile gets a part of it.
extension Gateway {
    public func usage(
        of products: [ProductKey], in days: ClosedRange<Day>
    ) async throws(StoreError) -> OfAllNodes<[ProductKey: [ProductDay]]> {
        var sums: [ProductKey: [Day: ProductDay]] = [:]
        func add(_ found: [ProductDay], _ product: ProductKey) {
            for day in found {
                sums[product, default: [:]][day.day] = day.adding(sums[product]?[day.day])
            }
        }
        for product in products { add(try usage.totals(of: product, in: days), product) }
        var missing: Set<NodeName> = []
        for part in Self.parts(of: products) where !Task.isCancelled {
            let question = NodeQuestion.daysOfProducts(
                part, from: days.lowerBound, to: days.upperBound)
            for (node, answer) in try await askEachNode(question, but: missing) {
                guard case .daysOfProducts(let found)? = answer, found.count == part.count else {
                    missing.insert(node)
                    continue
                }
                for (product, days) in zip(part, found) { add(days, product) }
            }
        }
        return OfAllNodes(
            sums.mapValues { $0.values.sorted { $0.day < $1.day } }, missing: missing.sorted())
    }

    public func online(
        of products: [ProductKey], in quarters: Range<Quarter>
    ) async throws(StoreError) -> OfAllNodes<[OnlineCount]> {
        var sums: [Quarter: OnlineCount] = [:]
        var missing: Set<NodeName> = []
        for part in Self.parts(of: products) where !Task.isCancelled {
            // Of these products: each node counts who is connected to it, and all know the same devices.
            var ofPart: [Quarter: OnlineCount] = [:]
            func add(_ counts: [OnlineCount]) {
                for count in counts where quarters.contains(count.quarter) {
                    var sum =
                        ofPart[count.quarter]
                        ?? OnlineCount(quarter: count.quarter, online: 0, devices: 0)
                    sum.online &+= count.online
                    sum.devices = max(sum.devices, count.devices)
                    ofPart[count.quarter] = sum
                }
            }
            add(try usage.online(of: part, in: quarters))
            let question = NodeQuestion.online(
                part, from: quarters.lowerBound, to: quarters.upperBound)
            for (node, answer) in try await askEachNode(question, but: missing) {
                guard case .online(let found)? = answer else {
                    missing.insert(node)
                    continue
                }
                add(found)
            }
            for count in ofPart.values {
                sums[count.quarter, default: count.empty].online &+= count.online
                sums[count.quarter, default: count.empty].devices &+= count.devices
            }
        }
        return OfAllNodes(
            sums.values.sorted { $0.quarter < $1.quarter }, missing: missing.sorted())
    }

    private static func parts(of products: [ProductKey]) -> [[ProductKey]] {
        parts(of: products, NodeQuestion.productsMaximum)
    }

    /// So many of them at most in each part.
    static func parts<Element>(of elements: [Element], _ size: Int) -> [[Element]] {
        stride(from: 0, to: elements.count, by: size).map {
            Array(elements[$0..<min($0 + size, elements.count)])
        }
    }

    /// What the first shard of each other node says, all asked at once; `nil` of one that does not.
    func askEachNode(
        _ question: NodeQuestion, but known: Set<NodeName>
    ) async throws(StoreError) -> [(node: NodeName, answer: NodeAnswer?)] {
        let others = try nodes().filter { $0 != commons.node && !known.contains($0) }
        guard !others.isEmpty else { return [] }
        let reachable = await ask(0, orElse: [:]) { .reachableNodes($0) }
        return await others.mapAtOnce { node in
            guard reachable[node] ?? 0 > 0 else { return (node, nil) }
            return (node, await self.ask(0, orElse: nil) { .node(node, shard: 0, question, $0) })
        }
    }
}

extension OnlineCount {
    fileprivate var empty: OnlineCount { OnlineCount(quarter: quarter, online: 0, devices: 0) }
}

extension Shard {
    /// What this node has counted of each of them; empty when it can't be read.
    func days(of products: [ProductKey], from: Day, to: Day) -> [[ProductDay]] {
        guard from <= to else { return products.map { _ in [] } }
        do throws(StoreError) {
            var found: [[ProductDay]] = []
            for product in products.prefix(NodeQuestion.productsMaximum) {
                found.append(
                    try context.commons.usage.totals(
                        of: product, in: from...to, limit: Self.daysMaximum))
            }
            return found
        } catch {
            context.wire.journal.noteStoreFailure(.usageRead, error)
            return []
        }
    }

    /// How many of their devices were online here; `nil` when it can't be read.
    func online(of products: [ProductKey], from: Quarter, to: Quarter) -> [OnlineCount]? {
        // No more days than are kept, whatever is asked for.
        let first = max(from.number, to.number.subtractingSaturating(Self.quartersMaximum))
        guard first < to.number else { return [] }
        do throws(StoreError) {
            return try context.commons.usage.online(
                of: Array(products.prefix(NodeQuestion.productsMaximum)),
                in: Quarter(number: first)..<to)
        } catch {
            context.wire.journal.noteStoreFailure(.usageRead, error)
            return nil
        }
    }

    private static var daysMaximum: Int { 100 }
    private static var quartersMaximum: Int32 { 96 * (UsageStore.onlineDaysKept + 1) }
}

extension Int32 {
    fileprivate func subtractingSaturating(_ other: Int32) -> Int32 {
        let (difference, overflows) = subtractingReportingOverflow(other)
        return overflows ? .min : difference
    }
}

/// When who is online is counted: at the beginning of each quarter of an hour, at all nodes.
struct OnlineSchedule {
    private var last: Quarter

    /// A sample that is later than that is of another moment than those of the other nodes, and is left out.
    private static let lateMilliseconds: Int64 = 120_000

    init(from time: Timestamp) { last = Quarter(of: time) }

    /// The quarter that has begun since the last call.
    mutating func due(at time: Timestamp) -> Quarter? {
        let quarter = Quarter(of: time)
        // A clock that was ahead is right again.
        guard quarter > last else {
            last = quarter
            return nil
        }
        last = quarter
        return time.milliseconds(since: quarter.start) < Self.lateMilliseconds
            ? quarter : nil
    }
}

extension Gateway {
    /// Counts the devices that are online at this node, and has the usage store keep it: of all products that have devices.
    func sampleOnline(of quarter: Quarter) async {
        // By a doubted clock days that are kept still would go (rule B16).
        guard commons.clock.doubt == nil else { return }
        var online: [ProductKey: Int] = [:]
        for gauges in await askShards(orElse: ShardGauges(), { .gauges($0) }) {
            online.merge(gauges.online) { $0 + $1 }
        }
        var samples: [OnlineSample] = []
        do throws(StoreError) {
            try ledger.read { (books, transaction) throws(StoreError) in
                try books.forEachFigures(in: transaction) { key, figures throws(StoreError) in
                    let count = max(0, online[key] ?? 0)
                    guard figures.devicesKnown > 0 || count > 0,
                        try books.product(key, in: transaction)?.isDeleted == false
                    else { return }
                    samples.append(
                        OnlineSample(
                            product: key, online: UInt64(count), devices: figures.devicesKnown))
                }
            }
        } catch {
            // That the books can't be read is said by readiness and the log.
            return
        }
        let (log, size) = (commons.log, UsageStore.onlineSamplesMaximum)
        for start in stride(from: 0, to: samples.count, by: size) {
            let part = Array(samples[start..<min(start + size, samples.count)])
            await withCheckedContinuation { continuation in
                usage.keep(part, of: quarter) { result in
                    _ = log.takes(result, of: .usageWrite)
                    continuation.resume()
                }
            }
        }
    }
}
