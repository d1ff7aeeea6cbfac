/// The members of a JSON object that was checked by its schema, taken by name and type.
///
/// A member that is null is as good as missing. Whoever asks for another type than the schema has,
/// or requires what it does not require, gets a problem instead of a value.
struct Fields {
    private var values: [String: JSON] = [:]

    /// The members of an object; none of anything else.
    init(_ json: JSON) {
        guard case .object(let members) = json else { return }
        for member in members where member.value != .null { values[member.name] = member.value }
    }

    func optionalText(_ name: String) throws(Problem) -> String? {
        try optional(name, taking: \.text)
    }

    func text(_ name: String) throws(Problem) -> String {
        try required(try optionalText(name), name)
    }

    func optionalFlag(_ name: String) throws(Problem) -> Bool? {
        try optional(name, taking: \.bool)
    }

    func flag(_ name: String) throws(Problem) -> Bool {
        try required(try optionalFlag(name), name)
    }

    func optionalNumber(_ name: String) throws(Problem) -> Int64? {
        try optional(name, taking: \.integer)
    }

    func number(_ name: String) throws(Problem) -> Int64 {
        try required(try optionalNumber(name), name)
    }

    func optionalArray(_ name: String) throws(Problem) -> [JSON]? {
        try optional(name, taking: \.array)
    }

    func array(_ name: String) throws(Problem) -> [JSON] {
        try required(try optionalArray(name), name)
    }

    /// A text that `make` takes whenever it is of the declared form.
    func optional<Value>(
        _ name: String,
        _ make: (String) -> Value?
    ) throws(Problem) -> Value? {
        try optional(name, taking: { $0.text.flatMap(make) })
    }

    func required<Value>(_ name: String, _ make: (String) -> Value?) throws(Problem) -> Value {
        try required(try optional(name, make), name)
    }

    private func optional<Value>(
        _ name: String,
        taking take: (JSON) -> Value?
    ) throws(Problem) -> Value? {
        guard let json = values[name] else { return nil }
        guard let value = take(json) else { throw .invalid("\(name): is not valid") }
        return value
    }

    private func required<Value>(_ value: Value?, _ name: String) throws(Problem) -> Value {
        guard let value else { throw .invalid("\(name): is missing") }
        return value
    }
}
