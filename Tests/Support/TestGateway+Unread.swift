import Gateway
import Ledger
import MQTT

extension TestGateway {
    /// What has come to `client` and was not taken by its test: for checks that nothing came, none.
    /// The PUBREL of a message that was taken is not counted.
    ///
    /// No time has to pass for it. What was asked of the gateway before and answered (PUBACK, PUBCOMP,
    /// SUBACK, PINGRESP, the end of a connection) has reached the client's shard when `settle`
    /// returns, and a shard answers a PINGREQ behind all that it has sent to the client.
    /// A PUBLISH of QoS 0 has no answer: let its sender `ping` first.
    public func unread(by client: TestClient) async throws(TestClientError) -> [TestPacket] {
        await settle()
        return try client.unread()
    }

    /// Returns when what was done before has had its effect on every shard.
    ///
    /// A shard reads its mail in order, and posts to the others at the end of a turn. So its answer to
    /// one round says that it has read the mail from before, the answer to the next that it has posted
    /// what came of it. Two rounds carry a message to another shard; the longest way (from where a
    /// client was accepted to its home, to a member of a share, to another member) has three steps.
    public func settle() async {
        for _ in 0..<6 { _ = await gateway.onlineCount(of: Self.unusedProduct) }
    }

    private static let unusedProduct = ProductKey("unused")!
}

extension TestClient {
    /// Asks for a sign of life; then, what came before it and was not taken. A PUBREL, which is
    /// answered at once, is not counted.
    func unread() throws(TestClientError) -> [TestPacket] {
        try ping()
        return kept.filter { packet in
            if case .acknowledgement(let answer) = packet { answer.type != .pubrel } else { true }
        }
    }
}
