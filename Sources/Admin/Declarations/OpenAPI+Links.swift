import HTTPTypes

extension OpenAPI {
    /// Where to go from what `route` has made: every operation on just that.
    static func links(from route: Route, in routes: [Route]) -> JSON {
        guard route.method == .post,
            let name = route.operation.answers.first(where: { $0.status == .created })?.nameOfMade
        else { return .object([]) }
        let known = route.pathParameters.map { parameter in
            JSON.Member(name: parameter.name, value: .text("$request.path.\(parameter.name)"))
        }
        let targets = routes.filter { target in
            guard target.path.hasPrefix("\(route.path)/:") else { return false }
            return target.pathParameters.count == known.count + 1
        }
        return .object(
            targets.map { target in
                let made = JSON.Member(
                    name: target.pathParameters[known.count].name,
                    value: .text("$response.body#\(name)")
                )
                return JSON.Member(
                    name: target.operation.id,
                    value: [
                        "operationId": .text(target.operation.id),
                        "parameters": .object(known + [made]),
                    ]
                )
            }
        )
    }
}
