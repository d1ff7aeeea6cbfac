package import Bytes
package import Encoding

/// What a command does with activation codes.
public enum CodeAction: Hashable, Sendable {
    /// Codes for the account, or for one of its products straight away (rules A2, A4, A8).
    case purchase(AccountID, package: PackageID, quantity: UInt64, product: ProductKey?)

    /// Unassigned codes of the product's account to the product (rules A3, A4, A8). Without a package: all
    /// that can be assigned, bought ones first, if there is one allowance only of either kind (rule A6).
    case assign(ProductKey, package: PackageID?, quantity: UInt64)
}

extension CodeAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case purchase = 7
        case assign = 8
        case assignOfItsPackage = 61
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .purchase(let account, let package, let quantity, let product):
            buffer.append(Tag.purchase, account, package, quantity, product)
        case .assign(let product, let package?, let quantity):
            buffer.append(Tag.assign, product, package, quantity)
        case .assign(let product, nil, let quantity):
            buffer.append(Tag.assignOfItsPackage, product, quantity)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .purchase: try reader.make(Self.purchase)
            case .assign:
                try reader.make { (product: ProductKey, package: PackageID, quantity: UInt64) in
                    Self.assign(product, package: package, quantity: quantity)
                }
            case .assignOfItsPackage:
                try reader.make { Self.assign($0, package: nil, quantity: $1) }
            }
    }

    var asked: CodeAction {
        switch self {
        case .purchase, .assign: self
        }
    }
}

/// A fact about activation codes.
public enum CodeChange: Hashable, Sendable {
    /// `first` and the `quantity - 1` serials after it are the batch (rule A9).
    case bought(
        AccountID,
        package: PackageID,
        quantity: UInt64,
        product: ProductKey?,
        first: ActivationCode
    )

    /// Free codes (rule A7); `first` as above.
    case granted(
        AccountID,
        package: PackageID,
        quantity: UInt64,
        product: ProductKey?,
        first: ActivationCode
    )
    case assigned(AccountID, product: ProductKey, package: PackageID, quantity: UInt64)
}

extension CodeChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case bought = 7
        case assigned = 8
        case granted = 31
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .bought(let account, let package, let quantity, let product, let first):
            buffer.append(Tag.bought, account, package, quantity, product, first)
        case .granted(let account, let package, let quantity, let product, let first):
            buffer.append(Tag.granted, account, package, quantity, product, first)
        case .assigned(let account, let product, let package, let quantity):
            buffer.append(Tag.assigned, account, product, package, quantity)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .bought: try reader.make(Self.bought)
            case .granted: try reader.make(Self.granted)
            case .assigned: try reader.make(Self.assigned)
            }
    }

    var name: String {
        switch self {
        case .bought: "codes-bought"
        case .granted: "codes-granted"
        case .assigned: "codes-assigned"
        }
    }
}

/// Why codes can't be assigned or consumed.
public enum CodeRefusal: Hashable, Sendable {
    /// Rule A3.
    case notEnoughUnassigned(wanted: UInt64, available: UInt64)

    /// Rule B3.
    case noneLeft(ProductKey)
}

extension CodeRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case notEnoughUnassigned = 14
        case noneLeft = 15
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .notEnoughUnassigned(let wanted, let available):
            buffer.append(Tag.notEnoughUnassigned, wanted, available)
        case .noneLeft(let product): buffer.append(Tag.noneLeft, product)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .notEnoughUnassigned: try reader.make(Self.notEnoughUnassigned)
            case .noneLeft: try reader.make(Self.noneLeft)
            }
    }

    public var description: String {
        switch self {
        case .notEnoughUnassigned(let wanted, let available):
            "\(wanted) codes wanted, \(available) unassigned codes of this package available"
        case .noneLeft(let product): "product \(product) has no activation code left"
        }
    }
}
