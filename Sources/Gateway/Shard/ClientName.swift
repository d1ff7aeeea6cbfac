import Ledger

/// What two connections of the same client have in common: the later one displaces the earlier.
enum ClientName: Hashable {
    case device(DeviceIdentity)

    /// Client identifiers are the key's own: no key's application can displace another's.
    case application(KeyID?, clientID: String)

    init(_ client: Client) {
        switch client {
        case .device(let identity): self = .device(identity)
        case .application(let application):
            self = .application(application.key, clientID: application.clientID)
        case .unknown: preconditionFailure("only an admitted client has a name")
        }
    }
}
