package import Bytes
package import Encoding
public import Time

/// What a command does with products.
public enum ProductAction: Hashable, Sendable {
    case create(NewProduct)
    case update(ProductKey, ProductUpdate)

    /// Another package for all devices and codes of the product at once (rule A5).
    case upgradePackage(ProductKey, to: PackageID)

    /// Neither consumed nor unconsumed codes come back; the devices are refused (rule B9).
    case delete(ProductKey)

    /// Where its devices' messages go, beside the applications; `nil`: nowhere else.
    case nameUplink(ProductKey, UplinkStream?)

    /// How its devices connect that were made for another platform; `nil`: as Wire.md has it.
    case setDialect(ProductKey, Dialect?)

    /// What each of its devices may send and have under way; `nil`: what the listeners allow.
    case setLimits(ProductKey, TrafficLimits?)

    /// Another key that devices' tokens are checked by.
    case addTokenKey(ProductKey, TokenKey)

    /// Tokens of that key are taken no longer.
    case removeTokenKey(ProductKey, TokenKeyID)

    /// Whether what its devices say of their state is counted as messages are.
    case countState(ProductKey, Bool)

    /// What its devices publish without being counted (rule C13), at most `DeviceTopics.patternsMaximum`; empty: nothing.
    case setUncounted(ProductKey, [TopicPattern])
}

extension ProductAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case create = 3
        case update = 4
        case upgradePackage = 5
        case delete = 6
        case nameUplink = 32

        /// `update` with the switch of stored messages, which older programs did not know.
        case updateWithMessageLog = 130
        case setDialect = 180
        case setLimits = 200
        case addTokenKey = 230
        case removeTokenKey = 231
        case countState = 221
        case setUncounted = 214
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .create(let newProduct): buffer.append(Tag.create, newProduct)
        case .update(let product, let update):
            if let messageLog = update.messageLog {
                buffer.append(Tag.updateWithMessageLog, product, update, messageLog)
            } else {
                buffer.append(Tag.update, product, update)
            }
        case .upgradePackage(let product, let package):
            buffer.append(Tag.upgradePackage, product, package)
        case .delete(let product): buffer.append(Tag.delete, product)
        case .nameUplink(let product, let stream):
            buffer.append(Tag.nameUplink, product, stream)
        case .setDialect(let product, let dialect):
            buffer.append(Tag.setDialect, product, dialect)
        case .setLimits(let product, let limits):
            buffer.append(Tag.setLimits, product, limits)
        case .addTokenKey(let product, let key): buffer.append(Tag.addTokenKey, product, key)
        case .removeTokenKey(let product, let id):
            buffer.append(Tag.removeTokenKey, product, id)
        case .countState(let product, let isCounted):
            buffer.append(Tag.countState, product, isCounted)
        case .setUncounted(let product, let topics):
            buffer.append(Tag.setUncounted, product, topics)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .create: try reader.make(Self.create)
            case .update: try reader.make(Self.update)
            case .upgradePackage: try reader.make(Self.upgradePackage)
            case .delete: try reader.make(Self.delete)
            case .nameUplink: try reader.make(Self.nameUplink)
            case .updateWithMessageLog:
                try reader.make { .update($0, ProductUpdate($1, messageLog: $2)) }
            case .setDialect: try reader.make(Self.setDialect)
            case .setLimits: try reader.make(Self.setLimits)
            case .addTokenKey: try reader.make(Self.addTokenKey)
            case .removeTokenKey: try reader.make(Self.removeTokenKey)
            case .countState: try reader.make(Self.countState)
            case .setUncounted: try reader.make(Self.setUncounted)
            }
    }

    /// The terms of free codes are the gateway's, and may be other ones when the request is repeated.
    var asked: ProductAction {
        switch self {
        case .create(var product):
            product.secret = .blank
            product.freeCodes = nil
            return .create(product)
        case .addTokenKey(let product, let key): return .addTokenKey(product, key.asked)
        case .update, .upgradePackage, .delete, .nameUplink, .setDialect, .setLimits,
            .removeTokenKey, .countState, .setUncounted:
            return self
        }
    }
}

/// A fact about a product.
public enum ProductChange: Hashable, Sendable {
    case created(ProductKey, account: AccountID)
    case updated(ProductKey, ProductUpdate)
    case packageUpgraded(ProductKey, from: PackageID, to: PackageID)

    /// `forfeited`: how many unconsumed codes went with it (rule B9).
    case deleted(ProductKey, forfeited: UInt64)
    case uplinkNamed(ProductKey, UplinkStream?)
    case dialectSet(ProductKey, Dialect?)
    case limitsSet(ProductKey, TrafficLimits?)
    case tokenKeyAdded(ProductKey, TokenKeyID, TokenAlgorithm)
    case tokenKeyRemoved(ProductKey, TokenKeyID)
    case stateCounted(ProductKey, Bool)
    case uncountedSet(ProductKey, [TopicPattern])
}

