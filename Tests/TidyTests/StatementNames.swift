/// Which statements of the standards the tests name: `[MQTT-3.3.1-2]` of MQTT 5.0, and of 3.1.1 where
/// `of 3.1.1` follows behind one or several.
struct StatementNames {
    /// By `ConformanceTests/DeliveryTests/order`, and `ConformanceTests/MalformedTests` for what stands in a
    /// table of that suite: the statements, those of 3.1.1 with `v3 ` in front.
    private(set) var byTest: [String: Set<String>] = [:]

    init(_ files: [SourceFile]) {
        for file in files where !file.isSource && file.target.hasSuffix("Tests") { read(file) }
    }

    private mutating func read(_ file: SourceFile) {
        let name = file.path.split(separator: "/").last?.prefix { $0 != "." && $0 != "+" } ?? ""
        let suite = "\(file.target)/\(name)"
        var declaration: String?
        for line in file.lines {
            let text = line.drop { $0 == " " }
            if text.hasPrefix("//") { continue }
            if text.hasPrefix("@Test(") { declaration = "" }
            guard let soFar = declaration else {
                if text.contains("\"") {
                    byTest[suite, default: []].formUnion(Self.named(in: text))
                }
                continue
            }
            declaration = soFar + text + " "
            guard let start = text.firstRange(of: "func ")?.upperBound else { continue }
            let function = text[start...].prefix { $0 != "(" }
            byTest["\(suite)/\(function)", default: []]
                .formUnion(Self.named(in: Substring(soFar)))
            declaration = nil
        }
    }

    /// The statements that a text names.
    static func named(in text: Substring) -> Set<String> {
        var found: Set<String> = []
        var group: [String] = []
        var rest = text
        func end() {
            let isOld = rest.drop { $0 == " " }.hasPrefix("of 3.1.1")
            found.formUnion(group.map { isOld ? "v3 \($0)" : $0 })
            group = []
        }
        while let range = rest.firstRange(of: "[MQTT-") {
            let between = rest[..<range.lowerBound]
            if !group.isEmpty, !between.allSatisfy({ $0 == " " || $0 == "," }) { end() }
            rest = rest[range.upperBound...]
            let number = rest.prefix { $0 != "]" }
            rest = rest.dropFirst(number.count + 1)
            group.append("MQTT-\(number)")
        }
        end()
        return found
    }
}
