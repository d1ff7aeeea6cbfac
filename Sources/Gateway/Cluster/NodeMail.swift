import Bytes
import Ledger
import Metering
import Sessions
import Time

/// What the shards of two nodes say to each other. It travels in batches (`NodeBatch`) over the nodes' link, which
/// keeps their order and loses none while it lasts.
///
/// A message with a request is answered once by an `answer` with the same number. When the link ends, so does what
/// waits for an answer over it.
enum NodeMail {
    // Filters.

    /// Messages that match the filter are wanted by the sending shard, for sessions of its own. `hasConnected`, of a
    /// share: some member of it there has a connection. `isStored`: some session that has it outlives its connection.
    case subscribe(filter: [UInt8], hasConnected: Bool, isStored: Bool, NodeRequest)
    case unsubscribe(filter: [UInt8], NodeRequest)

    /// The sending shard's members of that share have a connection again, or none any more.
    case connected(share: [UInt8], Bool)

    /// The sending shard has said which filters its sessions have, since the link began.
    case filtersTold

    /// Stored sessions of another node's shard want what matches the filter, as far as the sending node knows, which
    /// can't reach that node. `shards`: how many it had.
    case away(NodeName, shard: UInt8, shards: UInt8, filter: [UInt8])

    /// A client of the sending shard reads, and its queue is full: who publishes to one of its filters waits. Without
    /// filters: it has room again. Clients are told apart by the number.
    case crowded(UInt64, filters: [[UInt8]])

    // Messages.

    /// A message for sessions of the receiving shard. Without a request, no one waits for it.
    case deliver(Message, NodeDelivery, NodeRequest?)

    /// The same, kept by the sending node until it is answered: the receiving one takes it once.
    case forward(ForwardNumber, Message, NodeDelivery, NodeRequest)

    /// All that the sending shard keeps for the receiving node, and has kept first; the sending node keeps nothing that a life
    /// of it before `first` has.
    case forwarding([ForwardNumber], first: UInt64)

    /// The sending node knows that these were taken, and keeps them no more. `keeper`: who has kept them first; `nil`: the
    /// sending node.
    case settled([ForwardNumber], keeper: NodeName?)

    /// A message on a device's topic: to its owner, or, when that has sent it on (`isForwarded`), to where the device is.
    case toDevice(Message, isRetained: Bool, DeviceIdentity, isForwarded: Bool, NodeRequest?)

    // Clients.

    /// A client has connected to the sending node, and wants to be let in. To its owner.
    case claim(SessionName, isCleanStart: Bool, NodeRequest)

    /// A client has connected to that node: its connection here ends, its session is wanted. From its owner. An older
    /// program does not say to which.
    case yield(SessionName, isCleanStart: Bool, NodeRequest, to: NodeName?)

    /// A session that was yielded is on the sending node's disk.
    case taken(SessionName)

    /// What has come for a session since it was yielded.
    case rest(SessionName, [QueuedMessage])

    /// The session is not on the sending node's disk any more: the receiving one has it alone.
    case left(SessionName)

    /// The sending node has these clients, or their sessions. To their owner.
    case holds([ClientPlace])

    /// The sending node does not have that client any more, nor a session of it. To its owner.
    case released(ClientPlace)

    /// Another node has the client, by this claim: what the receiving one has of it by an earlier one is void.
    case superseded(ClientPlace)

    /// The sending shard has told the owners which clients it has.
    case placesTold(PlacesMark)

    // Counts.

    /// Whole-day counts of devices of the sending node. To their owners, and their owners' deputies.
    case counted([UsageBatch.Entry], at: Timestamp)

    // Questions.
    case ask(NodeQuestion, NodeRequest)
    case answer(NodeRequest, NodeAnswer)
}

/// Names a message that is to be answered, among those of one shard.
struct NodeRequest: Hashable {
    let number: UInt32
}

/// Whom of a shard a message is for.
struct NodeDelivery: Equatable {
    /// The RETAIN flag that it was published with.
    let isRetained: Bool

    /// All who have a matching subscription of their own.
    let isForSubscribers: Bool

    /// Shares of which one member of that shard is to get it.
    let shares: [[UInt8]]

    /// Of subscribers, only those whose sessions were another node's. Of a message that is kept (`forward`) alone.
    var inherited: InheritedForward?

    /// Not for sessions that were those nodes': for them the sending node keeps the message.
    var excluded: [NodeName] = []

