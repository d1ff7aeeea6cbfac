import Gateway
import HTTPTypes

/// The API's document (OpenAPI 3.1), made from the declarations of all routes.
enum OpenAPI {
    static let text = document(of: Routes.all).bytes

    static func document(of routes: [Route]) -> JSON {
        [
            "openapi": "3.1.0",
            "info": [
                "title": "Tollgate",
                "summary": "Activation codes, devices and allowances of an MQTT gateway",
                "version": "1",
            ],
            "servers": [["url": "/"]],
            "tags": .array(
                Set(routes.map(tag)).sorted().map { ["name": .text($0)] as JSON }),
            "security": [["bearer": []]],
            "paths": paths(of: routes),
            "components": [
                "schemas": schemas(of: routes),
                "securitySchemes": [
                    "bearer": [
                        "type": "http", "scheme": "bearer",
                        "description": "The owner's token, or KEY.SECRET of a key.",
                    ]
                ],
            ],
        ]
    }

    private static func paths(of routes: [Route]) -> JSON {
        var paths: [JSON.Member] = []
        for route in routes {
            let path = template(of: route.path)
            let operation = JSON.Member(
                name: route.method.rawValue.lowercased(), value: document(of: route, in: routes))
            if let index = paths.firstIndex(where: { $0.name == path }) {
                let item = paths[index].value.adding(operation.name, operation.value)
                paths[index] = JSON.Member(name: path, value: item)
            } else {
                paths.append(JSON.Member(name: path, value: .object([operation])))
            }
        }
        return .object(paths)
    }

    /// `/v1/products/{pk}`
    static func template(of path: String) -> String {
        path.split(separator: "/")
            .map { $0.first == ":" ? "/{\($0.dropFirst())}" : "/\($0)" }
            .joined()
    }

    /// What the route is about: `products` of `/v1/products/{pk}`, `health` of what is not below `/v1`.
    static func tag(of route: Route) -> String {
        let segments = route.path.split(separator: "/")
        return segments.first == "v1" && segments.count > 1 ? String(segments[1]) : "health"
    }

    private static func document(of route: Route, in routes: [Route]) -> JSON {
        let operation = route.operation
        var document: JSON = [
            "operationId": .text(operation.id),
            "summary": .text(operation.summary),
            "tags": [.text(tag(of: route))],
            "description": .text("Access: \(route.access.rule)."),
        ]
        if !route.access.needsToken { document.add("security", []) }
        let parameters = parameters(of: route)
        if !parameters.isEmpty { document.add("parameters", .array(parameters)) }
        if let body = operation.body {
            document.add(
                "requestBody",
                [
                    "description": .text(body.jsonLimit.note), "required": true,
                    "content": content(body.contents, of: route),
                ])
        }
        return document.adding(
            "responses", responses(of: route, links: links(from: route, in: routes)))
    }

    private static func parameters(of route: Route) -> [JSON] {
        let path = route.pathParameters.map { parameter in
            [
                "name": .text(parameter.name), "in": "path", "required": true,
                "schema": parameter.schema.document,
                "example": Example(of: route).value(of: parameter.schema, named: parameter.name),
            ] as JSON
        }
        return path + route.operation.query.map { document(of: $0, in: "query", route) }
            + route.headers.map { document(of: $0, in: "header", route) }
    }

    private static func document(
        of parameter: Parameter, in place: String, _ route: Route
    ) -> JSON {
        [
            "name": .text(parameter.name), "in": .text(place),
            "description": .text(parameter.note), "required": JSON(parameter.isRequired),
            "schema": parameter.schema.document,
            "example": Example(of: route).value(of: parameter.schema, named: parameter.name),
        ]
    }

    private static func content(_ contents: [Answer.Content], of route: Route) -> JSON {
        .object(
            contents.map { content in
                var document: JSON = ["schema": content.schema.document]
                if let example = content.example(of: route) { document.add("example", example) }
                return JSON.Member(name: content.type, value: document)
            })
    }

    private static func responses(of route: Route, links: JSON) -> JSON {
        let answers = route.operation.answers.map { answer in
            var document: JSON = ["description": .text(answer.note)]
            document.add("headers", headers(answer.headers + ofEach))
            if !answer.contents.isEmpty {
                document.add("content", content(answer.contents, of: route))
            }
            if answer.status == .created, links != .object([]) { document.add("links", links) }
            return JSON.Member(name: String(answer.status.code), value: document)
        }
        let problems = route.problems.map { problem in
            JSON.Member(
                name: String(problem.status.code),
                value: document(of: problem.status, problem.reasons)
            )
        }
        return .object(answers + problems)
    }

    private static func document(of status: HTTPResponse.Status, _ reasons: [Reason]) -> JSON {
        var document: JSON = [
            "description": .text(
                "\(status.reasonPhrase): \(reasons.map(\.name).joined(separator: ", "))")
        ]
        document.add("headers", headers(Problem.headers(of: status) + ofEach))
        // Beside the reference, the reasons of this operation.
        let schema = Schema.problem.document.adding(
            "properties", ["reason": ["enum": .array(reasons.map { .text($0.name) })]])
        var content: JSON = ["schema": schema]
        if let reason = reasons.first { content.add("example", Example.problem(reason)) }
        return document.adding("content", ["application/problem+json": content])
    }

    /// Headers of each answer.
    private static let ofEach = [
        Answer.Header(
            name: "X-Request-Id",
            note: "The request's own, of 1 to 128 visible ASCII characters, or one that was made."),
        Answer.Header(
            name: "RateLimit-Limit", note: "Requests that the caller may make at once.",
            isRequired: false),
        Answer.Header(
            name: "RateLimit-Remaining", note: "Of these, what is left now.", isRequired: false),
        Answer.Header(
            name: "RateLimit-Reset", note: "Seconds until all of them may come at once again.",
            isRequired: false),
    ]

    private static func headers(_ headers: [Answer.Header]) -> JSON {
        .object(
            headers.map { header in
                JSON.Member(
                    name: header.name,
                    value: [
                        "description": .text(header.note), "required": JSON(header.isRequired),
                        "schema": ["type": "string"],
                    ]
                )
            }
        )
    }

    /// Every named schema that occurs, by name. Traps when two have the same name.
    private static func schemas(of routes: [Route]) -> JSON {
        let used = routes.flatMap { route in
            route.operation.answers.flatMap(\.contents).map(\.schema)
                + (route.operation.body?.contents.map(\.schema) ?? [])
                + route.operation.query.map(\.schema)
        }
        var schemas: [String: Schema] = [:]
        for (name, schema) in (used + [.problem]).flatMap(\.components) {
            let other = schemas.updateValue(schema, forKey: name)
            precondition(other == nil || other == schema, "two schemas are called \(name)")
        }
        return .object(
            schemas.sorted { $0.key < $1.key }
                .map { JSON.Member(name: $0.key, value: $0.value.document) }
        )
    }
}

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
