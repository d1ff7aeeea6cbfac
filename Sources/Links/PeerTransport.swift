public import LedgerModel

/// Carries datagrams between nodes: may lose, double, delay and reorder them. At most
/// `PeerDatagram.maximumBytes` each.
public protocol PeerTransport: AnyObject, Sendable {
    /// From now on `handler` is called with each datagram for `node`, and those for all, on a thread of the
    /// transport's or of the sender's: it only passes them on. Called once.
    func receive(as node: NodeName, _ handler: @escaping @Sendable ([UInt8]) -> Void)

    /// May wait as long as a full socket makes it; what can't be sent is lost.
    func send(_ datagram: [UInt8], to node: NodeName)

    /// May come back to the sender.
    func sendToAll(_ datagram: [UInt8])

    /// Nothing is sent or received any more. Calling it again does nothing.
    func close()
}
