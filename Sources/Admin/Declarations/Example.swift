import Gateway
import HTTPTypes
import Ledger

/// Makes values that stand for others in the API's document, from the declarations: of each text, number and choice
/// one that its schema takes, and what a reader expects under that name where there is such a value.
struct Example {
    /// What the operation is about: the last fixed segment of its path.
    private let subject: String

    init(of route: Route) {
        subject = route.path.split(separator: "/").last { $0.first != ":" }.map(String.init) ?? ""
    }

    /// - Parameter name: of the member or parameter that has the value.
    func value(of schema: Schema, named name: String = "") -> JSON {
        switch schema {
        case .named(let title, let schema):
            return value(of: schema, named: Self.subjects[title].map { "id of \($0)" } ?? name)
        case .noted(let schema, _): return value(of: schema, named: name)
        case .nullable(let schema), .optional(let schema):
            return Self.absent.contains(name) ? .null : value(of: schema, named: name)
        case .text(let rule): return .text(text(rule, name))
        case .integer(let range):
            let usual = Self.numbers[name] ?? 1
            return .integer(range.contains(usual) ? usual : range.lowerBound)
        case .flag: return .bool(name != "dryRun" && name != "disabled")
        case .choice(let names):
            return .text(Self.texts[name].flatMap { names.contains($0) ? $0 : nil } ?? names[0])
        case .list(let schema, let counts):
            let element = value(of: schema, named: Self.singular[name] ?? name)
            return .array([JSON](repeating: element, count: max(1, counts.lowerBound)))
        case .object(let members, _):
            return .object(members.compactMap { member($0, of: name) })
        case .map(_, let schema, _):
            return .object([JSON.Member(name: "room", value: value(of: schema, named: "room"))])
        case .either(let forms): return value(of: forms[0], named: name)
        }
    }

    /// `nil` of one that is better left out.
    private func member(_ member: Schema.Member, of owner: String) -> JSON.Member? {
        let isId = member.name == "id" && owner.hasPrefix("id of ")
        let value = value(of: member.schema, named: isId ? owner : member.name)
        if value == .null, !member.isRequired { return nil }
        return JSON.Member(name: member.name, value: value)
    }

    private func text(_ rule: Schema.Text, _ name: String) -> String {
        let name = name == "id" ? "id of \(subject)" : name
        if let usual = Self.texts[name], rule.form == nil, rule.allows(usual) { return usual }
        if let example = rule.example { return example }
        switch rule.format {
        case .time, .timeOrDay: return "2026-11-21T08:00:00Z"
        case .day: return "2026-11-21"
        case .email: return "ann@example.org"
        case nil: break
        }
        let length = max(1, rule.lengths.lowerBound)
        for letter in ["a", "1", "A"] {
            let text = String(repeating: letter, count: length)
            if rule.allows(text) { return text }
        }
        preconditionFailure("no example of \(name): \(rule.rule)")
    }

    /// Of a problem with that status, as one of its reasons makes it.
    static func problem(_ reason: Reason) -> JSON {
        Problem(reason).document.adding(
            "instance", "urn:tollgate:request:7d1c2b4e5f60718293a4b5c6d7e8f901")
    }

    /// Named documents whose `id` is that of a kind of thing.
    private static let subjects = [
        "Account": "accounts", "ShownAccount": "accounts", "Package": "packages", "Key": "keys",
        "NewKey": "keys", "TokenKey": "token-keys", "Upgrade": "upgrades", "Webhook": "webhooks",
        "NewWebhook": "webhooks",
        "Authority": "authorities",
    ]

    private static let singular = ["products": "product", "devices": "dk"]

    /// What most have not.
    private static let absent: Set = [
        "cursor", "parent", "revokedAt", "certifiedAt", "previousUntil", "doubt", "known",
        "aheadHours", "freeAllowance", "uplinkStream", "dialect", "lastRefusal", "lastEnding",
        "line", "up", "down",
        "pointer", "id of accounts.parent", "devices",
    ]

