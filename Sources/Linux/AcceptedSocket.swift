/// A connection as `accept4(2)` hands it out: non-blocking, closed on exec.
@frozen
public struct AcceptedSocket: ~Copyable, Sendable {
    public let descriptor: Descriptor
    public let peer: SocketAddress

    @inlinable
    init(descriptor: consuming Descriptor, peer: SocketAddress) {
        self.descriptor = descriptor
        self.peer = peer
    }

    /// The parts, each owned by the caller.
    @inlinable
    public consuming func takeDescriptor() -> Descriptor { descriptor }
}
