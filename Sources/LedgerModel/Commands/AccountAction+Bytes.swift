public import Bytes
public import Encoding

/// A tag byte, then the parts in order, within the bytes of an action.
extension AccountAction: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .update(let account, let update):
            buffer.append(UInt8(1))
            buffer.append(account)
            update.encode(into: &buffer)
        case .certify(let account, let freeCodes):
            buffer.append(UInt8(2))
            buffer.append(account)
            buffer.append(optional: freeCodes) { $1.encode(into: &$0) }
        case .putContact(let account, let contact):
            buffer.append(UInt8(3))
            buffer.append(account)
            buffer.append(contact.email)
            buffer.append(text: contact.name)
        case .removeContact(let account, let email):
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
            case 1: .update(account, try AccountUpdate(decoding: &reader))
            case 2:
                .certify(
                    account,
                    freeCodes: try reader.takeBool() ? try FreeCodeTerms(decoding: &reader) : nil
                )
            case 3:
                .putContact(
                    account,
                    Contact(
                        email: try reader.take(EmailAddress.self),
                        name: try reader.takeText()
                    )
                )
            case 4: .removeContact(account, try reader.take(EmailAddress.self))
            default: throw .malformed(what: "action on an account")
            }
    }
}
