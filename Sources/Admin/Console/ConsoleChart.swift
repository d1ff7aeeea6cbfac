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

/// Several values over time.
struct Course {
    /// What a column of the table says, and whether the chart has a line for it.
    struct Series {
        let title: Word
        var isDrawn = true
    }

    let title: Word

    /// What a moment is called.
    let axis: Word
    let series: [Series]

    /// In order, without a gap between them; a value for each series, `nil` where there is none.
    let moments: [(name: String, values: [Int64?])]
}

extension ConsoleRequest {
    /// A line for each series that is drawn, the first one thick, the second one dashed; the table has all.
    func lines(_ course: Course) -> HTML {
        let drawn = course.series.indices.filter { course.series[$0].isDrawn }
        let values = course.moments.flatMap { moment in drawn.compactMap { moment.values[$0] } }
        guard let highest = values.max() else { return "<p class=\"empty\">\(t(.nothingYet))</p>" }
        let (width, height, top) = (620, 140, 20)
        let most = max(1, highest)
        let step = max(1, course.moments.count - 1)
        func x(_ index: Int) -> String { String(index * (width - 4) / step + 2) }
        func y(_ value: Int64) -> String {
            String(height - Int(Int64(height - top) * value / most))
        }
        var (marks, legend) = (HTML(), HTML())
        for (place, index) in drawn.enumerated() {
            let look: HTML = place == 0 ? "first" : "second"
            let parts = course.moments.indices.split { course.moments[$0].values[index] == nil }
            for part in parts {
                let points = part.map { "\(x($0)),\(y(course.moments[$0].values[index] ?? 0))" }
                // One point alone is no line.
                let line = points.count > 1 ? points : points + points
                marks +=
                    "<polyline class=\"\(look)\" points=\"\(line.joined(separator: " "))\"/>"
            }
            legend +=
                "<span><svg width=\"26\" height=\"8\" aria-hidden=\"true\"><polyline class=\"\(look)\" points=\"1,4 25,4\"/></svg>\(t(course.series[index].title))</span>"
        }
        let (first, last) = (course.moments.first?.name ?? "", course.moments.last?.name ?? "")
        let names = drawn.map { t(course.series[$0].title) }.joined(separator: ", ")
        return """
            <svg class="chart lines" viewBox="0 0 \(String(width)) \(String(height + 1))" role="img" aria-label="\(t(course.title)): \(names), \(t(.atMost)) \(grouped(most))">
            <line x1="0" y1="\(String(height))" x2="\(String(width))" y2="\(String(height))"/><text x="0" y="12">\(grouped(most))</text>\(marks)</svg>
            <p class="ends" aria-hidden="true"><span>\(first)</span><span>\(last)</span></p><p class="legend">\(legend)</p>\(table(behind: course))
            """
    }

    private func table(behind course: Course) -> HTML {
        var head: HTML = "<th scope=\"col\">\(t(course.axis))</th>"
        for series in course.series {
            head += "<th scope=\"col\" class=\"number\">\(t(series.title))</th>"
        }
        var rows = HTML()
        for moment in course.moments.reversed() where moment.values.contains(where: { $0 != nil }) {
            rows += "<tr><td>\(moment.name)</td>"
            for value in moment.values {
                rows += "<td class=\"number\">\(value.map { grouped($0) } ?? "–")</td>"
            }
            rows += "</tr>"
        }
        return """
            <details class="figures-behind"><summary>\(t(.asTable))</summary><div class="wide" role="region" tabindex="0" aria-label="\(t(course.title))"><table><thead><tr>\(head)</tr></thead><tbody>\(rows)</tbody></table></div></details>
            """
    }
}
