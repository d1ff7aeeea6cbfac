public import Storage

/// The ledger's formats: what is different in each is more than a record's own layout.
extension Books {
    /// A step is added at the end, and never changed once it was released.
    public static let format = StoreFormat(migrations: [
        .init("the store carries its format number") { _ in },
        .init("a product knows whether its package came with free codes alone") {
            transaction throws(StoreError) in
            try noteFreeCodes(in: transaction)
        },
        .init("an account knows how many products it has, and had free codes for") {
            transaction throws(StoreError) in
            try countProducts(in: transaction)
        },
        .init("upgrades that were not reported are listed by their age") {
            transaction throws(StoreError) in
            let upgrades = try Table<KeyPair<DeviceIdentity, UpgradeID>, UpgradeRecord>(
                "upgrades", in: transaction)
            let open = try Table<KeyPair<UInt64, DeviceIdentity>, UpgradeNameRecord>(
                "openUpgrades", in: transaction)
            try upgrades.rewrite(in: transaction) { (key, record) throws(StoreError) in
                guard record.state == .requested else { return }
                try open.put(
                    KeyPair(record.sequence, key.first), UpgradeNameRecord(id: key.second),
                    in: transaction)
            }
        },
        .init("a product knows what its free codes give") { transaction throws(StoreError) in
            try noteFreeAllowances(in: transaction)
        },
        .init("the books know their place in a replicated log") { _ in },
        .init("the books know who owns which clients, and which nodes were removed") { _ in },
        .init("the books know which node keeps another one's stored sessions") { _ in },
        .init("the books know webhooks") { _ in },
        .init("the books know alerts") { _ in },
        .init("messages about alerts that are under way are listed, and digests are gathered") {
            transaction throws(StoreError) in
            let notifications = try Table<UInt64, NotificationRecord>(
                "notifications", in: transaction)
            let begun = try Table<UInt64, EmptyRecord>("begunNotifications", in: transaction)
            // Of each run no more than a few.
            var underWay: [UInt64] = []
            try notifications.forEach(in: transaction) { id, record in
                if record.state == .underWay { underWay.append(id) }
                return .proceed
            }
            for id in underWay { try begun.put(id, EmptyRecord(), in: transaction) }
        },
        .init("the books know what products and devices are limited to") { _ in },
        .init(
            """
            the books know accounts' authorities, keys that devices' tokens are checked by, what devices are to \
            be, firmware and campaigns
            """
        ) { _ in },
        .init("devices and products are listed by their metadata") {
            transaction throws(StoreError) in
            try listMetadata(in: transaction)
        },
    ])

    /// How the account got the codes of a lot.
    private static func source(
        of lot: LotRecord,
        _ batches: Table<UInt64, BatchRecord>,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> CodeSource? {
        var source: CodeSource?
        try batches.forEach(
            in: transaction, to: .including(lot.first.serial), reversed: true, limit: 1
        ) { _, batch in
            source = batch.source
            return .stop
        }
        return source
    }

    /// Rule A4, of products that were written before free codes were told from bought ones.
    private static func noteFreeCodes(
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let batches = try Table<UInt64, BatchRecord>("batches", in: transaction)
        let lots = try Table<KeyPair<ProductKey, UInt32>, LotRecord>("lots", in: transaction)
        let products = try Table<ProductKey, ProductRecord>("products", in: transaction)
        try products.rewrite(in: transaction) { (key, product) throws(StoreError) in
            product.packageOrigin = .named
            try lots.forEach(in: transaction, prefix: key) { (_, lot) throws(StoreError) in
                switch try source(of: lot, batches, in: transaction) {
                case .purchase: product.packageOrigin = .codes
                case .grant where lot.package == product.package:
                    product.packageOrigin = .freeCodes
                case .grant, nil: break
                }
                return product.packageOrigin == .codes ? .stop : .proceed
            }
        }
    }

    /// Rule A4, of products that were written before free codes kept what they give. Where an upgrade may
    /// have raised it, it is raised (rule A5).
    private static func noteFreeAllowances(
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let packages = try Table<PackageID, PackageRecord>("packages", in: transaction)
        let batches = try Table<UInt64, BatchRecord>("batches", in: transaction)
        let lots = try Table<KeyPair<ProductKey, UInt32>, LotRecord>("lots", in: transaction)
        let products = try Table<ProductKey, ProductRecord>("products", in: transaction)
        try products.rewrite(in: transaction) { (key, product) throws(StoreError) in
            try lots.forEach(in: transaction, prefix: key) { (_, lot) throws(StoreError) in
                guard lot.quantity > 0,
                    try source(of: lot, batches, in: transaction) == .grant,
                    let given = try packages.get(lot.package, in: transaction)?.allowance
                else { return .proceed }
                product.freePackage = product.freePackage ?? lot.package
                product.freeAllowance = product.freeAllowance?.raised(to: given) ?? given
                return .proceed
            }
            if product.packageOrigin == .named, let upgraded = product.allowance {
                product.freeAllowance = product.freeAllowance?.raised(to: upgraded)
            }
        }
    }

    /// Rules A7 and A12, of accounts that were written before their products were counted.
    private static func countProducts(
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let accounts = try Table<AccountID, AccountRecord>("accounts", in: transaction)
        let batches = try Table<UInt64, BatchRecord>("batches", in: transaction)
        let products = try Table<ProductKey, ProductRecord>("products", in: transaction)
        var counts: [AccountID: (products: UInt64, free: UInt64)] = [:]
        func root(of id: AccountID) throws(StoreError) -> AccountID {
            try accounts.get(id, in: transaction)?.parent ?? id
        }
        try products.forEach(in: transaction) { (_, product) throws(StoreError) in
            if !product.isDeleted {
                counts[try root(of: product.account), default: (0, 0)].products += 1
            }
            return .proceed
        }
        try batches.forEach(in: transaction) { (_, batch) throws(StoreError) in
            if batch.source == .grant, batch.product != nil {
                counts[try root(of: batch.account), default: (0, 0)].free += 1
            }
            return .proceed
        }
        try accounts.rewrite(in: transaction) { id, account in
            account.products = counts[id]?.products ?? 0
            account.freeProducts = counts[id]?.free ?? 0
        }
    }
}
