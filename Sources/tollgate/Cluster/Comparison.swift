import Admin

/// What nodes have said of their books at a checkpoint, table by table.
struct Comparison {
    /// Of the checkpoint.
    let position: Int64
    let nodes: [Node]

    struct Node {
        let name: String
        let position: Int64
        let problems: Int64

        /// Records and hash, by the table's name.
        let tables: [String: Table]

        struct Table: Hashable {
            let records: Int64
            let hash: String
        }

        /// `nil` when the document is another one.
        init?(_ document: JSON) {
            guard let name = document["name"]?.text, let position = document["position"]?.integer,
                let problems = document["problems"]?.integer,
                let tables = document["tables"]?.array
            else { return nil }
            (self.name, self.position, self.problems) = (name, position, problems)
            var found: [String: Table] = [:]
            for table in tables {
                guard let name = table["name"]?.text, let records = table["records"]?.integer,
                    let hash = table["hash"]?.text
                else { return nil }
                found[name] = Table(records: records, hash: hash)
            }
            self.tables = found
        }
    }

    /// Only books of one moment can be compared.
    var isOfOnePlace: Bool { Set(nodes.map(\.position)).count <= 1 }

    /// The names of all tables, in order.
    private var tables: [String] { Set(nodes.flatMap(\.tables.keys)).sorted() }

    /// The nodes that have the same in a table, those that are most first.
    private func groups(_ table: String) -> [(nodes: [String], table: Node.Table?)] {
        Dictionary(grouping: nodes) { $0.tables[table] }
            .map { (nodes: $0.value.map(\.name).sorted(), table: $0.key) }
            .sorted { ($1.nodes.count, $0.nodes[0]) < ($0.nodes.count, $1.nodes[0]) }
    }

    /// What is wrong, with what to do.
    var findings: [String] {
        let unbalanced = nodes.filter { $0.problems > 0 }.map { node in
            "the books of node \(node.name) don't balance (rule A10): run `tollgate check` there"
        }
        guard isOfOnePlace else {
            let places = nodes.map { "\($0.name) at entry \($0.position)" }
            return unbalanced + [
                "nodes were compared at different places, as another checkpoint was made meanwhile: "
                    + "\(places.joined(separator: ", ")). Ask again"
            ]
        }
        return unbalanced + tables.compactMap(difference)
    }

    private func difference(in table: String) -> String? {
        let groups = groups(table)
        guard groups.count > 1 else { return nil }
        let sides = groups.map { group in
            let records = group.table.map { "\($0.records) records" } ?? "no such table"
            return "\(group.nodes.joined(separator: ", ")) (\(records))"
        }
        return
            "table \(table) is not the same: \(sides.joined(separator: " and ")). Where it is wrong, move the ledger "
            + "directory away, and join that node again"
    }

    /// For people: a line for each table.
    var text: String {
        let width = tables.map(\.utf8.count).max() ?? 0
        return tables.map { table in
            let name = table + String(repeating: " ", count: width - table.utf8.count)
            let groups = groups(table)
            let records = groups.first?.table?.records ?? 0
            return "  \(name)  \(groups.count == 1 ? "same" : "differs")  \(records)\n"
        }.joined()
    }

    /// For programs.
    func document(_ findings: [String]) -> JSON {
        [
            "same": .bool(findings.isEmpty), "position": .integer(position),
            "nodes": .array(nodes.map { .text($0.name) }),
            "tables": .array(
                tables.map { ["name": .text($0), "same": .bool(groups($0).count == 1)] }),
            "problems": .array(findings.map { .text($0) }),
        ]
    }
}
