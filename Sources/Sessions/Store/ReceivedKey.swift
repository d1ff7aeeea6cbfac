import Bytes
import Storage

/// A packet identifier of a QoS 2 message that a session has taken and that awaits its PUBREL.
struct ReceivedKey: StorageKey, Hashable {
    let session: SessionNumber
    let packetID: UInt16

    init(_ session: SessionNumber, _ packetID: UInt16) {
        self.session = session
        self.packetID = packetID
    }

    func encode(into writer: inout KeyWriter) {
        session.encode(into: &writer)
        writer.append(packetID)
    }

    init?(decoding reader: inout ByteReader) {
        guard let session = SessionNumber(decoding: &reader), let packetID = reader.readUInt16()
        else { return nil }
        self.init(session, packetID)
    }
}
