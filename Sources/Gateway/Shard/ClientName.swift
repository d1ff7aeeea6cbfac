import Ledger

/// What two connections of the same client have in common: the later one displaces the earlier.
enum ClientName: Hashable {
    case device(DeviceIdentity)

    /// Client identifiers are the key's own: no key's application can displace another's. Bytes, because
    /// equal strings may differ in them: "å" of one character and of two ([MQTT-3.1.3-2]).
    case application(KeyID?, clientID: [UInt8])

    init(_ client: Client) {
        switch client {
        case .device(let identity): self = .device(identity)
        case .application(let application):
            self = .application(application.key, clientID: Array(application.clientID.utf8))
        case .unknown: preconditionFailure("only an admitted client has a name")
        }
    }
}
