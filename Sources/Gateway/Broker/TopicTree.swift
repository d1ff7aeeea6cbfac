import Bytes
import MQTT

/// Who gets which topics: topic filters, their subscribers, and the shares that take turns.
///
/// Every shard has a replica, so that a publisher finds its subscribers without leaving its thread.
/// Matching costs what the topic's levels cost and what is found, whatever the number of
/// subscriptions, and allocates nothing in the steady state.
///
/// Filters are given as their clients wrote them, `$share/{name}/` included, and must have been
/// validated by `TopicFilter`.
package struct TopicTree: Sendable {
    /// What hangs on one filter.
    private struct Place {
        /// In the sessions' order.
        var subscribers: [Subscriber] = []

        /// The shares of this filter.
        var groups: [Int32] = []
    }

    private var levels: LevelTree

    /// By the filter's number in `levels`.
    private var places: [Place] = []

    private var groups: [SharedGroup] = []
    private var freeGroups: [Int32] = []

    /// The shares of each session that has any.
    private var memberships: [SessionAddress: [Int32]] = [:]

    private let firstTurn: Int

    /// How many subscriptions there are, each member of a share having one.
    package private(set) var count = 0

    /// - Parameters:
    ///   - seed: makes hash collisions unpredictable to a client that chooses its topics.
    ///   - shard: whose replica it is: which member of a share its first message goes to.
    package init(seed: UInt64, shard: Int) {
        levels = LevelTree(seed: seed)
        firstTurn = shard
    }

    package var isEmpty: Bool { count == 0 }

    /// How many topic levels are in memory; none when there are no subscriptions.
    package var levelCount: Int { levels.levelCount }

    /// How many shares there are.
    package var groupCount: Int { groups.count - freeGroups.count }

    /// Adds a subscription; one of the same session to the same filter, and of the same share, is
    /// replaced ([MQTT-3.8.4-3]). Answers whether there was none.
    ///
    /// - Parameter isConnected: what `setConnected` changes later; counts for shares only.
    @discardableResult
    package mutating func insert(
        _ subscriber: Subscriber,
        filter text: Span<UInt8>,
        isConnected: Bool = true
    ) -> Bool {
        let filter = TopicFilter(unchecked: text)
        let node = levels.keep(filter.filter)
        while places.count <= node { places.append(Place()) }
        let isNew: Bool
        if filter.isShared {
            let group = self.group(at: node, text) ?? makeGroup(at: node, text)
            isNew = groups[Int(group)].insert(subscriber, isConnected: isConnected)
            if isNew { memberships[subscriber.session, default: []].append(group) }
        } else {
            isNew = places[node].subscribers.insertInOrder(subscriber)
        }
        if isNew { count += 1 }
        return isNew
    }

    /// Removes the session's subscription to exactly this filter, of exactly this share, and what of
    /// the tree that is not needed any more. Answers whether there was one.
    @discardableResult
    package mutating func remove(_ session: SessionAddress, filter text: Span<UInt8>) -> Bool {
        let filter = TopicFilter(unchecked: text)
        guard let node = levels.find(filter.filter) else { return false }
        if filter.isShared {
            guard let group = group(at: node, text), groups[Int(group)].remove(session) else {
                return false
            }
            forget(group, of: session)
            if groups[Int(group)].isEmpty { removeGroup(group) }
        } else {
            guard places[node].subscribers.removeInOrder(session) else { return false }
        }
        count -= 1
        if places[node].subscribers.isEmpty, places[node].groups.isEmpty { levels.release(node) }
        return true
    }

    /// Says whether a session has a connection: its shares choose those that do first. Costs what
    /// the session's shares cost.
    package mutating func setConnected(_ session: SessionAddress, _ isConnected: Bool) {
        guard let joined = memberships[session] else { return }
        for group in joined { groups[Int(group)].setConnected(session, isConnected) }
    }

    /// Finds who gets a message: every session with a matching subscription of its own, once, and of
    /// every matching share one member, connected ones first and in turn.
    ///
    /// - Parameters:
    ///   - publisher: whose message it is: its subscriptions with No Local do not match
    ///     ([MQTT-3.8.3-3]).
    ///   - isWanted: which members of shares can be chosen; a share with none of them has no receiver.
    package mutating func collect(
        _ topic: Span<UInt8>,
        from publisher: SessionAddress?,
        into matches: inout Matches,
        where isWanted: (Subscriber) -> Bool = { _ in true }
    ) {
        matches.removeAll()
        guard count > 0 else { return }
        levels.match(topic, into: &matches.nodes)
        take(&matches, from: publisher, where: isWanted)
    }

    /// The same of a message of the gateway's own that only filters match which name the topic's last level
    /// (`LevelTree.matchNaming`).
    mutating func collect(
        naming name: Span<UInt8>,
        below prefix: Span<UInt8>,
        into matches: inout Matches
    ) {
        matches.removeAll()
        guard count > 0 else { return }
        levels.matchNaming(name, below: prefix, into: &matches.nodes)
        take(&matches, from: nil) { _ in true }
    }

    /// Makes receivers of the filters that were found.
    @inline(__always)
    private mutating func take(
        _ matches: inout Matches,
        from publisher: SessionAddress?,
        where isWanted: (Subscriber) -> Bool
    ) {
        for node in matches.nodes {
            for subscriber in places[Int(node)].subscribers
            where !subscriber.noLocal || subscriber.session != publisher {
                matches.add(subscriber)
            }
            for group in places[Int(node)].groups {
                if let member = groups[Int(group)].choose(where: isWanted) {
                    matches.add(member, groupNumber: group)
                }
            }
        }
        matches.mergeOverlaps()
    }

    /// Finds who gets a message whose receivers another node has chosen.
    ///
    /// - Parameters:
    ///   - isForSubscribers: every session with a matching subscription of its own.
    ///   - shares: of each of them one member; of one that is no more, none.
    mutating func collect(
        _ topic: Span<UInt8>,
        isForSubscribers: Bool,
        shares: [[UInt8]],
        into matches: inout Matches
    ) {
        matches.removeAll()
        guard count > 0 else { return }
        if isForSubscribers {
            if let count = GatewayTopic.prefixCount(of: topic) {
                levels.matchNaming(
                    topic.extracting(count..<topic.count), below: topic.extracting(0..<count),
                    into: &matches.nodes)
            } else {
                levels.match(topic, into: &matches.nodes)
            }
            for node in matches.nodes {
                for subscriber in places[Int(node)].subscribers { matches.add(subscriber) }
            }
        }
        for share in shares {
            guard let group = group(of: share.span),
                let member = groups[Int(group)].choose(where: { _ in true })
            else { continue }
            matches.add(member, groupNumber: group)
        }
        matches.mergeOverlaps()
    }

    /// Whether a filter begins with `level`, named and not by a wildcard, and has more levels.
    func hasFilters(below level: Span<UInt8>) -> Bool { levels.hasFilters(below: level) }

    /// Whether some session has a subscription to exactly this filter, of exactly this share.
    func contains(_ text: Span<UInt8>) -> Bool {
        let filter = TopicFilter(unchecked: text)
        guard let node = levels.find(filter.filter) else { return false }
        return filter.isShared
            ? group(at: node, text) != nil : !places[node].subscribers.isEmpty
    }

    /// Whether some session that outlives its connection has a subscription to exactly this filter, of exactly this
    /// share.
    func hasStored(_ text: Span<UInt8>) -> Bool {
        let filter = TopicFilter(unchecked: text)
        guard let node = levels.find(filter.filter) else { return false }
        guard filter.isShared else { return places[node].subscribers.contains(where: \.isStored) }
        return group(at: node, text).map { groups[Int($0)].hasStored } ?? false
    }

    // MARK: Shares

    /// Whether some member of a share has a connection.
    func hasConnected(_ share: Span<UInt8>) -> Bool {
        group(of: share).map { groups[Int($0)].hasConnected } ?? false
    }

    private func group(of text: Span<UInt8>) -> Int32? {
        guard let node = levels.find(TopicFilter(unchecked: text).filter) else { return nil }
        return group(at: node, text)
    }

    /// Chooses another member of a share, for a message that its receiver left without acknowledging
    /// it; `nil` when there is none that `isWanted`.
    package mutating func chooseMember(
        ofShare text: Span<UInt8>,
        where isWanted: (Subscriber) -> Bool
    ) -> Subscriber? {
        guard let group = group(of: text) else { return nil }
        return groups[Int(group)].choose(where: isWanted)
    }

    /// The share, `$share/{name}/{filter}`, that has chosen a receiver; `nil` for one that gets the
    /// message for its own subscriptions. To be asked before the tree is changed.
    package func share(of receiver: Receiver) -> [UInt8]? {
        receiver.isShared ? groups[Int(receiver.groupNumber)].text : nil
    }

    private func group(at node: Int, _ text: Span<UInt8>) -> Int32? {
        for group in places[node].groups {
            let held = groups[Int(group)].text
            if text.isEqual(to: held.span) { return group }
        }
        return nil
    }

    private mutating func makeGroup(at node: Int, _ text: Span<UInt8>) -> Int32 {
        let fresh = SharedGroup(node: node, text: text.bytesArray, turn: firstTurn)
        let number: Int32
        if let reused = freeGroups.popLast() {
            number = reused
            groups[Int(number)] = fresh
        } else {
            number = Int32(groups.count)
            groups.append(fresh)
        }
        places[node].groups.append(number)
        return number
    }

    private mutating func removeGroup(_ number: Int32) {
        let node = groups[Int(number)].node
        places[node].groups.removeAll { $0 == number }
        groups[Int(number)] = SharedGroup(node: node, text: [], turn: 0)
        freeGroups.append(number)
    }

    private mutating func forget(_ group: Int32, of session: SessionAddress) {
        memberships[session]?.removeAll { $0 == group }
        if memberships[session]?.isEmpty == true { memberships[session] = nil }
    }
}
