public import Bytes
public import Encoding

/// The parts in order, within the bytes of an action.
extension NewKey: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(id)
        buffer.append(text: name)
        buffer.append(case: role)
        buffer.append(optional: account)
        buffer.append(optional: products) { $0.append(list: $1) { $0.append($1) } }
        buffer.append(secretHash)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            id: try reader.take(KeyID.self),
            name: try reader.takeText(),
            role: try reader.take(case: KeyRole.self),
            account: try reader.takeOptional(AccountID.self),
            products: try reader.takeOptionalProducts(),
            secretHash: try reader.takeSecretHash()
        )
    }
}
