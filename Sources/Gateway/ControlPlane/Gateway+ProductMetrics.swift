import Ledger
import Linux
import Storage
import Synchronization
import Telemetry

// What is left of activation codes, and how many devices there are (rule B14): of all products, and of the largest.
extension Gateway {
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
        products.sort { ($0.assigned, $1.key) > ($1.assigned, $0.key) }
        let largest = products.prefix(ShownProducts.maximumCount)
        let others = Array(products.dropFirst(ShownProducts.maximumCount))
        func byProduct(
            _ states: (ProductSample) -> ProductSample.States
        ) -> [(product: String?, states: ProductSample.States)] {
            var samples: [(product: String?, states: ProductSample.States)] = []
            for product in largest { samples.append((product.key.text, states(product))) }
            samples.append(("", ProductSample.sum(others, states)))
            return samples
        }
        write(
            (
                "tollgate_product_codes",
                "Activation codes of the largest products, by state; without a name: of all others."
            ),
            of: byProduct { $0.codes }, into: &page)
        write(
            (
                "tollgate_product_devices",
                "Devices of the largest products, by state; online: to this node. Without a name: of all others."
            ),
            of: byProduct { $0.devices }, into: &page)
    }

    /// What has come of devices' CONNECTs at this node since its start: of the first products that had any, those with the
    /// most in front, and of all others together, which have no name, as have CONNECTs that were refused before a product
    /// was known. A product that is shown stays, as counters only grow.
    func writeAdmissions(_ admissions: [ProductKey?: Admissions], into page: inout PrometheusText) {
        let known = admissions.compactMap { key, counts in key.map { ($0, counts.total) } }
        let names = commons.shownProducts.take(
            known.sorted { ($0.1, $1.0) > ($1.1, $0.0) }.map(\.0))
        var shown: [(String, Admissions)] = names.compactMap { key in
            admissions[key].map { (key.text, $0) }
        }
        var others = Admissions()
        for (key, counts) in admissions where key.map({ !names.contains($0) }) ?? true {
            others.merge(counts)
        }
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
                "Connections of devices that ended, and CONNECTs that were refused, by product and reason; without a name: of products that are not shown, or before one was known.",
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
        page.begin(
            "tollgate_product_publishes_over_rate_total",
            help:
                "PUBLISHes that their devices' rates did not cover, by product and whether they waited.",
            kind: .counter)
        for (product, counts) in shown where counts.delayed + counts.overRate > 0 {
            for (outcome, count) in [("delayed", counts.delayed), ("refused", counts.overRate)] {
                page.sample(
                    count,
                    labels: [
                        PrometheusLabel("product", product), PrometheusLabel("outcome", outcome),
                    ])
            }
        }
    }

    /// Rule B11, as `activation.nearExpiryDays` has it: read once a minute.
    func writeNearExpiry(into page: inout PrometheusText) {
        let days = Int64(configuration.activation.nearExpiryDays)
        let counts: [ProductKey: NearExpiryCount]
        do throws(StoreError) {
            counts = try commons.nearExpiry.value { () throws(StoreError) in
                try ledger.read { (books, transaction) throws(StoreError) in
                    try books.nearExpiryCounts(
                        at: commons.clock.now, withinMilliseconds: days * 86_400_000,
                        in: transaction)
                }
            }
        } catch {
            // That the books can't be read is said by readiness and the log.
            return
        }
        page.begin(
            "tollgate_devices_near_expiry",
            help: "Devices whose entitlement ends soon; counted to 10,000.", kind: .gauge)
        page.sample(counts.values.reduce(0) { $0 + $1.total })
        page.begin(
            "tollgate_product_devices_near_expiry",
            help:
                "The same, of the products with the most, by what becomes of them then; without a name: of all others.",
            kind: .gauge)
        let largest = counts.sorted { ($0.value.total, $1.key) > ($1.value.total, $0.key) }
        let others = largest.dropFirst(ShownProducts.maximumCount).map(\.value)
        var shown = largest.prefix(ShownProducts.maximumCount).map { product, count in
            (product.text, count.renewed, count.ending)
        }
        if !others.isEmpty {
            shown.append(
                (
                    "", others.reduce(0) { $0 + $1.renewed },
                    others.reduce(0) { $0 + $1.ending }
                ))
        }
        for (product, renewed, ending) in shown {
            for (renewal, value) in [("automatic", renewed), ("none", ending)] {
                page.sample(
                    value,
                    labels: [
                        PrometheusLabel("product", product), PrometheusLabel("renewal", renewal),
                    ])
            }
        }
    }

    private func write(
        _ family: (name: String, help: String),
        of samples: [(product: String?, states: ProductSample.States)],
        into page: inout PrometheusText
    ) {
        page.begin(family.name, help: family.help, kind: .gauge)
        for (product, states) in samples {
            for (state, count) in states {
                page.sample(
                    count,
                    labels: (product.map { [PrometheusLabel("product", $0)] } ?? [])
                        + [PrometheusLabel("state", state)])
            }
        }
    }
}

/// Products that have figures of their own among those of the process' life.
final class ShownProducts: Sendable {
    /// So many products have figures of their own, here and elsewhere.
    static let maximumCount = 100

    private let shown = Mutex<[ProductKey]>([])

    /// Takes up those that are not there, as far as there is room; answers all.
    func take(_ products: [ProductKey]) -> [ProductKey] {
        shown.withLock { shown in
            for product in products {
                guard shown.count < Self.maximumCount else { break }
                if !shown.contains(product) { shown.append(product) }
            }
            return shown
        }
    }
}

/// Figures as the books had them a minute ago at most: to read them takes some milliseconds.
final class MinuteFigures<Value: Sendable>: Sendable {
    private let known = Mutex<(at: MonotonicInstant, value: Value)?>(nil)

    func value(_ read: () throws(StoreError) -> Value) throws(StoreError) -> Value {
        let now = MonotonicInstant.now()
        let fresh = known.withLock { known in
            known.flatMap { now.milliseconds(since: $0.at) < 60_000 ? $0 : nil }
        }
        if let fresh { return fresh.value }
        let value = try read()
        known.withLock { $0 = (now, value) }
        return value
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
