import Foundation
import Gateway
import HTTPTypes
import Ledger
import Processes
import Testing

@testable import Admin

/// Lists of the console's pages, and what stands above them.
@Suite("Console lists", .serves)
struct ConsoleListTests {
    /// The operations of all lists that the sources of the pages have.
    private static let listed: Set<String> = {
        let console = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/Admin/Console").standardized
        let files = try? FileManager.default.contentsOfDirectory(
            at: console, includingPropertiesForKeys: nil)
        let texts = (files ?? []).compactMap { try? String(contentsOf: $0, encoding: .utf8) }
        return Set(
            texts.flatMap { text in
                text.matches(of: /ListSpec\(\s*operation: "(\w+)"/).map { String($0.1) }
            })
    }()

    private static let pages = [
        "accounts", "accounts/acme", "accounts/acme/codes", "accounts/acme/assignments",
        "accounts/acme/purchases", "accounts/acme/top-ups", "accounts/acme/top-ups/changes",
        "accounts/acme/authorities", "accounts/acme/contacts", "accounts/acme/alerts",
        "accounts/acme/alerts/mail", "products", "products/lamp", "products/lamp/codes",
        "products/lamp/usage", "products/lamp/import", "products/lamp/firmware",
        "products/lamp/campaigns", "products/lamp/campaigns/spring", "products/lamp/connecting",
        "products/lamp/settings",
        "products/lamp/devices/d1/history", "products/lamp/devices/d1/messages",
        "products/lamp/devices/d1/upgrades", "near-expiry", "packages", "events", "keys",
        "webhooks", "connections", "backups", "settings",
    ]

    private func furnished() async throws -> Client {
        let client = try Client()
        try client.offerFirmware()
        try await client.furnish()
        _ = try await client.post("/v1/products/lamp/devices", ["devices": [["dk": "d1"]]])
        _ = try await client.send(
            .post, "/v1/products/lamp/firmware?firmware=2.0", [1, 2, 3],
            type: "application/octet-stream")
        _ = try await client.post(
            "/v1/products/lamp/campaigns",
            ["id": "spring", "firmware": "2.0", "perMinute": 2, "endsAt": "2026-12-01"])
        return client
    }

    private static func count(_ part: String, in text: String) -> Int {
        text.ranges(of: part).count
    }

    @Test("no list is asked for what its operation does not take: each is shown, and had as CSV")
    func parameters() async throws {
        let client = try await furnished()
        let owner = try await Visitor(client)
        var seen: Set<String> = []
        for path in Self.pages {
            let page = try await owner.page(path)
            #expect(page.status == 200, "\(path)")
            #expect(!page.text.contains("role=\"alert\""), "\(path)")
            for link in page.text.matches(of: /href="\/console\/(csv\/(\w+)[^"]*)"/) {
                seen.insert(String(link.2))
                let place = link.1.replacing("&amp;", with: "&")
                let csv = try await owner.page(String(place))
                #expect(csv.status == 200, "\(path): \(place)")
            }
        }
        #expect(Self.listed.count > 20)
        #expect(Self.listed.subtracting(seen) == [], "of no page above")
        #expect(seen.allSatisfy { Console.routeIfAny($0)?.operation.answers.first?.item != nil })
    }

    @Test("a backup that was begun on its page is in the list there")
    func backups() async throws {
        let client = try await furnished()
        let owner = try await Visitor(client)
        let places = "\(client.directory).backups"
        try FileManager.default.createDirectory(
            atPath: places, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: places) }
        let begun = try await owner.send(
            "startBackup", ["directory": "\(places)/one"], on: "backups")
        #expect(begun.status == 303, "\(begun.text)")
        let page = try await owner.page("backups").text
        #expect(page.contains("<td><code>\(places)/one</code></td>"))
        #expect(page.contains("href=\"/console/csv/listBackups\""))
        #expect(!page.contains("role=\"alert\""))
        #expect(try await owner.page("csv/listBackups").text.contains("\(places)/one"))
    }

    @Test("lists that are shown on other pages are had as CSV, too")
    func links() async throws {
        let client = try await furnished()
        let owner = try await Visitor(client)
        _ = try await client.post(
            "/v1/accounts/acme/sub-accounts", ["id": "acme-west", "name": "West"])
        let hook = try await client.post(
            "/v1/webhooks", ["name": "Hook", "url": "https://hook.example.org/", "on": false])
        let id = try #require(hook.json["id"]?.text)
        for (path, list) in [
            ("accounts/acme", "listSubAccounts?account=acme"),
            ("webhooks?webhook=\(id)", "listDeliveries?webhook=\(id)"),
            ("accounts/acme/alerts", "listAlerts?account=acme&amp;open=true"),
        ] {
            let page = try await owner.page(path).text
            #expect(page.contains("href=\"/console/csv/\(list)\" download"), "\(path)")
            let csv = try await owner.page("csv/\(list.replacing("&amp;", with: "&"))")
            #expect(csv.status == 200, "\(list)")
        }
    }

    @Test("an overview counts the messages and refusals of all products, of more than have cards")
    func overview() async throws {
        let client = try await furnished()
        for number in 10..<30 {
            _ = try await client.post(
                "/v1/products", ["pk": .text("p\(number)"), "name": "P", "account": "acme"])
        }
        client.controlPlane.set {
            for product in ["lamp", "p29", "elsewhere"] {
                $0.metrics +=
                    "tollgate_product_connections_ended_total{product=\"\(product)\",reason=\"of-\(product)\"} 3\n"
            }
        }
        let page = try await Visitor(client).page("accounts/acme").text
        // Each of 21 has one today, two on the day before.
        #expect(page.contains("<dt>Messages today</dt><dd>21</dd>"))
        #expect(page.contains(">42</"))
        #expect(page.contains("of-lamp") && page.contains("of-p29"))
        #expect(!page.contains("of-elsewhere"))
        #expect(Self.count("<strong>P</strong>", in: page) == 19)
        #expect(page.contains("(21)</a>"))
    }

    @Test(
        "why a form was refused is said once: above the page when the form has gone from it",
        arguments: [("en", "is not connected"), ("zh", "设备未连接")])
    func gone(language: String, sentence: String) async throws {
        let client = try await furnished()
        let owner = try await Visitor(client, language: language)
        let path = "products/lamp/devices/d1"
        let gone = try await owner.send(
            "endConnection", ["p.pk": "lamp", "p.dk": "d1"], on: path, as: "endConnection:d1:lamp")
        #expect(gone.status == 404)
        #expect(gone.text.contains("<h1>d1</h1>"))
        #expect(Self.count("role=\"alert\"", in: gone.text) == 1)
        #expect(gone.text.contains(sentence), "\(gone.text)")
        // A form that is still there says it itself.
        let there = try await owner.send(
            "renameDevice", ["p.pk": "lamp", "p.dk": "d1", "name": "a\u{1}b"], on: path,
            as: "renameDevice:d1:lamp")
        #expect(there.status == 422)
        #expect(Self.count("role=\"alert\"", in: there.text) == 1)
        let unnamed = try await owner.send(
            "endConnection", ["p.pk": "lamp", "p.dk": "d1"], on: path, as: "")
        #expect(Self.count("role=\"alert\"", in: unnamed.text) == 1)
    }

    @Test("the page of events begins with the newest, and is filtered by the server")
    func events() async throws {
        let client = try await furnished()
        let owner = try await Visitor(client)
        let all = try await owner.page("events").text
        let newest = try #require(all.firstRange(of: "<code>codes-assigned</code>"))
        let oldest = try #require(all.firstRange(of: "<code>account-created</code>"))
        #expect(newest.lowerBound < oldest.lowerBound)
        #expect(all.contains("href=\"/console/csv/listEvents?order=newest-first\""))
        let some = try await owner.page("events?change=codes-bought&account=acme&product=").text
        #expect(Self.count("<tr>", in: some) == 2, "its head and one event")
        #expect(some.contains("<code>codes-bought</code>"))
        #expect(
            some.contains(
                "data-stream=\"/console/live/listEvents?change=codes-bought&amp;account=acme\""))
    }

    @Test("A11: what was voided leads to the event that says by whom, when and why")
    func voided() async throws {
        let client = try await furnished()
        let owner = try await Visitor(client)
        let purchase = try await client.post(
            "/v1/accounts/acme/purchases", ["package": "basic", "quantity": 3])
        let first = try #require(purchase.json["firstCode"]?.text)
        let assigned = try await client.get("/v1/accounts/acme/assignments").json
        let number = try #require(assigned["items"]?.array?.first?.number("sequence"))
        for (path, cause) in [
            ("assignments/\(number)", "wrong product taken"), ("purchases/\(first)", "twice"),
        ] {
            let done = try await client.post(
                "/v1/accounts/acme/\(path)/void", ["cause": .text(cause)])
            #expect(done.status == 200, "\(done.text)")
        }
        for (page, link, cause) in [
            (
                "assignments", "events?change=assignment-voided&amp;product=lamp",
                "wrong product taken"
            ),
            ("purchases", "events?change=purchase-voided&amp;account=acme", "twice"),
        ] {
            let list = try await owner.page("accounts/acme/\(page)").text
            #expect(list.contains("href=\"/console/\(link)\""), "\(page)")
            let events = try await owner.page(link.replacing("&amp;", with: "&")).text
            #expect(Self.count("<tr>", in: events) == 2)
            #expect(events.contains(cause) && events.contains("<td>owner</td>"))
        }
        // An application sees the number, and no way to events.
        let made = try await client.post(
            "/v1/keys", ["name": "App", "role": "application", "account": "acme"])
        let token = try #require(made.json["token"]?.text)
        let reader = try await Visitor(client, token)
        let list = try await reader.page("accounts/acme/assignments").text
        #expect(list.contains("<td class=\"number\">5</td>"))
        #expect(!list.contains("/console/events"))
    }
}
