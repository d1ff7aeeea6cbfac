import Bytes
import Cryptography
import DequeModule
import Ledger
import Linux
import MQTT
import Reactor

/// The device that has attached another one.
struct ParentDevice: Sendable {
    let identity: DeviceIdentity

    /// Of its product: children are devices of the same one.
    let account: AccountID
}

/// The parent's end of a child's connection.
///
/// A child has a connection as any device has, at its own home shard: so admission, quota, limits, taking over and ends
/// are those of all devices. Its socket is one of a pair, and the other one is here, on the shard of the device that has
/// attached it: what that publishes for the child is written into this one, and what comes out of it is the child's.
struct ChildLink: ~Copyable, Sendable {
    enum Phase: UInt8, Sendable {
        /// CONNECT is sent.
        case connecting
        /// The child has been let in, and its topics are subscribed to.
        case subscribing
        case attached
        /// DISCONNECT is sent; its connection is still to end.
        case detaching
    }

    let descriptor: Descriptor

    /// The connection of the device that has attached it, on this shard.
    let parent: Token

    /// `d/{PK}/{DK}/` of the child.
    let prefix: [UInt8]

    /// Of its CONNECT: a request to attach the child with another one is for another connection.
    let connectDigest: SHA256Digest

    /// What the requests that were not answered yet are called by the parent: at most `requestMaximum`.
    var requests: [String]
    var phase = Phase.connecting

    /// The start of a packet of the child's connection whose end has not come.
    var input = ByteBuffer()

    /// Packets for the child's connection.
    var output = ByteBuffer()
    var interest: Interest = .read

    /// The packet identifiers of PUBLISHes that the child's connection has not answered. They are the parent's own.
    var unanswered: [UInt16] = []

    /// How many may be, and how many bytes each may have, as CONNACK has said.
    var receiveMaximum = Int(UInt16.max)
    var maximumPacketSize = UInt32.max

    /// The parent's session has no room for the next message in `input`: nothing more is read until it has.
    fileprivate(set) var isHeld = false

    /// How many bytes of room that message needs.
    fileprivate(set) var heldBytes = 0

    /// What comes for the child is not taken any more: its session keeps what is not acknowledged.
    var leavesMessages = false

    /// The parent has attached the child anew: it is not told of this connection's end.
    var isReplaced = false

    /// Why the child's connection ends, as that has said.
    var ending: Reason?
    var isFlushListed = false

    /// Requests for one child that may be under way at a time.
    static let requestMaximum = 16

    /// How much a PUBLISH may grow on its way to the child's connection: a topic in place of its alias, and properties' length
    /// where MQTT 3.1.1 has none.
    static let growthBytes = Int(UInt16.max) + 3

    /// What a packet has at most (2.1.4): a length of four bytes behind its first.
    static let packetBytesMaximum = 268_435_460

    /// What a child's connection is told that its parent takes, at least: so that there is room for why it ends.
    static let packetBytesMinimum: UInt32 = 512

    init(
        descriptor: consuming Descriptor, parent: Token, prefix: [UInt8], request: String,
        connect: Span<UInt8>
    ) {
        self.descriptor = descriptor
        self.parent = parent
        self.prefix = prefix
        requests = [request]
        connectDigest = SHA256.hash(connect)
        output.append(connect)
    }

    /// `"pk":"...","dk":"..."`: keys have no character that JSON would escape.
    var names: String {
        let levels = prefix.split(separator: UInt8(ascii: "/"))
        let product = String(decoding: levels[1], as: UTF8.self)
        let device = String(decoding: levels[2], as: UTF8.self)
        return "\"pk\":\"\(product)\",\"dk\":\"\(device)\""
    }
}

/// One shard's links to the connections of devices that its own devices have attached.
struct ChildLinks: ~Copyable {
    /// How many children one connection may have attached, or be attaching, those that are being detached among them; while
    /// one is attached anew there may be one more.
    static let maximumPerParent = 1_000

    /// What may be under way in each direction of a pair of sockets, in bytes: the kernel doubles it.
    static let bufferBytes: Int32 = 16_384

    /// The links' numbers in epoll begin here: above those of listeners.
    static let firstNumber: UInt32 = 1 << 30

    private var links: SlotMap<ChildLink>
    private var index = SlotIndex()

