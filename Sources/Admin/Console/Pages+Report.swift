import Gateway
import HTTPTypes
import Hummingbird
import Time

/// An account's month.
extension ConsoleRequest {
    func reportPage(_ account: JSON) async throws -> ConsolePage {
        let report = try await report(of: account.text("id"))
        let shown = ReportPage(report: report, language: language)
        var page = page(of: account, .report)
        page.title = shown.title
        page.body = months(report) + shown.body
        return page
    }

    /// The months beside it, as far as there are any, and the same month as CSV.
    private func months(_ report: JSON) -> HTML {
        let id = report.text("account")
        guard let month = Month(report.text("month")), let since = Month(report.text("since"))
        else { return HTML() }
        func link(_ month: Month, _ text: Word, _ rel: HTML) -> HTML {
            let place = ConsoleLink(["accounts", id, "report"], [("month", "\(month)")])
            return "<a rel=\"\(rel)\" href=\"\(place.text)\">\(t(text)): \(month.description)</a>"
        }
        var html = HTML()
        if month > since { html += link(month.adding(months: -1), .monthBefore, "prev") }
        if report.at("running")?.bool != true {
            html += link(month.adding(months: 1), .monthAfter, "next")
        }
        let csv = ConsoleLink(["accounts", id, "report.csv"], [("month", "\(month)")])
        return """
            <p class="pages">\(html)<a href="\(csv.text)" download>\(t(.exportCSV))</a></p>
            """
    }

    /// The month that is asked for, as a file.
    func reportCSV(of account: String) async throws -> Response {
        let report = try await report(of: account)
        let csv = ReportPage(report: report, language: language).csv
        var response = Response(.ok, "text/csv; charset=utf-8", Array(csv.utf8))
        let name = "report-\(account)-\(report.text("month")).csv"
        response.headers[HTTPField.Name("Content-Disposition")!] =
            "attachment; filename=\"\(name)\""
        return response
    }

    private func report(of account: String) async throws -> JSON {
        let month: Fields = asked("month").map { [("month", $0)] } ?? []
        return try await get("showAccountReport", ["account": account], month)
    }
}