extension ProductChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case created = 3
        case updated = 4
        case packageUpgraded = 5
        case deleted = 6
        case uplinkNamed = 32

        /// `updated` with the switch of stored messages, which older programs did not know.
        case updatedWithMessageLog = 130
        case dialectSet = 180
        case limitsSet = 200
        case tokenKeyAdded = 230
        case tokenKeyRemoved = 231
        case stateCounted = 221
        case uncountedSet = 214
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .created(let product, let account): buffer.append(Tag.created, product, account)
        case .updated(let product, let update):
            if let messageLog = update.messageLog {
                buffer.append(Tag.updatedWithMessageLog, product, update, messageLog)
            } else {
                buffer.append(Tag.updated, product, update)
            }
        case .packageUpgraded(let product, let from, let to):
            buffer.append(Tag.packageUpgraded, product, from, to)
        case .deleted(let product, let forfeited): buffer.append(Tag.deleted, product, forfeited)
        case .uplinkNamed(let product, let stream):
            buffer.append(Tag.uplinkNamed, product, stream)
        case .dialectSet(let product, let dialect):
            buffer.append(Tag.dialectSet, product, dialect)
        case .limitsSet(let product, let limits):
            buffer.append(Tag.limitsSet, product, limits)
        case .tokenKeyAdded(let product, let id, let algorithm):
            buffer.append(Tag.tokenKeyAdded, product, id, algorithm)
        case .tokenKeyRemoved(let product, let id):
            buffer.append(Tag.tokenKeyRemoved, product, id)
        case .stateCounted(let product, let isCounted):
            buffer.append(Tag.stateCounted, product, isCounted)
        case .uncountedSet(let product, let topics):
            buffer.append(Tag.uncountedSet, product, topics)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .created: try reader.make(Self.created)
            case .updated: try reader.make(Self.updated)
            case .packageUpgraded: try reader.make(Self.packageUpgraded)
            case .deleted: try reader.make(Self.deleted)
            case .uplinkNamed: try reader.make(Self.uplinkNamed)
            case .updatedWithMessageLog:
                try reader.make { .updated($0, ProductUpdate($1, messageLog: $2)) }
            case .dialectSet: try reader.make(Self.dialectSet)
            case .limitsSet: try reader.make(Self.limitsSet)
            case .tokenKeyAdded: try reader.make(Self.tokenKeyAdded)
            case .tokenKeyRemoved: try reader.make(Self.tokenKeyRemoved)
            case .stateCounted: try reader.make(Self.stateCounted)
            case .uncountedSet: try reader.make(Self.uncountedSet)
            }
    }

    var name: String {
        switch self {
        case .created: "product-created"
        case .updated: "product-updated"
        case .packageUpgraded: "package-upgraded"
        case .deleted: "product-deleted"
        case .uplinkNamed: "product-uplink-named"
        case .dialectSet: "product-dialect-set"
        case .limitsSet: "product-limits-set"
        case .tokenKeyAdded: "token-key-added"
        case .tokenKeyRemoved: "token-key-removed"
        case .stateCounted: "product-state-counted"
        case .uncountedSet: "product-uncounted-set"
        }
    }
}

/// Why something can't be done with a product.
public enum ProductRefusal: Hashable, Sendable {
    /// There is no such product, or it was deleted (rule B9).
    case unknown(ProductKey)
    case ofAnotherAccount(ProductKey, AccountID)

    /// Rule A5: there is nothing to upgrade.
    case hasNoPackage(ProductKey)

    /// Rule B6: device settings wait until the product's is on.
    case renewalOff(ProductKey)
    case unknownTokenKey(ProductKey, TokenKeyID)
    case tooManyTokenKeys(maximum: UInt32)
}

