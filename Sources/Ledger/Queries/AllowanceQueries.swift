public import Storage

/// Rule A4: what codes give, which is not the same for bought and free ones.
extension Books {
    /// Whether a device that is entitled by `code` has what the product's free codes give. Of most
    /// products the product itself says it.
    public func isFree(
        _ code: ActivationCode,
        of product: ProductRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        switch product.freeDevices {
        case .none: false
        case .all: true
        case .some: try purchase(of: code, in: transaction)?.record.source == .grant
        }
    }

    /// What a code of the product gives.
    public func allowance(
        of code: ActivationCode,
        _ product: ProductRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Allowance? {
        try isFree(code, of: product, in: transaction)
            ? product.freeAllowance ?? product.allowance : product.allowance
    }

    /// What the device's latest entitlement gives; before the first one, what the product's package says.
    public func allowance(
        of device: DeviceRecord?,
        _ product: ProductRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Allowance? {
        guard let code = device?.entitlement?.code else { return product.allowance }
        return try allowance(of: code, product, in: transaction)
    }

    /// Whether free codes of that allowance may join the product's: they are of the one of its first free
    /// codes (rule A4).
    func takesFree(
        _ given: Allowance,
        _ product: ProductRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        guard let package = product.freePackage else { return true }
        return try allowance(of: package, in: transaction) == given
    }

    /// What the package, which is there, allows.
    func allowance(
        of package: PackageID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Allowance {
        guard let record = try packages.get(package, in: transaction) else {
            throw .malformed(what: "codes of package \(package), which is not there")
        }
        return record.allowance
    }
}

extension ProductRecord {
    /// Whether bought codes of that allowance may join the product's.
    func takesBought(_ given: Allowance) -> Bool {
        allowance == nil || allowance == given || packageOrigin == .freeCodes
    }
}
