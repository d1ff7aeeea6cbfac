import Ledger

/// A parameter of the query.
struct Parameter: Sendable {
    let name: String
    let schema: Schema

    /// For people: what it does.
    let note: String
    let isRequired: Bool

    init(_ name: String, _ schema: Schema, _ note: String, isRequired: Bool = false) {
        self.name = name
        self.schema = schema
        self.note = note
        self.isRequired = isRequired
    }

    /// Rule B13.
    static let dataCentre = Parameter(
        "dataCentre", .id(DataCentreID.self), "Only what is counted in that data centre.")

    static let limit = Parameter("limit", .integer(1...1_000), "At most so many; 100 by default.")

    static let cursor = Parameter(
        "cursor",
        .text(.init(lengths: 1...1_024, alphabet: .hexadecimal)),
        "Where to go on: the cursor that came with the part before."
    )
}
