import Ledger
import Reactor
import Sessions

/// What waits for top-up units (rule C6).
enum TopUpWaiter: Sendable {
    /// A device whose PUBLISH is not served yet; nothing more is read from it meanwhile.
    case publisher(Token)

    /// A message to a device.
    case delivery(HeldDelivery)

    /// A device whose next message in line needs units.
    case line(Token)

    /// The will of a device that has gone.
    case will(Message, isRetained: Bool, DeviceIdentity, ProductCatalogue.Slot)
}

/// A message to a device of this shard that waits for top-up units.
struct HeldDelivery: Sendable {
    let token: Token
    let message: Message
    let terms: DeliveryTerms

    /// Who is to be told what becomes of it.
    let sender: DownlinkSender

    init(
        _ token: Token,
        _ message: Message,
        _ terms: DeliveryTerms,
        _ sender: DownlinkSender
    ) {
        self.token = token
        self.message = message
        self.terms = terms
        self.sender = sender
    }
}

extension TopUpWaiter {
    /// Whose deliveries wait.
    var session: Token? {
        switch self {
        case .delivery(let held): held.token
        case .line(let token): token
        case .publisher, .will: nil
        }
    }
}
