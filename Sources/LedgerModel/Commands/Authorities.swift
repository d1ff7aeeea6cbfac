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
}

extension AuthorityAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case register = 210
        case setOn = 211
        case remove = 212
        case revoke = 213
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .register(let authority): buffer.append(Tag.register, authority)
        case .setOn(let id, let isOn): buffer.append(Tag.setOn, id, isOn)
        case .remove(let id): buffer.append(Tag.remove, id)
        case .revoke(let id, let list): buffer.append(Tag.revoke, id, list)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .register: try reader.make(Self.register)
            case .setOn: try reader.make(Self.setOn)
            case .remove: try reader.make(Self.remove)
            case .revoke: try reader.make(Self.revoke)
            }
    }

    /// Nothing of these is made by the gateway.
    var asked: AuthorityAction {
        switch self {
        case .register, .setOn, .remove, .revoke: self
        }
    }
}

/// A fact about an account's authority.
public enum AuthorityChange: Hashable, Sendable {
    case registered(AuthorityID, account: AccountID, notAfter: Timestamp)
    case updated(AuthorityID, account: AccountID, isOn: Bool)
    case removed(AuthorityID, account: AccountID)

    /// It has a new list of revoked certificates, of so many, which says when the next one comes.
    case revoked(AuthorityID, account: AccountID, count: UInt64, nextUpdate: Timestamp?)

    public var id: AuthorityID {
        switch self {
        case .registered(let id, _, _), .updated(let id, _, _), .removed(let id, _),
            .revoked(let id, _, _, _):
            id
        }
    }

    /// Whose authority it is, or was.
    public var account: AccountID {
        switch self {
        case .registered(_, let account, _), .updated(_, let account, _), .removed(_, let account),
            .revoked(_, let account, _, _):
            account
        }
    }
}

extension AuthorityChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case registered = 210
        case updated = 211
        case removed = 212
        case revoked = 213
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .registered(let id, let account, let notAfter):
            buffer.append(Tag.registered, id, account, notAfter)
        case .updated(let id, let account, let isOn):
            buffer.append(Tag.updated, id, account, isOn)
        case .removed(let id, let account): buffer.append(Tag.removed, id, account)
        case .revoked(let id, let account, let count, let nextUpdate):
            buffer.append(Tag.revoked, id, account, count, nextUpdate)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .registered: try reader.make(Self.registered)
            case .updated: try reader.make(Self.updated)
            case .removed: try reader.make(Self.removed)
            case .revoked: try reader.make(Self.revoked)
            }
    }

    var name: String {
        switch self {
        case .registered: "authority-registered"
        case .updated: "authority-updated"
        case .removed: "authority-removed"
        case .revoked: "authority-revocations-set"
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

    /// A list, or all of them together, name at most so many certificates.
    case tooManyRevoked(maximum: UInt32)
}

extension AuthorityRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
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
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .unknown: try reader.make(Self.unknown)
            case .tooMany: try reader.make(Self.tooMany)
            case .listOlder: try reader.make(Self.listOlder)
            case .tooManyRevoked: try reader.make(Self.tooManyRevoked)
            }
    }

    public var description: String {
        switch self {
        case .unknown(let id): "there is no authority \(id)"
        case .tooMany(let maximum): "there can't be more than \(maximum) authorities"
        case .listOlder(let id):
            "the list is older than the one that authority \(id) has: its number or its thisUpdate goes back"
        case .tooManyRevoked(let maximum):
            "there can't be more than \(maximum) revoked certificates"
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
