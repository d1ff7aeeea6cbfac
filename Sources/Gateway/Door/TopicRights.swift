import Bytes
import Ledger
import MQTT

/// Which topics a client may use (Wire.md, "Topics").
enum TopicRights: Sendable {
    /// What a listener without authentication is open for.
    case patterns(TopicPatterns)

    /// An application: uplink and presence of its products' devices to read, downlink to write.
    /// `nil`: all products of all accounts.
    case products(Set<ProductKey>?)

    /// Whether an application may publish to `topic`: `d/{PK}/{DK}/down/...` of a product of its own.
    func allowsPublish(_ topic: Span<UInt8>) -> Bool {
        switch self {
        case .patterns(let patterns): return patterns.allowsPublish(topic)
        case .products(let products):
            guard let address = DeviceTopic(topic), address.branch == .down else { return false }
            return products?.contains(address.identity.product) ?? true
        }
    }

    /// Whether a message that one of its filters matches may be handed to the client.
    @inline(__always)
    func allowsDelivery(_ topic: Span<UInt8>) -> Bool {
        switch self {
        case .patterns(let patterns):
            return !patterns.limitsDeliveries || patterns.allowsDelivery(topic)
        // A filter is no wider than the rights it was allowed by.
        case .products: return true
        }
    }

    /// Whether an application may subscribe to `filter`: it must name one of its products literally,
    /// unless it may read all of them; then it may read `$SYS` too.
    func allowsSubscribe(_ filter: Span<UInt8>) -> Bool {
        switch self {
        case .patterns(let patterns): return patterns.allowsSubscribe(filter)
        case .products(let products):
            var levels = TopicLevels(filter)
            guard let root = levels.next() else { return false }
            // The gateway's own figures tell of all accounts.
            if root.isEqual(to: "$SYS") { return products == nil }
            guard root.isEqual(to: "d"), let level = levels.next() else { return false }
            if level.isSingleByte(UInt8(ascii: "+")) || level.isSingleByte(UInt8(ascii: "#")) {
                return products == nil
            }
            guard let product = ProductKey(utf8: level) else { return false }
            return products?.contains(product) ?? true
        }
    }
}

/// What a client's PUBLISH is, by its topic.
enum PublishTopicUse {
    case message

    /// A device's `sys/quota/get`: for the gateway itself.
    case quotaQuestion

    /// Its `sys/state/get`, and its `sys/state/reported`.
    case stateQuestion
    case stateReport

    /// A device's `sys/ota/...`: the same.
    case firmware(FirmwareTopicUse)

    /// A device's `sys/children/...`: about devices that it connects.
    case children(ChildrenTopicUse)
    case notAllowed
}

/// What a device wants of the devices behind it.
enum ChildrenTopicUse {
    /// `sys/children/get`
    case question

    /// `sys/children/attach`
    case attach

    /// `sys/children/detach`
    case detach
}

/// What a device has to say of its upgrade.
enum FirmwareTopicUse {
    /// `sys/ota/get`
    case question

    /// `sys/ota/progress`
    case progress

    /// `sys/ota/outcome`
    case outcome
}

/// A device's own topics: everything below `d/{PK}/{DK}/` (Wire.md, "Topics").
enum DeviceRights {
    /// What a PUBLISH to `topic` is; `prefix` is the device's own, `d/{PK}/{DK}/`.
    @inline(__always)
    static func use(of topic: Span<UInt8>, prefix: Span<UInt8>) -> PublishTopicUse {
        guard topic.hasPrefix(prefix) else { return .notAllowed }
        let rest = topic.extracting(prefix.count..<topic.count)
        if rest.hasPrefix("up/") { return .message }
        return rest.hasPrefix("sys/") ? useOfOwn(rest) : .notAllowed
    }

    /// The same below `sys/`.
    @inline(never)
    private static func useOfOwn(_ rest: Span<UInt8>) -> PublishTopicUse {
        if rest.isEqual(to: "sys/state/reported") { return .stateReport }
        if rest.isEqual(to: "sys/state/get") { return .stateQuestion }
        if rest.isEqual(to: "sys/quota/get") { return .quotaQuestion }
        if rest.isEqual(to: "sys/ota/progress") { return .firmware(.progress) }
        if rest.isEqual(to: "sys/ota/outcome") { return .firmware(.outcome) }
        if rest.isEqual(to: "sys/children/attach") { return .children(.attach) }
        if rest.isEqual(to: "sys/children/detach") { return .children(.detach) }
        if rest.isEqual(to: "sys/children/get") { return .children(.question) }
        return rest.isEqual(to: "sys/ota/get") ? .firmware(.question) : .notAllowed
    }

