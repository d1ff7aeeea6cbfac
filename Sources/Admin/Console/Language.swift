/// The languages of the console: those of the origin.
enum Language: String, CaseIterable, Sendable {
    case english = "en"
    case chinese = "zh"

    /// Its own.
    var name: String {
        switch self {
        case .english: "English"
        case .chinese: "中文"
        }
    }
}

extension Word {
    func text(in language: Language) -> String {
        switch language {
        case .english: english()
        case .chinese: chinese()
        }
    }
}
