import Ledger

extension Documents {
    /// An import in chunks. The rows that have landed count only once it is committed.
    static func fleetImport(_ view: ImportView, of product: ProductKey) -> JSON {
        let record = view.record
        let hasLanded = record.state == .landing || record.state == .done
        return [
            "id": JSON(view.number),
            "pk": JSON(product),
            "state": .text(record.state.name),
            "rows": JSON(record.rows),
            "landed": JSON(hasLanded ? record.moved : 0),
            "actor": .text(record.actor),
            "beganAt": JSON(record.beganAt),
            "at": JSON(record.changedAt),
        ]
    }
}
