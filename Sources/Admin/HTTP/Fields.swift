import Ledger

/// The members of a request's JSON object, taken one by one; what is left over at the end is unknown.
struct Fields {
    private var values: [String: JSON] = [:]

    init(_ json: JSON) throws(Problem) {
        guard case .object(let members) = json else {
            throw .invalid("the request's body must be a JSON object")
        }
        for member in members { values[member.name] = member.value }
    }

    /// Throws when a member was not taken: a misspelt one must not pass unseen.
    func end() throws(Problem) {
        guard let name = values.keys.min() else { return }
        throw .invalid("\(name): there is no such field here")
    }

    /// The value of a member that may be missing or null.
    private mutating func take(_ name: String) -> JSON? {
        guard let value = values.removeValue(forKey: name), value != .null else { return nil }
        return value
    }

    mutating func optionalText(_ name: String) throws(Problem) -> String? {
        guard let value = take(name) else { return nil }
        guard let text = value.text else { throw .invalid("\(name): must be a text") }
        return text
    }

    mutating func text(_ name: String) throws(Problem) -> String {
        guard let text = try optionalText(name) else { throw .invalid("\(name): is missing") }
        return text
    }

    mutating func optionalFlag(_ name: String) throws(Problem) -> Bool? {
        guard let value = take(name) else { return nil }
        guard let flag = value.bool else { throw .invalid("\(name): must be true or false") }
        return flag
    }

    mutating func flag(_ name: String) throws(Problem) -> Bool {
        guard let flag = try optionalFlag(name) else { throw .invalid("\(name): is missing") }
        return flag
    }

    mutating func optionalNumber(
        _ name: String,
        in range: ClosedRange<Int64>
    ) throws(Problem) -> Int64? {
        guard let value = take(name) else { return nil }
        guard let number = value.integer, range.contains(number) else {
            throw .invalid(
                "\(name): must be a whole number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    mutating func number(_ name: String, in range: ClosedRange<Int64>) throws(Problem) -> Int64 {
        guard let number = try optionalNumber(name, in: range) else {
            throw .invalid("\(name): is missing")
        }
        return number
    }

    /// Whether the member is there, be it null.
    func has(_ name: String) -> Bool { values[name] != nil }

    mutating func optional<Value>(
        _ name: String,
        _ what: String,
        _ make: (String) -> Value?
    ) throws(Problem) -> Value? {
        guard let text = try optionalText(name) else { return nil }
        guard let value = make(text) else { throw .invalid("\(name): must be \(what)") }
        return value
    }

    mutating func required<Value>(
        _ name: String,
        _ what: String,
        _ make: (String) -> Value?
    ) throws(Problem) -> Value {
        guard let value = try optional(name, what, make) else {
            throw .invalid("\(name): is missing")
        }
        return value
    }

    mutating func optionalArray(_ name: String) throws(Problem) -> [JSON]? {
        guard let value = take(name) else { return nil }
        guard let array = value.array else { throw .invalid("\(name): must be a list") }
        return array
    }
}
