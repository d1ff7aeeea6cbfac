package import Bytes
package import Encoding
public import Time

/// What a command does with accounts' authorities: the CA certificates that vouch for devices' certificates.
public enum AuthorityAction: Hashable, Sendable {
    /// That the certificate is an authority's, and that the holder of its key agrees, was found before.
    case register(NewAuthority)

    /// One that is off vouches for no device any more.
    case setOn(AuthorityID, Bool)
    case remove(AuthorityID)

    /// Its list of revoked certificates takes the place of the one before. That the authority has signed it was found
    /// before.
    case revoke(AuthorityID, RevocationList)

    /// How its certificates name devices, and whether they bring new ones. Said of all that the account has of its name and
    /// key, as is the pinning.
    case setRules(AuthorityID, AuthorityRules)

    /// Which of its certificates a device may show.
    case setPinning(AuthorityID, CertificatePinning)
}

extension AuthorityAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case register = 210
        case setOn = 211
        case remove = 212
        case revoke = 213
        case setRules = 144
        case setPinning = 146
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .register(let authority): buffer.append(Tag.register, authority)
        case .setOn(let id, let isOn): buffer.append(Tag.setOn, id, isOn)
        case .remove(let id): buffer.append(Tag.remove, id)
        case .revoke(let id, let list): buffer.append(Tag.revoke, id, list)
        case .setRules(let id, let rules): buffer.append(Tag.setRules, id, rules)
        case .setPinning(let id, let pinning): buffer.append(Tag.setPinning, id, pinning)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .register: try reader.make(Self.register)
            case .setOn: try reader.make(Self.setOn)
            case .remove: try reader.make(Self.remove)
            case .revoke: try reader.make(Self.revoke)
            case .setRules: try reader.make(Self.setRules)
            case .setPinning: try reader.make(Self.setPinning)
            }
    }

    /// Nothing of these is made by the gateway.
    var asked: AuthorityAction {
        switch self {
        case .register, .setOn, .remove, .revoke, .setRules, .setPinning: self
        }
    }
}

/// A fact about an account's authority.
public enum AuthorityChange: Hashable, Sendable {
    case registered(AuthorityID, account: AccountID, notAfter: Timestamp)
    case updated(AuthorityID, account: AccountID, isOn: Bool)
    case removed(AuthorityID, account: AccountID)

    /// It was removed, and another one with its name and key has its list of revoked certificates from here on.
    case removedWithHeir(AuthorityID, account: AccountID, heir: AuthorityID)

    /// It has a new list of revoked certificates, of so many, which says when the next one comes.
    case revoked(AuthorityID, account: AccountID, count: UInt64, nextUpdate: Timestamp?)
    case rulesSet(AuthorityID, account: AccountID, AuthorityRules)
    case pinningSet(AuthorityID, account: AccountID, CertificatePinning)

    public var id: AuthorityID {
        switch self {
        case .registered(let id, _, _), .updated(let id, _, _), .removed(let id, _),
            .removedWithHeir(let id, _, _), .revoked(let id, _, _, _), .rulesSet(let id, _, _),
            .pinningSet(let id, _, _):
            id
        }
    }

    /// Whose authority it is, or was.
    public var account: AccountID {
        switch self {
        case .registered(_, let account, _), .updated(_, let account, _), .removed(_, let account),
            .removedWithHeir(_, let account, _), .revoked(_, let account, _, _),
            .rulesSet(_, let account, _), .pinningSet(_, let account, _):
            account
        }
    }
}