extension ProductRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case unknown = 3
        case ofAnotherAccount = 8
        case hasNoPackage = 11
        case renewalOff = 19
        case unknownTokenKey = 230
        case tooManyTokenKeys = 231
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unknown(let product): buffer.append(Tag.unknown, product)
        case .ofAnotherAccount(let product, let account):
            buffer.append(Tag.ofAnotherAccount, product, account)
        case .hasNoPackage(let product): buffer.append(Tag.hasNoPackage, product)
        case .renewalOff(let product): buffer.append(Tag.renewalOff, product)
        case .unknownTokenKey(let product, let id):
            buffer.append(Tag.unknownTokenKey, product, id)
        case .tooManyTokenKeys(let maximum): buffer.append(Tag.tooManyTokenKeys, maximum)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .unknown: try reader.make(Self.unknown)
            case .ofAnotherAccount: try reader.make(Self.ofAnotherAccount)
            case .hasNoPackage: try reader.make(Self.hasNoPackage)
            case .renewalOff: try reader.make(Self.renewalOff)
            case .unknownTokenKey: try reader.make(Self.unknownTokenKey)
            case .tooManyTokenKeys: try reader.make(Self.tooManyTokenKeys)
            }
    }

    public var description: String {
        switch self {
        case .unknown(let product): "there is no product \(product)"
        case .ofAnotherAccount(let product, let account):
            "product \(product) does not belong to account \(account)"
        case .hasNoPackage(let product): "product \(product) has no package yet"
        case .renewalOff(let product):
            "automatic renewal is off for product \(product); switch it on to change its devices"
        case .unknownTokenKey(let product, let id):
            "product \(product) has no token key \(id)"
        case .tooManyTokenKeys(let maximum):
            "a product has \(maximum) token keys at most; remove one first"
        }
    }
}

/// A product to be created. Automatic renewal starts switched on (rule B6).
public struct NewProduct: Hashable, Sendable {
    public let key: ProductKey
    public let name: String
    public let account: AccountID

    /// Usually `nil`: the first purchase or assignment sets it (rule A4).
    public let package: PackageID?
    public internal(set) var secret: SealedSecret
    public let registration: RegistrationPolicy
    public let dayOffset: UTCOffset

    /// Its home: where its codes are counted, wherever its devices connect (rule B13).
    public let dataCentre: DataCentreID

    /// Rule A7. `nil`: none are given. They set the product's package if it has none, and one that
    /// starts with another package than the terms' gets none.
    public internal(set) var freeCodes: FreeCodeTerms?

    public init(
        key: ProductKey,
        name: String,
        account: AccountID,
        package: PackageID? = nil,
        secret: SealedSecret,
        registration: RegistrationPolicy = .imported,
        dayOffset: UTCOffset = .utc,
        dataCentre: DataCentreID = .main,
        freeCodes: FreeCodeTerms? = nil
    ) {
        self.key = key
        self.name = name
        self.account = account
        self.package = package
        self.secret = secret
        self.registration = registration
        self.dayOffset = dayOffset
        self.dataCentre = dataCentre
        self.freeCodes = freeCodes
    }
}

extension NewProduct: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            fields: key, name, account, package, secret, registration, dayOffset, dataCentre,
            freeCodes)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(
            Self.init(key:name:account:package:secret:registration:dayOffset:dataCentre:freeCodes:))
    }
}

/// The settings of a product that a command changes; what is `nil` stays as it is.
public struct ProductUpdate: Hashable, Sendable {
    public var name: String?

    /// Rule B6. Switching it off keeps the devices' exceptions.
    public var autoRenewal: Bool?
    public var registration: RegistrationPolicy?

    /// Where the product's day begins (rule C5).
    public var dayOffset: UTCOffset?

    /// Whether its devices' messages are stored (rule D3). Beside the record, in the action and the change.
    public var messageLog: Bool?

    public init(
        name: String? = nil,
        autoRenewal: Bool? = nil,
        registration: RegistrationPolicy? = nil,
        dayOffset: UTCOffset? = nil,
        messageLog: Bool? = nil
    ) {
        self.init(
            name: name, autoRenewal: autoRenewal, registration: registration, dayOffset: dayOffset)
        self.messageLog = messageLog
    }

    fileprivate init(_ update: ProductUpdate, messageLog: Bool) {
        self = update
        self.messageLog = messageLog
    }

    fileprivate init(
        name: String?,
        autoRenewal: Bool?,
        registration: RegistrationPolicy?,
        dayOffset: UTCOffset?
    ) {
        self.name = name
        self.autoRenewal = autoRenewal
        self.registration = registration
        self.dayOffset = dayOffset
    }
}

extension ProductUpdate: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: name, autoRenewal, registration, dayOffset)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(name:autoRenewal:registration:dayOffset:))
    }
}

/// Which devices of a product may get themselves registered by connecting (Wire.md, "Registration").
public enum RegistrationPolicy: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    /// Any device that proves the ProductSecret or presents a certificate of ours.
    case open = 1

    /// Only devices whose DeviceKey was imported before.
    case imported = 2

    /// None: imported devices come with their secret.
    case closed = 3

    /// Its name in the API.
    public var name: String {
        switch self {
        case .open: "open"
        case .imported: "imported"
        case .closed: "closed"
        }
    }
}