    /// Links that have something to be sent at the end of the turn.
    private var flushList: [Token] = []

    /// Those that are held, by their parents; the one in front is the first to go on.
    private var held: [Token: Deque<Token>] = [:]

    /// Parents whose sessions may have room now for what some of these are held with; one may be in it more than once.
    private var roomy: [Token] = []

    init(limit: Int) { links = SlotMap(limit: limit) }

    var isEmpty: Bool { links.isEmpty }
    var count: Int { links.count }

    /// The link in a slot, in place; traps when there is none.
    subscript(slot: UInt32) -> ChildLink {
        // Safe: a link stays where it is while it is in its slot.
        unsafeAddress { unsafe UnsafePointer(links.pointer(toSlot: slot)) }
        unsafeMutableAddress { unsafe links.pointer(toSlot: slot) }
    }

    func contains(_ token: Token) -> Bool { links.contains(token) }
    func token(ofSlot slot: UInt32) -> Token? { links.token(ofSlot: slot) }

    /// Takes a link up; `nil` when there is no room.
    mutating func insert(_ link: consuming ChildLink) -> Token? {
        let hash = Self.hash(link.prefix.span, link.parent)
        guard let token = links.insert(link) else { return nil }
        index.insert(token.slot, hash: hash)
        return token
    }

    /// A link that is being detached is found by its child's topics no more: another one may be made.
    mutating func hide(_ token: Token) {
        let hash = Self.hash(links[slot: token.slot].prefix.span, links[slot: token.slot].parent)
        index.remove(token.slot, hash: hash)
    }

    /// Lets go of a link, which closes its socket: the child's connection ends.
    mutating func remove(_ token: Token) {
        guard links.contains(token) else { return }
        hide(token)
        if links[slot: token.slot].isHeld { letGoOn(token) }
        _ = links.remove(token)
    }

    // MARK: Held

    /// Has a link wait for so many bytes of room in its parent's session, behind those that wait for it already.
    mutating func hold(_ token: Token, for bytes: Int) {
        links[slot: token.slot].heldBytes = bytes
        guard !links[slot: token.slot].isHeld else { return }
        links[slot: token.slot].isHeld = true
        held[links[slot: token.slot].parent, default: []].append(token)
    }

    /// It waits no more.
    mutating func letGoOn(_ token: Token) {
        links[slot: token.slot].isHeld = false
        let parent = links[slot: token.slot].parent
        guard let place = held[parent]?.firstIndex(of: token) else { return }
        held[parent]?.remove(at: place)
        if held[parent]?.isEmpty == true { held[parent] = nil }
    }

    /// The parent goes: none of its links waits for anything more.
    mutating func forgetHeld(of parent: Token) {
        for token in held.removeValue(forKey: parent) ?? [] where links.contains(token) {
            links[slot: token.slot].isHeld = false
        }
    }

    /// A parent's session may have room. Constant time, as each acknowledgement of a parent's comes here.
    mutating func noteRoom(of parent: Token) {
        guard !held.isEmpty, roomy.last != parent, held[parent] != nil else { return }
        roomy.append(parent)
    }

    /// The parents whose sessions may have room now.
    mutating func takeRoomy() -> [Token] {
        var taken: [Token] = []
        if !roomy.isEmpty { swap(&taken, &roomy) }
        return taken
    }

    /// Of the parent's links the one that has waited for longest, and for how many bytes.
    func firstHeld(of parent: Token) -> (link: Token, bytes: Int)? {
        guard let link = held[parent]?.first else { return nil }
        return (link, links[slot: link.slot].heldBytes)
    }

    /// The link of the parent's to the device that a topic belongs to. Allocates nothing: all that is published for
    /// children asks.
    func link(of topic: Span<UInt8>, parent: Token) -> Token? {
        guard let count = Self.prefixCount(of: topic) else { return nil }
        let prefix = topic.extracting(0..<count)
        let slot = index.slot(hash: Self.hash(prefix, parent)) {
            links[slot: $0].parent == parent && prefix.isEqual(to: links[slot: $0].prefix.span)
        }
        return slot.flatMap { links.token(ofSlot: $0) }
    }

