import Gateway
import Ledger
import Time

/// A document, as one table of its members: what each looks like, and where it comes from. So what is
/// sent (`callAsFunction`) and what the API's document says of it (`schema`) can't differ.
///
/// Documents are interfaces for tools: names and order do not change.
struct Shape<Subject>: Sendable {
    let schema: Schema
    private let members: [Member<Subject>]

    /// - Parameter name: the API's document describes it once, under that name; without one, in place.
    init(_ name: String? = nil, @Members<Subject> _ members: () -> [Member<Subject>]) {
        self.members = members()
        let form = Schema.object(
            self.members.map { .init(name: $0.name, schema: $0.schema) }, isOpen: false)
        schema = name.map { .named($0, form) } ?? form
    }

    func callAsFunction(_ subject: Subject) -> JSON {
        .object(members.map { .init(name: $0.name, value: $0.json(subject)) })
    }
}

/// A member of a shape: its name, its form, and its value of a subject.
struct Member<Subject>: Sendable {
    let name: String
    let schema: Schema
    let json: @Sendable (Subject) -> JSON

    /// A value, of its type's form or a closer one, with a sentence for people if it needs one.
    init<Value: Documented>(
        _ name: String,
        _ value: @escaping @Sendable (Subject) -> Value,
        as schema: Schema = Value.schema,
        _ note: String? = nil
    ) {
        self.name = name
        self.schema = note.map { .noted(schema, $0) } ?? schema
        json = { value($0).json }
    }

    /// An object within.
    init(_ name: String, @Members<Subject> _ members: () -> [Member]) {
        self.init(name, Shape(nil, members)) { $0 }
    }

    /// Another document, or null.
    init<Value>(
        _ name: String,
        _ shape: Shape<Value>,
        orNull value: @escaping @Sendable (Subject) -> Value?
    ) {
        self.name = name
        schema = .nullable(shape.schema)
        json = { value($0).map { shape($0) } ?? .null }
    }

    init<Value>(
        _ name: String,
        _ shape: Shape<Value>,
        _ value: @escaping @Sendable (Subject) -> Value
    ) {
        self.name = name
        schema = shape.schema
        json = { shape(value($0)) }
    }

    /// A list of objects.
    init<Element>(
        _ name: String,
        each elements: @escaping @Sendable (Subject) -> [Element],
        @Members<Element> _ members: () -> [Member<Element>]
    ) {
        self.name = name
        let shape = Shape(nil, members)
        schema = .list(shape.schema)
        json = { .array(elements($0).map { shape($0) }) }
    }
}

@resultBuilder
enum Members<Subject> {
    static func buildExpression(_ member: Member<Subject>) -> Member<Subject> { member }
    static func buildBlock(_ members: Member<Subject>...) -> [Member<Subject>] { members }
}

extension Answer {
    static func ok<Subject>(_ shape: Shape<Subject>) -> Answer { ok(shape.schema) }
    static func created<Subject>(_ shape: Shape<Subject>) -> Answer { created(shape.schema) }
    static func page<Subject>(of shape: Shape<Subject>) -> Answer { page(of: shape.schema) }
}

/// A type whose values are members of documents, and what they look like there.
protocol Documented: Sendable {
    static var schema: Schema { get }
    var json: JSON { get }
}

extension Documented where Self: CustomStringConvertible {
    var json: JSON { JSON(self) }
}

extension Documented where Self: BinaryInteger {
    static var schema: Schema { .count }
    var json: JSON { JSON(self) }
}

extension Documented where Self: Identifier {
    static var schema: Schema { .id(Self.self) }
}

extension Int: Documented {}
extension Int16: Documented {}
extension UInt32: Documented {}
extension UInt64: Documented {}

extension AccountID: Documented {}
extension DataCentreID: Documented {}
extension UplinkStream: Documented {}
extension DeviceKey: Documented {}
extension KeyID: Documented {}
extension NodeName: Documented {}
extension PackageID: Documented {}
extension ProductKey: Documented {}
extension UpgradeID: Documented {}
extension WebhookID: Documented {}
extension AuthorityID: Documented {}
extension EventKind: Documented {}

extension EmailAddress: Documented { static var schema: Schema { .email } }
extension ActivationCode: Documented { static var schema: Schema { .code } }
extension WebhookURL: Documented { static var schema: Schema { .webhookURL } }
extension String: Documented { static var schema: Schema { .anyText } }
extension Timestamp: Documented { static var schema: Schema { .time } }
extension Day: Documented { static var schema: Schema { .day } }
extension Month: Documented { static var schema: Schema { .anyText } }

extension Metadata: Documented {
    static var schema: Schema { .metadata }

    var json: JSON {
        .object(entries.map { JSON.Member(name: $0.key.text, value: .text($0.value.text)) })
    }
}

extension Secret: Documented {
    static var schema: Schema { .secret }

    /// Shows it.
    var json: JSON { .text(text) }
}

extension Bool: Documented {
    static var schema: Schema { .flag }
    var json: JSON { .bool(self) }
}

extension Optional: Documented where Wrapped: Documented {
    static var schema: Schema { .nullable(Wrapped.schema) }
    var json: JSON { map(\.json) ?? .null }
}

extension Array: Documented where Element: Documented {
    static var schema: Schema { .list(Element.schema) }
    var json: JSON { .array(map(\.json)) }
}

/// An enumeration whose cases have names in the API.
protocol Choice: CaseIterable, Documented {
    var name: String { get }
}

extension Choice {
    static var schema: Schema { .choice(Self.self) }
    var json: JSON { .text(name) }

    init?(named name: String) {
        guard let value = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = value
    }
}

extension AccountKind: Choice {}
extension AlertKind: Choice {}
extension AlertLanguage: Choice {}
extension AlertRuleInForce.Source: Choice {}
extension ActivationCause: Choice {}
extension Backup.State: Choice { var name: String { rawValue } }
extension CodeSource: Choice {}
extension DeviceState: Choice {}
extension ImportState: Choice {}
extension KeyRole: Choice {}
extension NotificationState: Choice {}
extension Reason: Choice { static var schema: Schema { .reason } }
extension RegistrationPolicy: Choice {}
extension TopUpKind: Choice {}
extension TopUpMovement.Kind: Choice {}
extension TopUpSource: Choice {}
extension UpgradeState: Choice {}
extension CampaignState: Choice {}
extension CampaignDeviceState: Choice {}
extension WebhookAttempt.Cause: Choice {}
