public import Linux
import Reactor
import Synchronization

/// Where a listener with `shareWithAPI` leaves connections of HTTP: the API takes them, on threads of its own.
public final class SharedPort: Sendable {
    /// A connection that nothing has been answered on. One whose socket is not taken is closed.
    public final class Visitor: Sendable {
        private let descriptor: Parcel<Descriptor>

        /// The client: the other end of the socket, or what a proxy says there.
        public let peer: SocketAddress

        /// What has been read of its TLS: from the ClientHello on.
        public let arrived: [UInt8]

        init(_ descriptor: consuming sending Descriptor, peer: SocketAddress, arrived: [UInt8]) {
            self.descriptor = Parcel(descriptor)
            self.peer = peer
            self.arrived = arrived
        }

        /// Its socket, the first time: non-blocking, and sends each write at once.
        public func takeDescriptor() -> Descriptor? { descriptor.take() }
    }

    public typealias Taker = @Sendable (Visitor) -> Void

    private let taker = Mutex<Taker?>(nil)

    /// Whether a client that offers these protocols by ALPN is the API's: HTTP, and nothing of MQTT.
    static func isForAPI(_ protocols: [String]) -> Bool {
        protocols.contains("http/1.1")
            && !protocols.contains(where: ListenerContexts.mqttProtocols.contains)
    }

    /// Has connections taken by `taker`, on a shard's thread, which it must not hold up.
    public func open(_ taker: @escaping Taker) { self.taker.withLock { $0 = taker } }

    public func close() { taker.withLock { $0 = nil } }

    var isOpen: Bool { taker.withLock { $0 != nil } }

    /// One that is not taken any more is closed.
    func leave(_ visitor: Visitor) { taker.withLock { $0 }?(visitor) }
}
