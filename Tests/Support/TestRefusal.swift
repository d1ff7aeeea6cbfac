/// A CONNECT that a test needed was refused.
public struct TestRefusal: Error {
    public let connack: TestPacket.Connack

    public init(connack: TestPacket.Connack) { self.connack = connack }
}