    /// Filters below `down/` and `sys/`.
    static func allowsSubscribe(_ filter: Span<UInt8>, prefix: Span<UInt8>) -> Bool {
        guard filter.hasPrefix(prefix) else { return false }
        let rest = filter.extracting(prefix.count..<filter.count)
        return rest.hasPrefix("down/") || rest.hasPrefix("sys/")
    }
}

/// A topic name that belongs to one device: `d/{PK}/{DK}/up/...`, `.../down/...` or `.../sys/...`.
struct DeviceTopic {
    enum Branch { case up, down, sys }

    let identity: DeviceIdentity
    let branch: Branch

    /// `nil` for any other topic.
    init?(_ topic: Span<UInt8>) {
        var levels = TopicLevels(topic)
        guard let root = levels.next(), root.isEqual(to: "d"),
            let productLevel = levels.next(), let product = ProductKey(utf8: productLevel),
            let deviceLevel = levels.next(), let device = DeviceKey(utf8: deviceLevel),
            let branch = levels.next(), levels.next() != nil
        else { return nil }
        identity = DeviceIdentity(product: product, device: device)
        if branch.isEqual(to: "up") {
            self.branch = .up
        } else if branch.isEqual(to: "down") {
            self.branch = .down
        } else if branch.isEqual(to: "sys") {
            self.branch = .sys
        } else {
            return nil
        }
    }
}

/// Which topics a listener without authentication is open for: those that an allowed pattern covers and
/// no denied one. Patterns are topic filters.
struct TopicPatterns: Sendable {
    private let allowed: [[UInt8]]
    private let denied: [[UInt8]]

    /// Whether clients may exchange messages on `$SYS`, which a server should prevent (4.7.2).
    private let systemTopics: Bool

    init(allowed: [String], denied: [String], systemTopics: Bool = false) {
        self.allowed = allowed.map { Array($0.utf8) }
        self.denied = denied.map { Array($0.utf8) }
        self.systemTopics = systemTopics
    }

    /// Whether a message may be published to a topic. To one that begins with `$` too: 4.7.2 leaves that to
    /// the server, and conformance suites try it. No application's rights reach such topics. What is said of
    /// devices' presence and state is the gateway's own.
    func allowsPublish(_ topic: Span<UInt8>) -> Bool {
        (systemTopics || !topic.isSystemTopic) && GatewayTopic.prefixCount(of: topic) == nil
            && allows(topic)
    }

    /// Whether a filter may be subscribed to. A pattern covers it when it covers all that it matches; a
    /// filter that is wider than a denied pattern is not denied, but what is denied does not come by it.
    func allowsSubscribe(_ filter: Span<UInt8>) -> Bool {
        (systemTopics || !filter.isSystemTopic) && allows(filter)
    }

    /// Whether there are topics that a filter may match, and yet don't come by it.
    var limitsDeliveries: Bool { !denied.isEmpty || !systemTopics }

    /// Whether a message may be handed to a subscriber: by a filter that was allowed.
    func allowsDelivery(_ topic: Span<UInt8>) -> Bool {
        if !systemTopics, topic.isSystemTopic { return false }
        for pattern in denied where Self.covers(pattern.span, topic) { return false }
        return true
    }

    /// A wildcard of `text` is a level like any other, that `+` and `#` cover.
    private func allows(_ text: Span<UInt8>) -> Bool {
        for pattern in denied where Self.covers(pattern.span, text) { return false }
        for pattern in allowed where Self.covers(pattern.span, text) { return true }
        return false
    }

    private static func covers(_ pattern: Span<UInt8>, _ text: Span<UInt8>) -> Bool {
        pattern.isSingleByte(UInt8(ascii: "#")) || TopicFilter.matches(filter: pattern, topic: text)
    }
}

extension Span<UInt8> {
    /// Whether a topic has so many levels at most; one of fewer bytes need not be looked at.
    @inline(__always)
    func hasNoMoreLevels(than limit: Int) -> Bool {
        count < limit || TopicName.levelCount(of: self) <= limit
    }

    /// `$SYS`, or below it: where a server tells of itself.
    var isSystemTopic: Bool {
        guard count >= 4, self[0] == UInt8(ascii: "$") else { return false }
        return extracting(0..<4).isEqual(to: "$SYS")
            && (count == 4 || self[4] == UInt8(ascii: "/"))
    }
}
