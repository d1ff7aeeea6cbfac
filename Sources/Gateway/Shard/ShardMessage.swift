import Ledger
import Metering
import MQTT
import Reactor
import Sessions
import Storage
import Synchronization
import TLS

/// What comes onto a shard from another thread: a value, through its mailbox.
enum ShardMessage: Sendable {
    // From other shards.
    case handOver(HandOver)

    /// An uplink message for the application clients named by their tokens on the receiving shard.
    ///
    /// `sender` waits for those that are stored.
    case deliver(Message, to: [Delivery], for: DownlinkSender)

    /// An answer for a QoS 2 message of a client of the receiving shard, whose writes are gathered.
    case gathered(Token, packetID: UInt16, Gathered)

    /// Another shard has written a message of a queue of the receiving one, or could not.
    case storedElsewhere(StoredAt, isWritten: Bool)

    /// So many of the things that a client's PUBLISH on the receiving shard waits for are done.
    case confirmed(Token, packetID: UInt16, count: Int, WriteOutcome)

    /// A message on a device's topic, on the device's home shard.
    case deliverToDevice(Message, isRetained: Bool, DeviceIdentity, for: DownlinkSender)

    /// What became of the message that a client of the receiving shard published.
    case decided(Token, packetID: UInt16, DownlinkOutcome)
    case subscribe(filter: [UInt8], Subscriber, confirmation: Confirmation?)
    case unsubscribe(filter: [UInt8], SessionAddress, confirmation: Confirmation?)

    /// A session with shared subscriptions has lost its connection, or has one again.
    case connected(SessionAddress, Bool)
    case subscribed(Confirmation)

    /// Publishers to a session are to wait, as its queue is full, or need not any more.
    case crowded(SessionAddress, Bool)

    /// Another shard wants to know when all that the receiving one has sent it has come.
    case pass(UInt64, from: Int)

    /// It has: the receiving shard asked under that number.
    case passed(UInt64)

    /// Of an account's message packs: from the ledger, another shard, or the control side.
    case packs(AccountID, PackNotice)

    // From the stores' writers.
    case admissionAnswered(Token, Result<Outcome, StoreError>)
    case registrationAnswered(Token, Result<Outcome, StoreError>)
    case renewalAnswered(Token, Result<Outcome, StoreError>)

    /// What a device has said of an upgrade's end was carried out, or could not be.
    case upgradeReported(Token, UpgradeID)
    case usageWritten(batch: UInt64, isWritten: Bool)
    case sessionsWritten(Bool)

    /// What a session that has subscribed may want of retained messages is on disk.
    case retainedWritten(Token)

    /// What a device has reported of its state is on disk, or could not be written.
    case stateWritten(DeviceIdentity, WriteOutcome)

    // From other nodes of the cluster.
    case nodeArrived(NodeArrival)

    /// A batch of a node's, unread.
    case nodeMail(UInt8, [UInt8])
    case nodeLost(UInt8)

    /// The books have it no more.
    case nodeRemoved(UInt8)
    case ownersChanged(PartitionOwners)

    /// The books say who keeps whose stored sessions.
    case followings(Followings)

    /// The stored sessions of a node that is gone are this node's by now.
    case inherit(Inheritance)

    /// A shard of this node knows which of them are its own, and has told their filters: it says so to each shard, behind
    /// these.
    case partInherited(Inheritance)

    /// What a shard had kept for that node: for sessions that are the receiving shard's by now.
    case handOut(Message, NodeDelivery, ForwardNumber, from: Int)
    case handedOut(ForwardNumber)

    /// What a node that is gone had kept for this one.
    case takeKept(InheritedKeep)

    /// What such a node had kept is here now, and gone from the copy.
    case keptForward(InheritedKeep)

    /// A session that was taken over is gone from the copy.
    case inheritanceSettled(Inheritance)

    /// This node's stored sessions are another one's by now: nothing is written of them any more.
    case sessionsVoid

    /// Counts of other nodes are on disk, or could not be written.
    case countsAdopted([DeviceIdentity], isWritten: Bool)

    // From the control side.
    case productChanged(ProductKey)
    case productsChanged
    case deviceChanged(DeviceIdentity)

    /// A device was refused at a shard that is not its home: before its CONNECT, by its handshake.
    case refusedElsewhere(DeviceIdentity, DeviceHistory.Outcome)

    /// It is to be something else.
    case desiredChanged(DeviceIdentity)

    /// What it has reported is to go.
    case stateForgotten(DeviceIdentity)

    /// The same of all devices of a product, on one shard.
    case statesForgotten(ProductKey)

    /// A device is to upgrade to a firmware image.
    case upgradeOffered(DeviceIdentity)
    case entitlementTaken(DeviceIdentity)
    case secretReset(DeviceIdentity)

    /// It may show other certificates.
    case pinsSet(DeviceIdentity)
    case keyRevoked(KeyID)
    case ask(ShardQuestion)
    case contextsReplaced(ListenerContexts)

    /// All that accounts have registered, switched off or not: who may come in is found out at CONNECT. With the rules of
    /// those that have others than the standard ones.
    case authoritiesChanged(ClientAuthorities, rules: [AuthorityID: AuthorityRules])

    /// It no longer vouches for the devices that it has vouched for before the event with that number: it may have been
    /// switched on again since.
    case authorityEnded(AuthorityID, UInt64)

    /// It has another list of revoked certificates, which holds for others of its name and key, too.
    case certificatesRevoked(AuthorityID)

    /// The gateway's own figures, for those who have subscribed.
    case systemTopics([Message])

    /// Look at the clock: a test has moved it.
    case tick
    case drain
    case stop
}

/// One receiver of a message that has come from another shard.
struct Delivery: Sendable {
    let token: Token
    let terms: DeliveryTerms

    /// The session is a stored one: the sender has to wait for the disk.
    var isStored = false

    /// Nodes that the message is kept for: it is not for sessions that were theirs.
    var away: [UInt8] = []
}

/// A SUBSCRIBE that is answered when all shards have heard of it, so that nothing published after
/// the SUBACK is missed.
struct Confirmation: Sendable, Equatable {
    let shard: Int
    let token: Token
    let packetID: UInt16
}

/// A connection on its way to its client's home shard: descriptor, TLS session, and the CONNECT that
/// named the client, unread. Taken once.
final class HandOver: Sendable {
    private let connection: Mutex<Connection?>

    init(_ connection: consuming Connection) {
        self.connection = Mutex(consume connection)
    }

    /// The connection, the first time.
    func take() -> Connection? {
        connection.withLock { connection in
            var taken: Connection?
            swap(&taken, &connection)
            return taken
        }
    }
}
