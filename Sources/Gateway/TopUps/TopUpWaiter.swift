import Ledger
import MQTT
import Reactor
import Sessions

/// What waits for top-up units (rule C6).
enum TopUpWaiter: Sendable {
    /// A device whose PUBLISH is not served yet; nothing more is read from it meanwhile.
    case publisher(Token)

    /// A message to a device.
    case delivery(HeldDelivery)

    /// The will of a device that has gone.
    case will(Message, DeviceIdentity, ProductCatalogue.Slot)
}

/// A message to a device of this shard that waits for top-up units.
struct HeldDelivery: Sendable {
    let token: Token
    let message: Message
    let qos: QoS

    let wait: MessageWait

    /// Who is to be told what becomes of it.
    let sender: DownlinkSender

    init(
        _ token: Token,
        _ message: Message,
        _ qos: QoS,
        _ wait: MessageWait,
        _ sender: DownlinkSender
    ) {
        self.token = token
        self.message = message
        self.qos = qos
        self.wait = wait
        self.sender = sender
    }
}
