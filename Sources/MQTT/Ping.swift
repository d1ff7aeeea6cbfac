public import Bytes

/// PINGREQ (3.12). The client is alive. It has no body; `Framing` checks that.
public enum Pingreq {
    /// Appends the packet, the same in every version.
    @inlinable
    public static func encode(into buffer: inout ByteBuffer) {
        buffer.append(UInt16(PacketType.pingreq.firstByte) << 8)
    }
}

/// PINGRESP (3.13). The server is alive. It has no body; `Framing` checks that.
public enum Pingresp {
    /// Appends the packet, the same in every version.
    @inlinable
    public static func encode(into buffer: inout ByteBuffer) {
        buffer.append(UInt16(PacketType.pingresp.firstByte) << 8)
    }
}
