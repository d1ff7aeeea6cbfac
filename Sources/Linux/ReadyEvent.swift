/// One descriptor that is ready: the number it was added with, and what it is ready for.
@frozen
public struct ReadyEvent: Sendable {
    public let userData: UInt64
    public let readiness: Interest

    @inlinable
    public init(userData: UInt64, readiness: Interest) {
        self.userData = userData
        self.readiness = readiness
    }

    /// Worth a read: bytes, the end, or an error that the read will name.
    @inlinable
    public var isReadable: Bool {
        !readiness.isDisjoint(with: [.read, .hangUp, .error, .readHangUp])
    }

    /// Nothing can be read or written any more: the peer has reset the connection, or both directions
    /// are shut. Reported whatever the descriptor is watched for.
    @inlinable
    public var isOver: Bool { !readiness.isDisjoint(with: [.hangUp, .error]) }

    /// Worth a write: room, or an error that the write will name.
    @inlinable
    public var isWritable: Bool { !readiness.isDisjoint(with: [.write, .hangUp, .error]) }
}
