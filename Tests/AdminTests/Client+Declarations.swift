import Gateway
import HTTPTypes
import Testing

@testable import Admin

extension Client {
    /// Holds an answer against what its route declares: the status, the media type, the headers, the
    /// reason of a problem, and the form of the JSON.
    static func hold(_ answer: Answer, _ method: HTTPRequest.Method, _ path: String) throws {
        let place = "\(method.rawValue) \(path) -> \(answer.status)"
        let bare = String(path.prefix { $0 != "?" })
        guard let route = Routes.all.first(where: { $0.method == method && $0.matches(bare) })
        else {
            // The console's pages are for people.
            let isPage = path.hasPrefix("/console")
            #expect(isPage || [404, 405, 429].contains(answer.status), "\(place)")
            return
        }
        let type = answer.headers[.contentType].map { String($0.prefix { $0 != ";" }) }
        guard type != "application/problem+json" else {
            let reasons = route.problems.first { $0.status.code == answer.status }?.reasons ?? []
            #expect(
                reasons.contains { $0.name == answer.reason }, "\(place) \(answer.text)")
            try Schema.problem.check(answer.json)
            return
        }
        let declared = try #require(
            route.operation.answers.first { $0.status.code == answer.status }, "\(place)")
        #expect(type == nil ? declared.contents.isEmpty : true, "\(place)")
        for header in declared.headers where header.isRequired {
            let name = try #require(HTTPField.Name(header.name))
            #expect(answer.headers[name] != nil, "\(place): \(header.name)")
        }
        guard let type else { return }
        let content = try #require(
            declared.contents.first { $0.type == type }, "\(place) \(type)")
        if type == "application/json" {
            #expect(throws: Never.self, "\(place) \(answer.text)") {
                try content.schema.check(answer.json)
            }
        }
    }
}
