extension String {
    /// Its beginning, of so many bytes of UTF-8 at most, without a part of a Unicode scalar at its end.
    package func prefix(bytes maximum: Int) -> String {
        guard utf8.count > maximum else { return self }
        var end = utf8.index(startIndex, offsetBy: maximum)
        while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(unicodeScalars[..<end])
    }
}
