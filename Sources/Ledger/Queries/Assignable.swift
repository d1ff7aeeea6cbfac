/// How many codes of a package can be assigned to a product (rule A6).
public struct Assignable: Hashable, Sendable {
    public let package: PackageID
    public let quantity: UInt64
}
