/// What devices may send and have under way, and forms to change it.
extension ConsoleRequest {
    func productLimits(_ product: JSON, _ path: [String: String]) -> HTML {
        limits(
            of: product, path, hint: .limitsHint,
            set: "setProductLimits", end: "endProductLimits")
    }

    func deviceLimits(_ device: JSON, _ path: [String: String]) -> HTML {
        limits(
            of: device, path, hint: .deviceLimitsHint,
            set: "setDeviceLimits", end: "endDeviceLimits")
    }

    /// A card of a document's `limits`: a form that holds them, or lines for who may not change them.
    private func limits(
        of document: JSON, _ path: [String: String], hint: Word, set: String, end: String
    ) -> HTML {
        let fields = Self.limitFields.map { name, label in
            FormSpec.Field(name: name, label: label, value: document.text("limits.\(name)"))
        }
        let isLimited = document.at("limits") != nil
        guard may(set) else {
            return isLimited
                ? card(.limits, facts(fields.map { ($0.label, "\(label($0.value))") })) : HTML()
        }
        var html: HTML = "<p class=\"soft\">\(t(hint))</p>"
        html += form(FormSpec(operation: set, path: path, fields: fields, submit: .save))
        if isLimited {
            html += form(FormSpec(operation: end, path: path, submit: .endLimits))
        }
        return card(.limits, html)
    }

    private static let limitFields: [(name: String, label: Word)] = [
        ("messages.perSecond", .messagesPerSecond), ("messages.burst", .messageBurst),
        ("bytes.perSecond", .bytesPerSecond), ("bytes.burst", .byteBurst),
        ("excess", .excess), ("inflightMessages", .inflightMessages),
        ("packetBytes", .packetBytes), ("subscriptions", .subscriptions),
    ]
}
