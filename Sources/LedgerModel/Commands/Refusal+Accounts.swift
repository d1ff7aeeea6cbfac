import Bytes
import Encoding

/// Refusals about accounts and contacts.
extension Refusal {
    var accountDescription: String {
        switch self {
        case .parentIsSubAccount(let id): "\(id) is a sub-account and can't have sub-accounts"
        case .tooManySubAccounts(let maximum): "an account has at most \(maximum) sub-accounts"
        case .enterpriseAlready(let id): "account \(id) is an enterprise already"
        case .certifiedWithParent(let parent):
            "a sub-account is certified with its parent, \(parent)"
        case .tooManyContacts(let maximum): "an account has at most \(maximum) contacts"
        case .unknownContact(let id, let email): "account \(id) has no contact \(email)"
        default: name
        }
    }

    func encodeAccounts(into buffer: inout ByteBuffer) {
        switch self {
        case .tooManySubAccounts(let maximum):
            buffer.append(UInt8(40))
            buffer.appendVarint(UInt64(maximum))
        case .enterpriseAlready(let account):
            buffer.append(UInt8(41))
            buffer.append(account)
        case .certifiedWithParent(let parent):
            buffer.append(UInt8(42))
            buffer.append(parent)
        case .tooManyContacts(let maximum):
            buffer.append(UInt8(43))
            buffer.appendVarint(UInt64(maximum))
        case .unknownContact(let account, let email):
            buffer.append(UInt8(44))
            buffer.append(account)
            buffer.append(email)
        default: encodePacks(into: &buffer)
        }
    }

    @_lifetime(reader: copy reader)
    static func decodeAccounts(
        _ tag: UInt8,
        from reader: inout ByteReader
    ) throws(MalformedRecord) -> Refusal {
        switch tag {
        case 40:
            .tooManySubAccounts(maximum: try reader.takeVarint32())
        case 41:
            .enterpriseAlready(try reader.take(AccountID.self))
        case 42:
            .certifiedWithParent(try reader.take(AccountID.self))
        case 43:
            .tooManyContacts(maximum: try reader.takeVarint32())
        case 44:
            .unknownContact(
                try reader.take(AccountID.self),
                try reader.take(EmailAddress.self)
            )
        default: try decodePacks(tag, from: &reader)
        }
    }
}
