package import Bytes
package import Encoding

/// What a command does with packages of allowances.
public enum PackageAction: Hashable, Sendable {
    case create(PackageID, name: String, Allowance)
    case rename(PackageID, String)
}

extension PackageAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case create = 2
        case rename = 112
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .create(let package, let name, let allowance):
            buffer.append(Tag.create, package, name, allowance)
        case .rename(let package, let name): buffer.append(Tag.rename, package, name)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .create: try reader.make(Self.create)
            case .rename: try reader.make(Self.rename)
            }
    }

    var asked: PackageAction {
        switch self {
        case .create, .rename: self
        }
    }
}

/// A fact about a package.
public enum PackageChange: Hashable, Sendable {
    case created(PackageID, Allowance)
    case renamed(PackageID, String)
}

extension PackageChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case created = 2
        case renamed = 112
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .created(let package, let allowance): buffer.append(Tag.created, package, allowance)
        case .renamed(let package, let name): buffer.append(Tag.renamed, package, name)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .created: try reader.make(Self.created)
            case .renamed: try reader.make(Self.renamed)
            }
    }

    var name: String {
        switch self {
        case .created: "package-created"
        case .renamed: "package-renamed"
        }
    }
}

/// Why codes of a package can't be had, or a product can't have it.
public enum PackageRefusal: Hashable, Sendable {
    case unknown(PackageID)

    /// Rule A4.
    case mismatch(product: PackageID, given: PackageID)

    /// Rule A5: `allowance` is the name of the first that would fall.
    case allowanceLowered(allowance: String)
}

extension PackageRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case unknown = 2
        case mismatch = 10
        case allowanceLowered = 12
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unknown(let package): buffer.append(Tag.unknown, package)
        case .mismatch(let product, let given): buffer.append(Tag.mismatch, product, given)
        case .allowanceLowered(let allowance): buffer.append(Tag.allowanceLowered, allowance)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .unknown: try reader.make(Self.unknown)
            case .mismatch: try reader.make(Self.mismatch)
            case .allowanceLowered: try reader.make(Self.allowanceLowered)
            }
    }

    public var description: String {
        switch self {
        case .unknown(let id): "there is no package \(id)"
        case .mismatch(let product, let given):
            "the product has codes of package \(product); codes of package \(given) can't be added"
        case .allowanceLowered(let allowance): "an upgrade can't lower \(allowance)"
        }
    }
}
