import Ledger
import Storage
import Telemetry

// What is left of activation codes, and how many devices there are (rule B14): of all products, and of the largest.
extension Gateway {
    /// So many products have figures of their own: those with the most codes.
    private static var productsShown: Int { 100 }

    /// - Parameter online: devices that are connected to this node.
    func writeProducts(online: [ProductKey: Int], into page: inout PrometheusText) {
        var products: [ProductSample] = []
        do throws(StoreError) {
            try ledger.read { (books, transaction) throws(StoreError) in
                try books.forEachFigures(in: transaction) { key, figures in
                    products.append(ProductSample(key: key, figures, online: online[key] ?? 0))
                }
            }
        } catch {
            // That the books can't be read is said by readiness and the log.
            return
        }
        write(
            ("tollgate_codes", "Activation codes of all products, by state."),
            of: [(nil, ProductSample.sum(products) { $0.codes })], into: &page)
        write(
            ("tollgate_devices", "Devices of all products, by state; online: to this node."),
            of: [(nil, ProductSample.sum(products) { $0.devices })], into: &page)
        let largest = products.sorted {
            ($0.assigned, $1.key) > ($1.assigned, $0.key)
        }
        .prefix(Self.productsShown)
        write(
            ("tollgate_product_codes", "Activation codes of the largest products, by state."),
            of: largest.map { ($0.key, $0.codes) }, into: &page)
        write(
            (
                "tollgate_product_devices",
                "Devices of the largest products, by state; online: to this node."
            ),
            of: largest.map { ($0.key, $0.devices) }, into: &page)
    }

    /// What has come of devices' CONNECTs at this node since its start: of the products with the most, and of all others
    /// together, which have no name.
    func writeAdmissions(_ admissions: [ProductKey: Admissions], into page: inout PrometheusText) {
        let all = admissions.sorted { ($0.value.total, $1.key) > ($1.value.total, $0.key) }
        var shown = all.prefix(Self.productsShown).map { ($0.key.text, $0.value) }
        var others = Admissions()
        for (_, counts) in all.dropFirst(Self.productsShown) { others.merge(counts) }
        if !others.isEmpty { shown.append(("", others)) }
        page.begin(
            "tollgate_product_connects_admitted_total",
            help: "Devices let in, by product; without a name: all that are not shown.",
            kind: .counter)
        for (product, counts) in shown {
            page.sample(counts.admitted, labels: [PrometheusLabel("product", product)])
        }
        page.begin(
            "tollgate_product_connections_ended_total",
            help:
                "Connections of devices that ended, and CONNECTs that were refused, by product and reason.",
            kind: .counter)
        for (product, counts) in shown {
            for (reason, count) in counts.endings.sorted(by: { $0.key.rawValue < $1.key.rawValue })
            {
                page.sample(
                    count,
                    labels: [
                        PrometheusLabel("product", product), PrometheusLabel("reason", reason.name),
                    ])
            }
        }
    }

    /// Rule B11, as `activation.nearExpiryDays` has it.
    func writeNearExpiry(into page: inout PrometheusText) {
        let counts: [ProductKey: Int]
        do throws(StoreError) {
            counts = try ledger.read { (books, transaction) throws(StoreError) in
                try books.nearExpiryCounts(
                    at: commons.clock.now,
                    withinMilliseconds: Int64(configuration.activation.nearExpiryDays) * 86_400_000,
                    in: transaction)
            }
        } catch {
            // That the books can't be read is said by readiness and the log.
            return
        }
        page.begin(
            "tollgate_devices_near_expiry",
            help: "Devices whose entitlement ends soon; counted to 10,000.", kind: .gauge)
        page.sample(counts.values.reduce(0, +))
        page.begin(
            "tollgate_product_devices_near_expiry",
            help: "The same, of the products with the most.", kind: .gauge)
        let largest = counts.sorted { ($0.value, $1.key) > ($1.value, $0.key) }
        for (product, count) in largest.prefix(Self.productsShown) {
            page.sample(count, labels: [PrometheusLabel("product", product.text)])
        }
    }

    private func write(
        _ family: (name: String, help: String),
        of samples: [(product: ProductKey?, states: [(state: String, count: UInt64)])],
        into page: inout PrometheusText
    ) {
        page.begin(family.name, help: family.help, kind: .gauge)
        for (product, states) in samples {
            for (state, count) in states {
                page.sample(
                    count,
                    labels: (product.map { [PrometheusLabel("product", $0.text)] } ?? [])
                        + [PrometheusLabel("state", state)])
            }
        }
    }
}

/// A product's figures, by state.
private struct ProductSample {
    typealias States = [(state: String, count: UInt64)]

    let key: ProductKey
    let assigned: UInt64
    let codes: States
    let devices: States

    init(key: ProductKey, _ figures: ProductFigures, online: Int) {
        self.key = key
        assigned = figures.assigned
        codes = [
            ("assigned", figures.assigned), ("remaining", figures.remaining),
            ("consumed", figures.consumed),
        ]
        devices = [
            ("known", figures.devicesKnown), ("active", figures.devicesActive),
            ("online", UInt64(max(0, online))),
        ]
    }

    /// State by state; nothing when there are no products.
    static func sum(_ products: [ProductSample], _ states: (ProductSample) -> States) -> States {
        guard let first = products.first else { return [] }
        return states(first).indices.map { index in
            (
                states(first)[index].state,
                products.reduce(0) { $0 + states($1)[index].count }
            )
        }
    }
}