    private static let numbers: [String: Int64] = [
        "quantity": 100, "validityDays": 365, "messagesPerDay": 1_500, "storageDays": 7,
        "dayOffsetMinutes": 480, "sizeBytes": 4_194_304, "status": 404, "limit": 100,
        "keepAliveSeconds": 300, "protocolVersion": 5, "sequence": 4_711, "overlapHours": 72,
        "total": 100, "remaining": 58, "used": 42, "unassigned": 20, "after": 4_700,
    ]

    /// The fingerprint of a certificate.
    private static let authority = String(repeating: "3f9c1a7e", count: 8)

    private static let texts = [
        "account": "acme", "id of accounts": "acme", "id of sub-accounts": "acme-west",
        "pk": "lamp", "product": "lamp", "dk": "lamp-1", "device": "lamp-1",
        "package": "basic", "id of packages": "basic", "key": "keyAbC123",
        "id of keys": "keyAbC123", "id of upgrades": "fw-2.4", "upgrade": "fw-2.4",
        "name": "Desk lamp", "productName": "Desk lamp", "dataCentre": "main",
        "email": "ann@example.org", "role": "application", "kind": "enterprise",
        "registration": "imported", "expiresAt": "2029-11-21T08:00:00Z", "cause": "unit replaced",
        "actor": "owner", "change": "product-created", "detail": "there is no account acme",
        "title": "Not Found", "type": "urn:tollgate:reason:unknown-account",
        "reason": "unknown-account", "secret": "Zk3vQ8sLw1Xn5Tb7Rc9Yd2Hf4Jg6Mp0A",
        "userName": "app:keyAbC123", "token": "keyAbC123.Zk3vQ8sLw1Xn5Tb7Rc9Yd2Hf4Jg6Mp0A",
        "clientId": "lamp.lamp-1", "address": "203.0.113.7:50312", "listener": "tls",
        "topic": "switch", "payload": "{\"on\":true}", "stream": "LAMPS", "like": "hall",
        "room": "hall", "openapi": "3.1.0", "state": "active", "node": "gate-1",
        "month": "2026-11", "cipher": "TLS_AES_128_GCM_SHA256", "version": "TLSv1.3",
        "Idempotency-Key": "order-4711", "backup": "1", "import": "17",
        "directory": "/var/backups/tollgate/2026-11-21", "action": "disable",
        "rule": "codes-low", "notification": "1", "language": "zh",
        "tokenKey": "2027-01", "id of token-keys": "2027-01", "audience": "lamp",
        "algorithm": "EdDSA", "webhook": "whAbC123", "id of webhooks": "whAbC123", "to": "lamp-2",
        "authority": authority, "id of authorities": authority, "subject": "CN=Acme factory 1",
        "firmware": "2.1.0", "campaign": "spring", "id of campaigns": "spring",
        "metadata": "room=hall", "startsAt": "2028-11-21T08:00:00Z",
        "endsAt": "2029-11-21T08:00:00Z",
    ]
}

extension Answer.Content {
    /// A value of it; `nil` where one would say nothing.
    func example(of route: Route) -> JSON? {
        switch type {
        case "application/json": Example(of: route).value(of: schema)
        case "text/csv":
            if let item = route.operation.answers.compactMap(\.item).first, schema == .anyText {
                .text(CSV.text(of: [Example(of: route).value(of: item)]))
            } else if schema != .anyText {
                Example(of: route).value(of: schema)
            } else {
                // Of an import.
                .text("dk,secret,name\r\nlamp-1,Zk3vQ8sLw1Xn5Tb7Rc9Yd2Hf4Jg6Mp0A,Hall left\r\n")
            }
        case "text/event-stream":
            .text("id: 4711\nevent: product-created\ndata: {\"sequence\":4711}\n\n")
        case "application/x-ndjson":
            .text(
                """
                {"dk":"lamp-1","outcome":"done"}
                {"devices":1,"done":1,"unchanged":0,"refused":0,"dryRun":false}

                """)
        case "text/plain": .text("tollgate_up 1\n")
        case "application/octet-stream" where route.operation.body != nil: .text("bytes")
        default: nil
        }
    }
}
