public import Bytes
public import Encoding

/// A tag byte, then the parts in order, within the bytes of a change.
extension AccountChange: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .updated(let account, let update):
            buffer.append(UInt8(1))
            buffer.append(account)
            update.encode(into: &buffer)
        case .certified(let account):
            buffer.append(UInt8(2))
            buffer.append(account)
        case .contactPut(let account, let contact):
            buffer.append(UInt8(3))
            buffer.append(account)
            buffer.append(contact.email)
            buffer.append(text: contact.name)
        case .contactRemoved(let account, let email):
            buffer.append(UInt8(4))
            buffer.append(account)
            buffer.append(email)
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let tag = try reader.takeUInt8()
        let account = try reader.take(AccountID.self)
        self =
            switch tag {
            case 1: .updated(account, try AccountUpdate(decoding: &reader))
            case 2: .certified(account)
            case 3:
                .contactPut(
                    account,
                    Contact(
                        email: try reader.take(EmailAddress.self),
                        name: try reader.takeText()
                    )
                )
            case 4: .contactRemoved(account, try reader.take(EmailAddress.self))
            default: throw .malformed(what: "change of an account")
            }
    }
}
