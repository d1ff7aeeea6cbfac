import Bytes
import Ledger
import Storage

// How what a trace shows travels between nodes: as `NodeMail` does.
extension TraceEvent {
    private enum Code: UInt8 {
        case connected = 1
        case refused, packet, ended
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(at)
        buffer.append(optional: node) { $0.append(text: $1) }
        switch kind {
        case .connected(let address, let listener, let version):
            buffer.append(Code.connected.rawValue)
            buffer.append(text: address)
            buffer.append(text: listener)
            buffer.append(text: version)
        case .refused(let reason, let address, let listener):
            buffer.append(Code.refused.rawValue)
            buffer.append(text: reason.name)
            buffer.append(text: address)
            buffer.append(text: listener)
        case .packet(let packet):
            buffer.append(Code.packet.rawValue)
            packet.encode(into: &buffer)
        case .ended(let reason):
            buffer.append(Code.ended.rawValue)
            buffer.append(text: reason.name)
        }
    }

    init(taking reader: inout ByteReader) throws(MalformedRecord) {
        let at = try reader.takeTime()
        let node = try reader.takeOptional { reader throws(MalformedRecord) in
            try reader.takeText()
        }
        guard let code = Code(rawValue: try reader.takeUInt8()) else {
            throw .malformed(what: "kind of an event of a trace")
        }
        let kind: Kind =
            switch code {
            case .connected:
                .connected(
                    address: try reader.takeText(), listener: try reader.takeText(),
                    protocolVersion: try reader.takeText())
            case .refused:
                .refused(
                    try reader.takeReason(), address: try reader.takeText(),
                    listener: try reader.takeText())
            case .packet: .packet(try TracedPacket(taking: &reader))
            case .ended: .ended(try reader.takeReason())
            }
        self.init(at: at, kind: kind, node: node)
    }
}

extension TracedPacket {
    fileprivate func encode(into buffer: inout ByteBuffer) {
        buffer.append(isFromDevice)
        buffer.append(text: type)
        buffer.appendVarint(UInt64(clamping: bytes))
        buffer.append(optional: topic) { $0.append(text: $1) }
        buffer.append(optional: qos) { $0.append(UInt8(clamping: $1)) }
        buffer.append(optional: outcome) { $0.append(text: $1) }
        buffer.append(optional: reason) { $0.append(text: $1.name) }
    }

    fileprivate init(taking reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            isFromDevice: try reader.takeBool(), type: try reader.takeText(),
            bytes: Int(clamping: try reader.takeVarint()),
            topic: try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeText()
            },
            qos: try reader.takeOptional { reader throws(MalformedRecord) in
                Int(try reader.takeUInt8())
            },
            outcome: try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeText()
            },
            reason: try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeReason()
            })
    }
}

// The same of devices that come and go.
extension PresenceEvent {
    private enum Code: UInt8 {
        case connected = 1
        case disconnected
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(device)
        buffer.append(at)
        buffer.append(connectedAt)
        buffer.append(text: protocolVersion)
        buffer.append(optional: node) { $0.append(text: $1) }
        switch state {
        case .connected(let address, let listener):
            buffer.append(Code.connected.rawValue)
            buffer.append(text: address)
            buffer.append(text: listener)
        case .disconnected(let reason):
            buffer.append(Code.disconnected.rawValue)
            buffer.append(text: reason.name)
        }
    }

    init(taking reader: inout ByteReader) throws(MalformedRecord) {
        let device = try reader.takeDevice()
        let (at, connectedAt) = (try reader.takeTime(), try reader.takeTime())
        let version = try reader.takeText()
        let node = try reader.takeOptional { reader throws(MalformedRecord) in
            try reader.takeText()
        }
        guard let code = Code(rawValue: try reader.takeUInt8()) else {
            throw .malformed(what: "whether a device has come or gone")
        }
        let state: State =
            switch code {
            case .connected:
                .connected(address: try reader.takeText(), listener: try reader.takeText())
            case .disconnected: .disconnected(try reader.takeReason())
            }
        self.init(
            device: device, state: state, at: at, connectedAt: connectedAt,
            protocolVersion: version, node: node)
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    mutating func takeReason() throws(MalformedRecord) -> Reason {
        let name = try takeText()
        guard let reason = Reason.allCases.first(where: { $0.name == name }) else {
            throw .malformed(what: "reason")
        }
        return reason
    }
}
