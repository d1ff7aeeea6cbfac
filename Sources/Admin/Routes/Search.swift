/// What a list is searched for: a text that is in one of its elements' names or keys, in capitals or not.
struct Search {
    private let text: String

    /// How many elements one request looks at, about; the cursor that it answers leads on behind them.
    static let looksMaximum = 10_000

    init(_ text: String) { self.text = text.lowercased() }

    func finds(_ texts: String...) -> Bool {
        texts.contains { $0.lowercased().contains(text) }
    }
}
