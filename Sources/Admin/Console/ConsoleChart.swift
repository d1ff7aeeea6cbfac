/// Charts are drawn here, so that a page needs no script for them; the figures are in a table behind each.
extension ConsoleRequest {
    /// A bar for each value.
    func bars(_ title: Word, _ axis: Word, _ values: [(name: String, value: Int64)]) -> HTML {
        guard values.contains(where: { $0.value > 0 }) else {
            return "<p class=\"empty\">\(t(.nothingYet))</p>"
        }
        let (width, height) = (620, 140)
        let most = max(1, values.map(\.value).max() ?? 1)
        let step = width / max(values.count, 1)
        var marks = HTML()
        for (index, item) in values.enumerated() {
            let tall = max(item.value > 0 ? 2 : 0, Int(Int64(height - 20) * item.value / most))
            let (x, y) = (String(index * step + 1), String(height - tall))
            marks +=
                "<rect x=\"\(x)\" y=\"\(y)\" width=\"\(String(max(1, min(step - 2, 40))))\" height=\"\(String(tall))\"><title>\(item.name): \(grouped(item.value))</title></rect>"
        }
        let rows = values.reversed().map { item in
            "<tr><td>\(item.name)</td><td class=\"number\">\(grouped(item.value))</td></tr>" as HTML
        }
        return """
            <svg class="chart" viewBox="0 0 \(String(width)) \(String(height + 1))" role="img" aria-label="\(t(title)): \(t(.atMost)) \(grouped(most))">
            <line x1="0" y1="\(String(height))" x2="\(String(width))" y2="\(String(height))"/><text x="0" y="12">\(grouped(most))</text>\(marks)</svg>
            <details class="figures-behind"><summary>\(t(.asTable))</summary><table><thead><tr><th scope="col">\(t(axis))</th><th scope="col" class="number">\(t(.count))</th></tr></thead><tbody>\(HTML(rows))</tbody></table></details>
            """
    }
}
