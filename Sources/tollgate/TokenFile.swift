import FoundationEssentials

/// A file with a token of the API, which editors like to end with a new line.
enum TokenFile {
    /// Without white space around it; `nil` when the file can't be read.
    static func read(_ path: String) -> String? {
        guard let bytes = FileManager.default.contents(atPath: path) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self).drop { $0.isWhitespace }
        return text.lastIndex { !$0.isWhitespace }.map { String(text[...$0]) } ?? ""
    }
}
