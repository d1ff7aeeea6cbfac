package import Bytes
package import Encoding

/// What a command does with accounts.
public enum AccountAction: Hashable, Sendable {
    case create(NewAccount)
    case update(AccountID, AccountUpdate)

    /// An individual account, its sub-accounts with it, becomes an enterprise, once, and gets the free
    /// codes of the terms (rule A7).
    case certify(AccountID, freeCodes: FreeCodeTerms?)

    /// Adds a contact, or changes the name of one (rule E1). A sub-account's list is its parent's.
    case putContact(AccountID, Contact)
    case removeContact(AccountID, EmailAddress)
}

extension AccountAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case create = 1
        case update = 0x17_01
        case certify = 0x17_02
        case putContact = 0x17_03
        case removeContact = 0x17_04
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .create(let newAccount): buffer.append(Tag.create, newAccount)
        case .update(let account, let update): buffer.append(Tag.update, account, update)
        case .certify(let account, let freeCodes): buffer.append(Tag.certify, account, freeCodes)
        case .putContact(let account, let contact): buffer.append(Tag.putContact, account, contact)
        case .removeContact(let account, let email):
            buffer.append(Tag.removeContact, account, email)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .create: try reader.make(Self.create)
            case .update: try reader.make(Self.update)
            case .certify: try reader.make(Self.certify)
            case .putContact: try reader.make(Self.putContact)
            case .removeContact: try reader.make(Self.removeContact)
            }
    }

    /// The terms of free codes are the gateway's, and may be other ones when the request is repeated.
    var asked: AccountAction {
        switch self {
        case .create(var account):
            account.freeCodes = nil
            return .create(account)
        case .certify(let account, _): return .certify(account, freeCodes: nil)
        case .update, .putContact, .removeContact: return self
        }
    }
}

/// A fact about an account.
public enum AccountChange: Hashable, Sendable {
    case created(AccountID, kind: AccountKind, parent: AccountID?)
    case updated(AccountID, AccountUpdate)

    /// It is an enterprise from here on, and so are its sub-accounts.
    case certified(AccountID)

    /// The contact is on the account's list, under that name.
    case contactPut(AccountID, Contact)
    case contactRemoved(AccountID, EmailAddress)
}

extension AccountChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case created = 1
        case updated = 0x1E_01
        case certified = 0x1E_02
        case contactPut = 0x1E_03
        case contactRemoved = 0x1E_04
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .created(let account, let kind, let parent):
            buffer.append(Tag.created, account, kind, parent)
        case .updated(let account, let update): buffer.append(Tag.updated, account, update)
        case .certified(let account): buffer.append(Tag.certified, account)
        case .contactPut(let account, let contact): buffer.append(Tag.contactPut, account, contact)
        case .contactRemoved(let account, let email):
            buffer.append(Tag.contactRemoved, account, email)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .created: try reader.make(Self.created)
            case .updated: try reader.make(Self.updated)
            case .certified: try reader.make(Self.certified)
            case .contactPut: try reader.make(Self.contactPut)
            case .contactRemoved: try reader.make(Self.contactRemoved)
            }
    }

    var name: String {
        switch self {
        case .created: "account-created"
        case .updated: "account-updated"
        case .certified: "account-certified"
        case .contactPut: "contact-put"
        case .contactRemoved: "contact-removed"
        }
    }
}

/// Why something can't be done with an account.
public enum AccountRefusal: Hashable, Sendable {
    case unknown(AccountID)

    /// A sub-account can't have sub-accounts.
    case parentIsSubAccount(AccountID)

    /// An account has at most so many sub-accounts.
    case tooManySubAccounts(maximum: UInt32)

    /// Rule A7: an enterprise can't be certified as one.
    case enterpriseAlready(AccountID)

    /// Rule A7: it is a sub-account of the one that is named, which is what can be certified.
    case certifiedWithParent(AccountID)

    /// Rule E1.
    case tooManyContacts(maximum: UInt32)
    case unknownContact(AccountID, EmailAddress)
}

extension AccountRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case unknown = 1
        case parentIsSubAccount = 7
        case tooManySubAccounts = 40
        case enterpriseAlready = 41
        case certifiedWithParent = 42
        case tooManyContacts = 43
        case unknownContact = 44
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unknown(let account): buffer.append(Tag.unknown, account)
        case .parentIsSubAccount(let account): buffer.append(Tag.parentIsSubAccount, account)
        case .tooManySubAccounts(let maximum): buffer.append(Tag.tooManySubAccounts, maximum)
        case .enterpriseAlready(let account): buffer.append(Tag.enterpriseAlready, account)
        case .certifiedWithParent(let parent): buffer.append(Tag.certifiedWithParent, parent)
        case .tooManyContacts(let maximum): buffer.append(Tag.tooManyContacts, maximum)
        case .unknownContact(let account, let email):
            buffer.append(Tag.unknownContact, account, email)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .unknown: try reader.make(Self.unknown)
            case .parentIsSubAccount: try reader.make(Self.parentIsSubAccount)
            case .tooManySubAccounts: try reader.make(Self.tooManySubAccounts)
            case .enterpriseAlready: try reader.make(Self.enterpriseAlready)
            case .certifiedWithParent: try reader.make(Self.certifiedWithParent)
            case .tooManyContacts: try reader.make(Self.tooManyContacts)
            case .unknownContact: try reader.make(Self.unknownContact)
            }
    }

    public var description: String {
        switch self {
        case .unknown(let id): "there is no account \(id)"
        case .parentIsSubAccount(let id): "\(id) is a sub-account and can't have sub-accounts"
        case .tooManySubAccounts(let maximum): "an account has at most \(maximum) sub-accounts"
        case .enterpriseAlready(let id): "account \(id) is an enterprise already"
        case .certifiedWithParent(let parent):
            "a sub-account is certified with its parent, \(parent)"
        case .tooManyContacts(let maximum): "an account has at most \(maximum) contacts"
        case .unknownContact(let id, let email): "account \(id) has no contact \(email)"
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
    public internal(set) var freeCodes: FreeCodeTerms?

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

extension NewAccount: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: id, name, kind, parent, email, dataCentre, freeCodes)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(id:name:kind:parent:email:dataCentre:freeCodes:))
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

extension AccountUpdate: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(fields: name, email) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(name:email:))
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

extension Contact: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(fields: email, name) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(email:name:))
    }
}

/// What an account is (Rules.md, "account").
public enum AccountKind: UInt8, RecordField, Hashable, Sendable, CaseIterable {
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
