public import Bytes
public import Encoding

/// What a command does about an account that exists.
public enum AccountAction: Hashable, Sendable {
    case update(AccountID, AccountUpdate)

    /// An individual account, its sub-accounts with it, becomes an enterprise, once, and gets the free
    /// codes of the terms (rule A7).
    case certify(AccountID, freeCodes: FreeCodeTerms?)

    /// Adds a contact, or changes the name of one (rule E1). A sub-account's list is its parent's.
    case putContact(AccountID, Contact)
    case removeContact(AccountID, EmailAddress)
}

/// A tag byte, then the parts in order, the account first.
extension AccountAction: StorageRecord {
    /// Never given to another case, also when its own is gone.
    enum Tag: UInt8, CaseIterable {
        case update = 1
        case certify = 2
        case putContact = 3
        case removeContact = 4
    }

    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .update(let account, let update):
            buffer.append(case: Tag.update)
            buffer.append(account)
            update.encode(into: &buffer)
        case .certify(let account, let freeCodes):
            buffer.append(case: Tag.certify)
            buffer.append(account)
            buffer.append(optional: freeCodes) { $1.encode(into: &$0) }
        case .putContact(let account, let contact):
            buffer.append(case: Tag.putContact)
            buffer.append(account)
            buffer.append(contact.email)
            buffer.append(text: contact.name)
        case .removeContact(let account, let email):
            buffer.append(case: Tag.removeContact)
            buffer.append(account)
            buffer.append(email)
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let tag = try reader.take(tag: Tag.self, of: "action on an account")
        let account = try reader.take(AccountID.self)
        self =
            switch tag {
            case .update:
                .update(account, try AccountUpdate(decoding: &reader))
            case .certify:
                .certify(
                    account,
                    freeCodes: try reader.takeBool() ? try FreeCodeTerms(decoding: &reader) : nil
                )
            case .putContact:
                .putContact(
                    account,
                    Contact(
                        email: try reader.take(EmailAddress.self),
                        name: try reader.takeText()
                    )
                )
            case .removeContact:
                .removeContact(account, try reader.take(EmailAddress.self))
            }
    }
}

/// A fact about an account, as the event log keeps it (rule E3).
public enum AccountChange: Hashable, Sendable {
    case updated(AccountID, AccountUpdate)

    /// It is an enterprise from here on, and so are its sub-accounts.
    case certified(AccountID)

    /// The contact is on the account's list, under that name.
    case contactPut(AccountID, Contact)
    case contactRemoved(AccountID, EmailAddress)

    /// Its name in the API.
    public var name: String {
        switch self {
        case .updated: "account-updated"
        case .certified: "account-certified"
        case .contactPut: "contact-put"
        case .contactRemoved: "contact-removed"
        }
    }
}

/// A tag byte, then the parts in order, the account first.
extension AccountChange: StorageRecord {
    /// Never given to another case, also when its own is gone.
    enum Tag: UInt8, CaseIterable {
        case updated = 1
        case certified = 2
        case contactPut = 3
        case contactRemoved = 4
    }

    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .updated(let account, let update):
            buffer.append(case: Tag.updated)
            buffer.append(account)
            update.encode(into: &buffer)
        case .certified(let account):
            buffer.append(case: Tag.certified)
            buffer.append(account)
        case .contactPut(let account, let contact):
            buffer.append(case: Tag.contactPut)
            buffer.append(account)
            buffer.append(contact.email)
            buffer.append(text: contact.name)
        case .contactRemoved(let account, let email):
            buffer.append(case: Tag.contactRemoved)
            buffer.append(account)
            buffer.append(email)
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let tag = try reader.take(tag: Tag.self, of: "change of an account")
        let account = try reader.take(AccountID.self)
        self =
            switch tag {
            case .updated:
                .updated(account, try AccountUpdate(decoding: &reader))
            case .certified:
                .certified(account)
            case .contactPut:
                .contactPut(
                    account,
                    Contact(
                        email: try reader.take(EmailAddress.self),
                        name: try reader.takeText()
                    )
                )
            case .contactRemoved:
                .contactRemoved(account, try reader.take(EmailAddress.self))
            }
    }
}

/// An account to be created.
public struct NewAccount: Hashable, Sendable {
    public let id: AccountID
    public let name: String

    /// Not asked for a sub-account: that is what its parent is.
    public let kind: AccountKind

    /// Makes it a sub-account of that one, which has no parent itself.
    public let parent: AccountID?

    /// Where alerts go by default (rule E1).
    public let email: EmailAddress?

    /// Where its unassigned codes are counted (rule B13).
    public let dataCentre: DataCentreID

    /// Rule A7. `nil`: none are given. A sub-account gets none of its own.
    public let freeCodes: FreeCodeTerms?

    public init(
        id: AccountID,
        name: String,
        kind: AccountKind,
        parent: AccountID? = nil,
        email: EmailAddress? = nil,
        dataCentre: DataCentreID = .main,
        freeCodes: FreeCodeTerms? = nil
    ) {
        self.id = id
        self.name = name
        self.kind = kind
        self.parent = parent
        self.email = email
        self.dataCentre = dataCentre
        self.freeCodes = freeCodes
    }
}

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

/// What a command changes about an account; what is `nil` stays as it is.
public struct AccountUpdate: Hashable, Sendable {
    public var name: String?

    /// Where alerts go by default (rule E1).
    public var email: EmailAddress?

    public init(name: String? = nil, email: EmailAddress? = nil) {
        self.name = name
        self.email = email
    }
}

/// The parts in order, within the bytes of an action.
extension AccountUpdate: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(optional: name) { $0.append(text: $1) }
        buffer.append(optional: email)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            name: try reader.takeBool() ? try reader.takeText() : nil,
            email: try reader.takeOptional(EmailAddress.self)
        )
    }
}

/// Somebody who gets an account's alerts besides its owner (rule E1).
public struct Contact: Hashable, Sendable {
    public let email: EmailAddress
    public let name: String

    public init(email: EmailAddress, name: String = "") {
        self.email = email
        self.name = name
    }
}

/// What an account is (Rules.md, "account").
public enum AccountKind: UInt8, Hashable, Sendable, CaseIterable {
    case enterprise = 1
    case individual = 2

    /// Its name in the API.
    public var name: String {
        switch self {
        case .enterprise: "enterprise"
        case .individual: "individual"
        }
    }
}