    /// Who has kept the message first, and given its number; `nil`: the sending node. Of one that is kept alone.
    var keeper: NodeName?
}

/// For whom a message was kept before, and under which number.
struct InheritedForward: Equatable {
    let node: NodeName
    let number: ForwardNumber

    /// Who has given that number; `nil`: who has given the one that the message has now.
    var keeper: NodeName?

    /// The shard of that node that had the sessions, of so many.
    let shard: UInt8
    let shardCount: UInt8
}

/// Where a client is, or its session.
struct ClientPlace: Equatable {
    let name: SessionName

    /// Of the claim that it was let in by: a later one has a greater number. 0: of none, as the process that made it
    /// has ended, or its owner could not be reached.
    let number: UInt64
}

/// What a device's home shard is asked on behalf of another node.
enum NodeQuestion: Equatable {
    case onlineCount(ProductKey)
    case connection(DeviceIdentity)
    case outcomes(DeviceIdentity)
    case lastSeen([DeviceIdentity])
    case refusals([DeviceIdentity])
    case usage(DeviceIdentity)
    case kick(DeviceIdentity)

    /// Give back what is held of the account's message packs, and say whether anything was, when the ledger has it.
    case recall(AccountID)

    /// What has happened since the same was asked with that number; the first time it begins.
    case follow(LiveSource, FeedNumber)
    case endFollowing(LiveSource, FeedNumber)

    /// The shard's clients, from that slot on, of that product or all: at most so many.
    case connections(from: UInt32, ProductKey?, limit: Int)
    case productDays(ProductKey, from: Day, to: Day)

    /// What the node has counted of each of these products, at most `NodeQuestion.productsMaximum`.
    case daysOfProducts([ProductKey], from: Day, to: Day)

    /// How many devices of these products together were online there, quarter by quarter; at most as many products.
    case online([ProductKey], from: Quarter, to: Quarter)

    /// What the shard has and has counted.
    case figures

    /// What the node has of that file of a firmware image, from there on.
    case imagePiece(UInt64, at: UInt64)

    /// Which of these files of firmware images the node has; at most `imagesMaximum`.
    case images([UInt64])

    /// Nothing: the answer comes behind all that the shard had sent before.
    case pass

    /// It can't be read: a later program asks it. It is answered that it is not known here.
    case unknown

    /// Of one question: a shard is held up for a few milliseconds.
    static let productsMaximum = 32
    static let imagesMaximum = 128
}

/// What can be followed live.
enum LiveSource: Equatable {
    case trace(DeviceIdentity)

    /// Which of a product's devices come and go.
    case presence(ProductKey)

    /// Whose home sees it; `nil`: every shard does.
    var home: DeviceIdentity? { if case .trace(let device) = self { device } else { nil } }
}

/// What a request is answered with.
enum NodeAnswer {
    /// It is done, and what has to be on disk is.
    case done

    /// What had to be written could not be.
    case notStored
    case outcome(DownlinkOutcome)

    /// To a claim: the node that was asked is not the client's owner any more.
    case askAgain
    case granted(ClaimGrant)
    case yielded(YieldedClient)
    case count(UInt64)
    case flag(Bool)
    case connection(DeviceConnection?)
    case outcomes(DeviceOutcomes)

    /// In the order of the devices.
    case refusals([ConnectionOutcome?])
    case traced([TraceEvent], dropped: UInt64)
    case present([PresenceEvent], dropped: UInt64)
    case connections(SlotsSeen)
    case times([Timestamp?])
    case days([DayUsage])
    case productDays([ProductDay])

    /// In the order of the products.
    case daysOfProducts([[ProductDay]])
    case online([OnlineCount])
    case figures(NodeFigures)

    /// Nothing when the file is not there.
    case piece([UInt8])

    /// In the order of the files.
    case flags([Bool])

    /// The question is not known at the other node, or its answer can't be read here.
    case unknown
}

/// A client may be let in.
struct ClaimGrant {
    let number: UInt64

    /// It was taken over from another node.
    let hasDisplaced: Bool

    /// What of a device's days was counted before it came.
    let days: [DayUsage]

    /// Its session, and the node that has it until it hears that it was taken; `nil`: there is none, or it is on the
    /// client's new node already.
    let session: (content: StoredSession, from: NodeName)?
}

/// What a node knows of a client that has gone to another one.
struct YieldedClient {
    /// It was connected.
    let wasConnected: Bool
    let days: [DayUsage]
    let session: StoredSession?
}
