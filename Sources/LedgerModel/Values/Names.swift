public import Bytes
public import Encoding

/// What the names of the books have in common: a short text over a small ASCII alphabet, checked
/// once, when it is made. As a store key it is its text ended by 0x00.
public protocol Identifier: Hashable, Sendable, Comparable, CustomStringConvertible, StorageKey {
    /// The most bytes (and so characters) a name of this kind has.
    static var maximumLength: Int { get }

    /// Whether `byte` may occur in a name of this kind.
    static func allows(_ byte: UInt8) -> Bool

    var text: String { get }

    /// Takes `text` as it is: the caller has found that it is such a name.
    init(checked text: String)

    /// `nil` when `text` is not such a name.
    init?(_ text: String)

    /// `nil` when `utf8` is not such a name.
    init?(utf8: Span<UInt8>)
}

/// Most names: 1 to 64 of `[A-Za-z0-9_.-]`.
extension Identifier {
    public static var maximumLength: Int { 64 }

    public static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"): true
        default: byte.isASCIILetterOrDigit
        }
    }

    public init?(_ text: String) {
        guard Self.isValid(text) else { return nil }
        self.init(checked: text)
    }

    public init?(utf8: Span<UInt8>) {
        guard Self.isValid(utf8) else { return nil }
        self.init(checked: String(ascii: utf8))
    }
}

extension Identifier {
    /// Whether `bytes` are a name of this kind: 1 to `maximumLength` allowed bytes.
    static func isValid(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count >= 1, bytes.count <= maximumLength else { return false }
        for index in bytes.indices where !allows(bytes[index]) { return false }
        return true
    }

    static func isValid(_ text: String) -> Bool {
        (1...maximumLength).contains(text.utf8.count) && text.utf8.allSatisfy(allows)
    }

    public static func < (left: Self, right: Self) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    public var description: String { text }

    public func encode(into writer: inout KeyWriter) { writer.append(text: text) }

    public init?(decoding reader: inout ByteReader) {
        guard let bytes = reader.readKeyTextBytes() else { return nil }
        self.init(utf8: bytes)
    }
}

/// Names an account, the tenant that owns products and codes.
public struct AccountID: Identifier {
    public let text: String

    public init(checked text: String) { self.text = text }
}

/// Names an application or operator key.
public struct KeyID: Identifier {
    public let text: String

    public init(checked text: String) { self.text = text }
}

/// Names a package of allowances.
public struct PackageID: Identifier {
    public let text: String

    public init(checked text: String) { self.text = text }
}

/// Names an OTA upgrade of one device, chosen by the platform.
public struct UpgradeID: Identifier {
    public let text: String

    public init(checked text: String) { self.text = text }
}

/// Names the process that holds leases of top-up packs.
///
/// All shards of a process may share one name: then its next start abandons the leases of all of
/// them, however many shards it has by then.
public struct LeaseHolder: Identifier {
    public let text: String

    public init(checked text: String) { self.text = text }

    /// All shards of a gateway.
    public init(_ node: NodeName) { self.init(checked: node.text) }
}

/// Names a gateway of a cluster. It is the same for each start of it, and no two that run have the same.
public struct NodeName: Identifier {
    /// A gateway that is in no cluster. Leases have always had this name; imports of programs that knew no nodes
    /// are taken to be its.
    public static let alone = NodeName(checked: "gateway")

    public let text: String

    public init(checked text: String) { self.text = text }
}

/// Names a data centre (rule B13): 1 to 32 of `[A-Za-z0-9_.-]`.
public struct DataCentreID: Identifier {
    public static var maximumLength: Int { 32 }

    /// The one that a gateway is in unless its configuration says so: `main`.
    public static let main = DataCentreID(checked: "main")

    public let text: String

    public init(checked text: String) { self.text = text }
}

/// Names a product: 1 to 32 of `[A-Za-z0-9]` (Wire.md, "Who connects").
public struct ProductKey: Identifier {
    public static var maximumLength: Int { 32 }

    public let text: String

    public init(checked text: String) { self.text = text }

    public static func allows(_ byte: UInt8) -> Bool { byte.isASCIILetterOrDigit }
}

/// Names the stream of NATS JetStream that a product's messages go to: 1 to 64 of `[A-Za-z0-9_-]`.
public struct UplinkStream: Identifier {
    public let text: String

    public init(checked text: String) { self.text = text }

    public static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: byte.isASCIILetterOrDigit
        }
    }
}

/// Names a device of one product: 1 to 64 of `[A-Za-z0-9_.:@-]` (Wire.md, "Who connects").
public struct DeviceKey: Identifier {
    public let text: String

    public init(checked text: String) { self.text = text }

    public static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "@"),
            UInt8(ascii: "-"):
            true
        default: byte.isASCIILetterOrDigit
        }
    }
}

extension UInt8 {
    /// `[A-Za-z0-9]`
    var isASCIILetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }
}

extension String {
    /// A copy of `bytes`, which the caller has found to be ASCII.
    init(ascii bytes: Span<UInt8>) {
        // Safe: all of the capacity asked for is written.
        unsafe self.init(unsafeUninitializedCapacity: bytes.count) { target in
            for index in bytes.indices { unsafe target[index] = bytes[index] }
            return bytes.count
        }
    }
}
