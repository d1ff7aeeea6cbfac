import Admin
import ArgumentParser

/// A verb that is one request of the API: its arguments, and what it asks with them.
protocol Verb: ParsableArguments {
    /// By default that of the type, in small letters with hyphens.
    static var name: String { get }

    /// One sentence for the help.
    static var about: String { get }

    /// What else the help says; empty when there is nothing.
    static var discussion: String { get }

    /// How it is used, without the program's name.
    static var example: String { get }
    var request: APIRequest { get throws(Failure) }
}

extension Verb {
    static var name: String {
        String(describing: Self.self).reduce(into: "") { name, character in
            if character.isUppercase, !name.isEmpty { name += "-" }
            name += character.lowercased()
        }
    }
    static var discussion: String { "" }
}

/// The command of a verb, which the API's options are added to.
struct VerbCommand<Asked: Verb>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: Asked.name, abstract: Asked.about,
            discussion: Asked.discussion.followed(byExamples: Asked.example))
    }

    @OptionGroup var asked: Asked
    @OptionGroup var gateway: GatewayOptions

    func run() async throws {
        let client = try gateway.client
        if let asked = asked as? any Irreversible {
            try await asked.consent.ask { () async throws(Failure) in
                try await asked.loss(at: client)
            }
        }
        switch try asked.request {
        case .show(let method, let path, let body): try await client.show(method, path, body)
        case .list(let path, let columns, let limit):
            try await client.list(path, columns: columns, limit: limit)
        }
    }
}

extension String {
    /// A help's text with what its command is used like behind it, each a line without the program's name.
    func followed(byExamples examples: String...) -> String {
        let lines = examples.map { "EXAMPLE: tollgate \($0)" }.joined(separator: "\n")
        return isEmpty ? lines : "\(self)\n\n\(lines)"
    }
}

/// The commands of verbs.
func commands<each Asked: Verb>(_ verbs: repeat (each Asked).Type) -> [any ParsableCommand.Type] {
    var commands: [any ParsableCommand.Type] = []
    repeat commands.append(VerbCommand<each Asked>.self)
    return commands
}

/// What is asked for below `/v1/`, and how the answer is shown.
enum APIRequest {
    /// One document.
    case show(HTTPClient.Method, String, JSON? = nil)

    /// A list by columns: all of it, or its first `limit` items.
    case list(String, by: Columns, limit: Int? = nil)

    static func get(_ path: String) -> APIRequest { .show(.get, path) }
    static func post(_ path: String) -> APIRequest { .show(.post, path) }
    static func delete(_ path: String) -> APIRequest { .show(.delete, path) }

    /// With a body of those members that have a value.
    static func post(_ path: String, _ members: Members) -> APIRequest {
        .show(.post, path, .object(of: members))
    }

    static func put(_ path: String, _ members: Members) -> APIRequest {
        .show(.put, path, .object(of: members))
    }

    static func patch(_ path: String, _ members: Members) -> APIRequest {
        .show(.patch, path, .object(of: members))
    }
}

/// The members of a request's body, some of which may be left out.
typealias Members = KeyValuePairs<String, (any JSONValue)?>

/// What an option or an argument can be that becomes a member.
protocol JSONValue { var json: JSON { get } }

extension JSON: JSONValue { var json: JSON { self } }
extension String: JSONValue { var json: JSON { .text(self) } }
extension Int64: JSONValue { var json: JSON { .integer(self) } }
extension Bool: JSONValue { var json: JSON { .bool(self) } }

extension JSON {
    /// An object of those members that have a value.
    static func object(of members: Members) -> JSON {
        .object(
            members.compactMap { name, value in value.map { Member(name: name, value: $0.json) } })
    }
}

/// A query of those parameters that have a value, `other` before them.
func query(_ parameters: KeyValuePairs<String, String?>, after other: String = "") -> String {
    parameters.reduce(into: other) { query, parameter in
        guard let value = parameter.value else { return }
        query += "\(query.isEmpty ? "?" : "&")\(parameter.key)=\(value.escaped)"
    }
}

/// What arguments and options are that many verbs have.
extension ArgumentHelp {
    static var account: ArgumentHelp { "The account's id." }
    static var product: ArgumentHelp { "The product's ProductKey." }
    static var device: ArgumentHelp { "The device's DeviceKey." }
    static var cause: ArgumentHelp { "Why; the history keeps it." }
    static var limit: ArgumentHelp { "At most so many." }
    static var dataCentre: ArgumentHelp { "Only what is counted in that data centre." }
    static var email: ArgumentHelp { "Its owner's e-mail address, where alerts go." }
    static var name: ArgumentHelp { "Its name, for people." }
    static var id: ArgumentHelp { "Its id; made when left out." }
}

/// The device that a verb is about.
struct DeviceArguments: ParsableArguments, CustomStringConvertible {
    @Argument(help: .product) var pk: String
    @Argument(help: .device) var dk: String

    /// For people.
    var text: String { "device \(dk) of product \(pk)" }

    /// Its path.
    var description: String { "products/\(pk.escaped)/devices/\(dk.escaped)" }
}
