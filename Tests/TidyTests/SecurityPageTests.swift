import Testing

/// `.github/SECURITY.md` promises nothing that no test shows.
@Suite("Security page")
struct SecurityPageTests {
    @Test("each promise names tests, and they exist")
    func promises() {
        let text = SourceFile.text(at: ".github/SECURITY.md") ?? ""
        let names = StatementNames(SourceFile.all)
        var count = 0
        for line in text.split(separator: "\n") where line.hasPrefix("| ") {
            let cells = line.split(separator: "|")
            guard cells.count == 2, !cells[0].hasPrefix(" promise ") else { continue }
            count += 1
            let tests = cells[1].split(separator: "`").map(String.init).filter { $0.contains("/") }
            #expect(!tests.isEmpty, "no test: \(cells[0])")
            for test in tests {
                #expect(names.byTest[test] != nil, "\(test) does not exist")
            }
        }
        #expect(count > 20)
    }
}
