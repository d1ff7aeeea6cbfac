public import Bytes
public import Encoding

/// The parts in order, within the bytes of an action.
extension NewAccount: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(id)
        buffer.append(text: name)
        buffer.append(case: kind)
        buffer.append(optional: parent)
        buffer.append(optional: email)
        buffer.append(dataCentre)
        buffer.append(optional: freeCodes) { $1.encode(into: &$0) }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            id: try reader.take(AccountID.self),
            name: try reader.takeText(),
            kind: try reader.take(case: AccountKind.self),
            parent: try reader.takeOptional(AccountID.self),
            email: try reader.takeOptional(EmailAddress.self),
            dataCentre: try reader.take(DataCentreID.self),
            freeCodes: try reader.takeBool() ? try FreeCodeTerms(decoding: &reader) : nil
        )
    }
}