    /// How long `d/{PK}/{DK}/` is at the start of a topic; `nil` of one that does not begin so.
    private static func prefixCount(of topic: Span<UInt8>) -> Int? {
        guard topic.hasPrefix("d/") else { return nil }
        var slashes = 0
        for index in topic.indices where topic[index] == UInt8(ascii: "/") {
            slashes += 1
            if slashes == 3 { return index + 1 }
        }
        return nil
    }

    private static func hash(_ prefix: Span<UInt8>, _ parent: Token) -> UInt32 {
        var hasher = Hasher()
        hasher.combine(parent.slot)
        // Safe: the hasher reads the bytes during the call.
        unsafe prefix.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return UInt32(truncatingIfNeeded: hasher.finalize())
    }

    /// Has the link flushed at the end of the turn.
    mutating func flushLater(_ token: Token) {
        guard !links[slot: token.slot].isFlushListed else { return }
        links[slot: token.slot].isFlushListed = true
        flushList.append(token)
    }

    /// The next link to be flushed in this turn.
    mutating func nextToFlush() -> Token? {
        while let token = flushList.popLast() {
            guard links.contains(token) else { continue }
            links[slot: token.slot].isFlushListed = false
            return token
        }
        return nil
    }
}

// Sockets: out, and gone.
extension ShardContext {
    /// Whether there is no descriptor for a connection more, and for its link, when it is a child's: `limits.connections`
    /// knows of one for each connection, and the stores must never be without. Else it is counted from here on.
    mutating func lacksDescriptors(forChild isChild: Bool) -> Bool {
        !commons.sockets.take(
            &socketShare, connections: wire.count + 1, links: children.count + (isChild ? 1 : 0),
            limit: commons.limits.descriptors)
    }

    /// How many there are in truth: what was counted may not have come about.
    mutating func noteSockets() {
        commons.sockets.note(&socketShare, connections: wire.count, links: children.count)
    }

    /// True when all of some link has been sent.
    mutating func flushLinks() -> Bool {
        var hasSentAll = false
        while let token = children.nextToFlush() {
            flush(token)
            if children[token.slot].output.isEmpty { hasSentAll = true }
        }
        return hasSentAll
    }

    /// Sends as much as the link's socket takes. A child's connection that has gone is found by reading.
    mutating func flush(_ token: Token) {
        let slot = token.slot
        if !children[slot].output.isEmpty {
            let socket = children[slot].descriptor.socket
            do throws(Errno) {
                switch try socket.send(children[slot].output.span) {
                case .sent(let count): children[slot].output.removeFirst(count)
                case .wouldBlock: break
                }
            } catch {
                children[slot].output.removeAll(keepingCapacity: false)
            }
        }
        watch(slot)
    }

    /// A held link is told of the end of the child's connection once, not in each turn: so by its edge.
    mutating func watch(_ slot: UInt32) {
        var interest: Interest = children[slot].isHeld ? .edgeTriggered : .read
        if !children[slot].output.isEmpty { interest.insert(.write) }
        guard children[slot].interest != interest else { return }
        children[slot].interest = interest
        let number = children[slot].descriptor.rawValue
        let userData = Token.reserved(ChildLinks.firstNumber + slot).rawValue
        do throws(Errno) {
            try wire.epoll.modify(number, interest: interest, userData: userData)
        } catch {
            preconditionFailure("epoll_ctl: \(error)")
        }
    }

    /// Takes no more messages for a child whose connection ends: unanswered they stay in its session. What else it says is
    /// read.
    mutating func leaveMessages(of token: Token) {
        children[token.slot].leavesMessages = true
        guard children[token.slot].isHeld else { return }
        children.letGoOn(token)
        watch(token.slot)
    }

    /// Lets go of a link, and takes it from its parent.
    mutating func dropLink(_ token: Token) {
        guard children.contains(token) else { return }
        let parent = children[token.slot].parent
        children.remove(token)
        guard wire.contains(parent) else { return }
        wire[parent.slot].children.removeAll { $0 == token }
    }

    /// A connection ends: so do those of its children, when they have what it has published for them.
    mutating func dropLinks(of slot: UInt32) {
        guard !wire[slot].children.isEmpty else { return }
        if let parent = wire.token(of: slot) { children.forgetHeld(of: parent) }
        for token in wire[slot].children {
            if children.contains(token) { flush(token) }
            children.remove(token)
        }
        wire[slot].children = []
    }
}
