import FoundationEssentials

/// A file with a token of the API, or its address, which editors like to end with a new line.
enum TokenFile {
    /// Without white space around it; `nil` when the file can't be read.
    static func read(_ path: String) -> String? {
        guard let bytes = FileManager.default.contents(atPath: path) else { return nil }
        return String(decoding: bytes, as: UTF8.self).trimmed()
    }
}

extension StringProtocol {
    /// Without those characters around it; without white space, unless others are named.
    func trimmed(_ isLeftOut: (Character) -> Bool = \.isWhitespace) -> String {
        let text = drop(while: isLeftOut)
        return text.lastIndex { !isLeftOut($0) }.map { String(text[...$0]) } ?? ""
    }
}
