extension Links {
    /// Times and limits of a node's links. The nodes of a cluster should have the same, but need not.
    public struct Settings: Hashable, Sendable {
        /// How often a node tells all others that it is there, and each peer when nothing else was sent to it.
        public var heartbeatMilliseconds: Int64 = 1_000

        /// A peer that was not heard for so long, or did not acknowledge anything of what it was sent, is gone.
        public var silenceMilliseconds: Int64 = 5_000

        /// What is not acknowledged is sent again after so long or three round trips, whichever is longer;
        /// doubled each time.
        public var resendMilliseconds: Int64 = 50

        /// The longest that doubling makes it.
        public var resendMaximumMilliseconds: Int64 = 1_000

        /// An acknowledgement waits so long for something to travel with.
        public var acknowledgeMilliseconds: Int64 = 2

        /// For one peer, sent and not acknowledged; the rest waits. Exceeded by one datagram at most.
        public var windowBytes = 1 << 20

        /// For one peer, posted and not acknowledged. Above, the link is ended.
        public var bufferedBytesMaximum = 64 << 20

        /// Batches, or parts of one, that travel together; at most half of `PeerDatagram.maximumBytes`. Every byte
        /// of a link's window is copied a few times, and a datagram that is lost is sent again whole.
        public var frameBytes = 64 << 10

        public init() {}

        /// Under way in one direction at once, so that what comes out of order has a limit.
        static var framesMaximum: UInt64 { 1_024 }
    }

    /// Of one batch, in bytes.
    public static var batchMaximumBytes: Int { 8 << 20 }

    /// Nodes that one node remembers, itself not counted.
    static var peersMaximum: Int { 128 }
}
