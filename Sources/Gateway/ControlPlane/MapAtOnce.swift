extension Collection where Self: Sendable, Element: Sendable {
    /// What `body` says of each, all asked at once, in their order: of shards and nodes, as one of them may have much to do.
    package func mapAtOnce<Answer: Sendable>(
        _ body: @escaping @Sendable (Element) async -> Answer
    ) async -> [Answer] {
        await withTaskGroup(of: (Int, Answer).self) { group in
            for (place, element) in enumerated() {
                group.addTask { (place, await body(element)) }
            }
            var answers = [Answer?](repeating: nil, count: count)
            for await (place, answer) in group { answers[place] = answer }
            return answers.compactMap(\.self)
        }
    }
}
