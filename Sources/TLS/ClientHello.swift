import Bytes

/// What a client says first (RFC 8446, 4.1.2), read from its records without a session: for who has to know what
/// the client speaks before it is answered.
public enum ClientHello {
    @frozen
    public enum Reading: Equatable, Sendable {
        /// More has to come.
        case incomplete

        /// It is whole, and offers these protocols by ALPN (RFC 7301, 3.1), the best first; none without ALPN.
        case offers([String])

        /// It is no ClientHello, or malformed, or longer than `lengthMaximum`: what is to be answered, a session knows.
        case unreadable
    }

    /// The most bytes that are looked at, headers of records included: one full record. With post-quantum keys a
    /// ClientHello has some 1,800.
    public static var lengthMaximum: Int { RecordHeader.length + RecordHeader.plaintextLimit }

    /// Reads what has come of a connection so far.
    public static func read(_ bytes: Span<UInt8>) -> Reading {
        var message: [UInt8] = []
        var offset = 0
        while offset + RecordHeader.length <= bytes.count {
            let header = RecordHeader(bytes, at: offset)
            guard header.type == RecordContent.handshake.rawValue, header.version >> 8 == 3,
                (1...RecordHeader.plaintextLimit).contains(header.payloadLength)
            else { return .unreadable }
            // Of a record that has not come yet, its start tells as much.
            let end = min(offset + header.recordLength, bytes.count)
            message.append(
                contentsOf: bytes.extracting(offset + RecordHeader.length..<end).bytesArray)
            if let reading = readMessage(message.span) { return reading }
            offset += header.recordLength
        }
        let isStart = offset >= bytes.count || bytes[offset] == RecordContent.handshake.rawValue
        return isStart && bytes.count < lengthMaximum ? .incomplete : .unreadable
    }

    /// Type and length in front of the body (RFC 8446, 4). `nil`: it is not whole.
    private static func readMessage(_ message: Span<UInt8>) -> Reading? {
        guard let type = message.indices.first.map({ message[$0] }) else { return nil }
        guard type == 1 else { return .unreadable }
        guard message.count >= 4 else { return nil }
        let length = Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3])
        guard length <= lengthMaximum else { return .unreadable }
        guard message.count >= 4 + length else { return nil }
        return readBody(message.extracting(4..<4 + length)).map { .offers($0) } ?? .unreadable
    }

    /// `nil` when it is malformed.
    private static func readBody(_ body: Span<UInt8>) -> [String]? {
        var reader = ByteReader(body)
        // Version and random; then the session's identifier, the cipher suites, the compression methods.
        guard reader.readBytes(34) != nil,
            let identifier = reader.readUInt8(), reader.readBytes(Int(identifier)) != nil,
            let suites = reader.readUInt16(), reader.readBytes(Int(suites)) != nil,
            let methods = reader.readUInt8(), reader.readBytes(Int(methods)) != nil
        else { return nil }
        // In TLS 1.2 there need not be extensions.
        guard let count = reader.readUInt16() else { return reader.readUInt8() == nil ? [] : nil }
        guard let extensions = reader.readBytes(Int(count)), reader.readUInt8() == nil else {
            return nil
        }
        return readExtensions(extensions)
    }

    private static func readExtensions(_ extensions: Span<UInt8>) -> [String]? {
        var reader = ByteReader(extensions)
        var names: [String]?
        while let type = reader.readUInt16() {
            guard let count = reader.readUInt16(), let content = reader.readBytes(Int(count)) else {
                return nil
            }
            guard type == applicationLayerProtocolNegotiation else { continue }
            guard names == nil, let read = readNames(content) else { return nil }
            names = read
        }
        return reader.readUInt8() == nil ? names ?? [] : nil
    }

    /// `ProtocolNameList`: at least one name of at least one byte. A name that is no text is none that is known.
    private static func readNames(_ content: Span<UInt8>) -> [String]? {
        var reader = ByteReader(content)
        guard let count = reader.readUInt16(), Int(count) == content.count - 2 else { return nil }
        var names: [String] = []
        while let length = reader.readUInt8() {
            guard length > 0, let name = reader.readBytes(Int(length)) else { return nil }
            names.append(String(decoding: name.bytesArray, as: UTF8.self))
        }
        return names.isEmpty ? nil : names
    }

    private static var applicationLayerProtocolNegotiation: UInt16 { 16 }
}
