package import Bytes
package import Encoding

/// How much an account, and a product, may have (rule A12). They are configuration, which the books
/// keep, so that they decide from the commands alone. 0: no limit.
public struct BooksLimits: Hashable, Sendable {
    /// Of an account and its sub-accounts together.
    public var productsOfIndividual: UInt64 = 0
    public var productsOfEnterprise: UInt64 = 0

    /// Registered ones.
    public var devicesOfProduct: UInt64 = 0

    /// Of an account and its sub-accounts together.
    public var devicesOfAccount: UInt64 = 0

    /// Devices of one product that nobody had imported.
    public var registrationsPerDay: UInt64 = 0

    public init() {}

    /// Of an account of that kind.
    package func productsMaximum(of kind: AccountKind) -> UInt64 {
        switch kind {
        case .individual: productsOfIndividual
        case .enterprise: productsOfEnterprise
        }
    }
}

extension BooksLimits: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            fields: productsOfIndividual, productsOfEnterprise, devicesOfProduct,
            devicesOfAccount, registrationsPerDay)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        productsOfIndividual = try reader.take()
        productsOfEnterprise = try reader.take()
        devicesOfProduct = try reader.take()
        devicesOfAccount = try reader.take()
        registrationsPerDay = try reader.take()
    }
}

/// What a command does with the limits.
public enum LimitAction: Hashable, Sendable {
    case adopt(BooksLimits)
}

extension LimitAction: ActionPart {
    enum Tag: UInt16, RecordTag { case adopt = 58 }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .adopt(let limits): buffer.append(Tag.adopt, limits)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .adopt: try reader.make(Self.adopt)
            }
    }

    var asked: LimitAction {
        switch self {
        case .adopt: self
        }
    }
}

/// A fact about the limits.
public enum LimitChange: Hashable, Sendable {
    case adopted(BooksLimits)
}

extension LimitChange: ChangePart {
    enum Tag: UInt16, RecordTag { case adopted = 73 }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .adopted(let limits): buffer.append(Tag.adopted, limits)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .adopted: try reader.make(Self.adopted)
            }
    }

    var name: String {
        switch self {
        case .adopted: "limits-adopted"
        }
    }
}

/// Why there can't be another one.
public enum LimitRefusal: Hashable, Sendable {
    case reached(BooksLimit, maximum: UInt64)
}

extension LimitRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag { case reached = 82 }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .reached(let limit, let maximum): buffer.append(Tag.reached, limit, maximum)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .reached: try reader.make(Self.reached)
            }
    }

    public var description: String {
        switch self {
        case .reached(.productsOfAccount, let maximum):
            "the account has as many products as it may have, with its sub-accounts: \(maximum)"
        case .reached(.devicesOfProduct, let maximum):
            "the product has no room for more devices: \(maximum) at most"
        case .reached(.devicesOfAccount, let maximum):
            "the account has no room for more devices, with its sub-accounts: \(maximum) at most"
        case .reached(.registrationsOfDay, let maximum):
            "of one product at most \(maximum) devices register themselves in a day"
        }
    }
}

/// Which limit was reached.
public enum BooksLimit: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    case productsOfAccount = 1
    case devicesOfProduct = 2
    case devicesOfAccount = 3
    case registrationsOfDay = 4
}