extension AuthorityChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case removedWithHeir = 157
        case registered = 210
        case updated = 211
        case removed = 212
        case revoked = 213
        case rulesSet = 144
        case pinningSet = 146
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .registered(let id, let account, let notAfter):
            buffer.append(Tag.registered, id, account, notAfter)
        case .updated(let id, let account, let isOn):
            buffer.append(Tag.updated, id, account, isOn)
        case .removed(let id, let account): buffer.append(Tag.removed, id, account)
        case .removedWithHeir(let id, let account, let heir):
            buffer.append(Tag.removedWithHeir, id, account, heir)
        case .revoked(let id, let account, let count, let nextUpdate):
            buffer.append(Tag.revoked, id, account, count, nextUpdate)
        case .rulesSet(let id, let account, let rules):
            buffer.append(Tag.rulesSet, id, account, rules)
        case .pinningSet(let id, let account, let pinning):
            buffer.append(Tag.pinningSet, id, account, pinning)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .registered: try reader.make(Self.registered)
            case .updated: try reader.make(Self.updated)
            case .removed: try reader.make(Self.removed)
            case .removedWithHeir: try reader.make(Self.removedWithHeir)
            case .revoked: try reader.make(Self.revoked)
            case .rulesSet: try reader.make(Self.rulesSet)
            case .pinningSet: try reader.make(Self.pinningSet)
            }
    }

    var name: String {
        switch self {
        case .registered: "authority-registered"
        case .updated: "authority-updated"
        case .removed, .removedWithHeir: "authority-removed"
        case .revoked: "authority-revocations-set"
        case .rulesSet: "authority-rules-set"
        case .pinningSet: "authority-pinning-set"
        }
    }
}

/// Why something can't be done with an authority.
public enum AuthorityRefusal: Hashable, Sendable {
    case unknown(AuthorityID)

    /// An account, or the gateway as a whole, has at most so many.
    case tooMany(maximum: UInt32)

    /// The list of revoked certificates is older than the one that there is.
    case listOlder(AuthorityID)

    /// A list names at most so many certificates.
    case tooManyRevoked(maximum: UInt32)

    /// The lists of the authorities of an account without a parent and of its sub-accounts name at most so many
    /// certificates together.
    case tooManyRevokedOfAccount(AccountID, maximum: UInt32)
}

extension AuthorityRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case tooManyRevokedOfAccount = 157
        case unknown = 210
        case tooMany = 211
        case listOlder = 212
        case tooManyRevoked = 213
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unknown(let id): buffer.append(Tag.unknown, id)
        case .tooMany(let maximum): buffer.append(Tag.tooMany, maximum)
        case .listOlder(let id): buffer.append(Tag.listOlder, id)
        case .tooManyRevoked(let maximum): buffer.append(Tag.tooManyRevoked, maximum)
        case .tooManyRevokedOfAccount(let account, let maximum):
            buffer.append(Tag.tooManyRevokedOfAccount, account, maximum)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .unknown: try reader.make(Self.unknown)
            case .tooMany: try reader.make(Self.tooMany)
            case .listOlder: try reader.make(Self.listOlder)
            case .tooManyRevoked: try reader.make(Self.tooManyRevoked)
            case .tooManyRevokedOfAccount: try reader.make(Self.tooManyRevokedOfAccount)
            }
    }

    public var description: String {
        switch self {
        case .unknown(let id): "there is no authority \(id)"
        case .tooMany(let maximum): "there can't be more than \(maximum) authorities"
        case .listOlder(let id):
            "the list is older than the one that authority \(id) has: its number or its thisUpdate goes back"
        case .tooManyRevoked(let maximum):
            "a list names at most \(maximum) certificates: leave out those that have ended"
        case .tooManyRevokedOfAccount(let account, let maximum):
            "the lists of account \(account) and its sub-accounts name at most \(maximum) certificates together: leave"
                + " out those that have ended, or remove an authority that is not needed"
        }
    }
}

/// An authority to be registered. It is on at once.
public struct NewAuthority: Hashable, Sendable {
    public let id: AuthorityID
    public let account: AccountID

    /// For people.
    public let name: String

    /// DER (X.690). Of these bytes the id is the digest.
    public let certificate: [UInt8]

    /// The certificate's subject, for people.
    public let subject: String
    public let notBefore: Timestamp
    public let notAfter: Timestamp

    public init(
        id: AuthorityID,
        account: AccountID,
        name: String,
        certificate: [UInt8],
        subject: String,
        notBefore: Timestamp,
        notAfter: Timestamp
    ) {
        self.id = id
        self.account = account
        self.name = name
        self.certificate = certificate
        self.subject = subject
        self.notBefore = notBefore
        self.notAfter = notAfter
    }
}

extension NewAuthority: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: id, account, name, certificate, subject, notBefore, notAfter)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(
            Self.init(id:account:name:certificate:subject:notBefore:notAfter:))
    }
}
