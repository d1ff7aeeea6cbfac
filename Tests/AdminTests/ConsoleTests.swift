import Foundation
import Gateway
import HTTPTypes
import Ledger
import NIOConcurrencyHelpers
import Processes
import Testing
import Time

@testable import Admin

/// The console's rules, without a browser; `ProgramTests` has the pages in one.
@Suite("Console", .serves)
struct ConsoleTests {
    private func signIn(
        _ client: Client, _ token: String, from address: String? = nil
    ) async throws -> (status: Int, cookie: String) {
        try await client.signIn(token, from: address)
    }

    private func look(_ client: Client, _ path: String, _ cookie: String) async throws
        -> Client.Answer
    {
        try await client.send(.get, path, token: nil, headers: ["Cookie": cookie])
    }

    @Test("a session ends 30 minutes after its last request, and 12 hours after its first")
    func times() async throws {
        let client = try Client()
        let (status, cookie) = try await signIn(client, Client.ownerToken.text)
        #expect(status == 303)
        for _ in 0..<24 {
            client.clock.withLockedValue { $0 += .seconds(29 * 60) }
            #expect(try await look(client, "/console/accounts", cookie).status == 200)
        }
        client.clock.withLockedValue { $0 += .seconds(25 * 60) }
        let last = try await look(client, "/console/accounts", cookie)
        #expect(last.status == 303, "12 hours have passed")
        let (_, other) = try await signIn(client, Client.ownerToken.text)
        client.clock.withLockedValue { $0 += .seconds(30 * 60) }
        let idle = try await look(client, "/console/accounts", other)
        #expect(idle.headers[.location]?.hasPrefix("/console/sign-in?next=") == true)
    }

    @Test("of one token 32 sessions are open at once: the one that was used longest ago makes room")
    func crowd() async throws {
        let client = try Client()
        var cookies: [String] = []
        for _ in 0..<33 {
            client.clock.withLockedValue { $0 += .seconds(1) }
            cookies.append(try await signIn(client, Client.ownerToken.text).cookie)
        }
        #expect(try await look(client, "/console/accounts", cookies[0]).status == 303)
        #expect(try await look(client, "/console/accounts", cookies[1]).status == 200)
    }

    @Test("wrong keys are counted as those of the API are, and held back where too many come from")
    func guesses() async throws {
        let client = try Client { $0.limits.wrongSecretsPerMinutePerAddress = 10 }
        var statuses: [Int] = []
        for _ in 0..<40 {
            statuses.append(try await signIn(client, "keyguess.wrong", from: "192.0.2.1").status)
        }
        #expect(statuses.first == 401)
        #expect(statuses.last == 429)
        let elsewhere = try await signIn(client, Client.ownerToken.text, from: "192.0.2.1")
        #expect(elsewhere.status == 303, "a key that is right is heard meanwhile")
    }

    @Test("both languages have every text, and no text is two words'")
    func texts() {
        let english = Set(Word.allCases.map { $0.text(in: .english) })
        #expect(english.count == Word.allCases.count && !english.contains(""))
        let untranslated = Word.allCases.filter { word in
            !word.text(in: .chinese).unicodeScalars.contains { $0.value > 0x2E80 }
        }
        #expect(untranslated == [])
        for kind in AlertKind.allCases {
            for text in [kind.title(in: .chinese), kind.hint(in: .chinese)] {
                #expect(text.unicodeScalars.contains { $0.value > 0x2E80 }, "\(kind)")
            }
        }
        let names = NamedValue.allCases
        #expect(names.allSatisfy { !$0.text(in: .english).isEmpty })
        let bare = names.filter { name in
            !name.text(in: .chinese).unicodeScalars.contains { $0.value > 0x2E80 }
        }
        #expect(bare == [])
        #expect(Language.chinese.label(of: "paused") == "已暂停")
        #expect(Language.english.label(of: "no-such-name") == nil)
        #expect(Language.allCases.map(\.rawValue) == ["en", "zh"])
    }

    @Test("no reason misses a text in either language, and none is another one's")
    func reasons() {
        func isChinese(_ text: String) -> Bool {
            text.unicodeScalars.contains { $0.value > 0x2E80 }
        }
        for reason in Reason.allCases {
            #expect(reason.text(in: .english) == reason.text)
            #expect(isChinese(reason.text(in: .chinese)), "\(reason.name)")
            #expect(isChinese(reason.remedy(in: .chinese)), "\(reason.name)")
            #expect(reason.label(in: .english) == reason.name)
            // What is to be set is the same in both.
            for word in reason.remedy.split(whereSeparator: { " ,;".contains($0) })
            where word.contains(".") && word.dropLast().contains(".") && !word.contains("3.1") {
                let name = word.last == "." ? word.dropLast() : word
                #expect(reason.remedy(in: .chinese).contains(name), "\(reason.name): \(name)")
            }
        }
        let texts = Dictionary(grouping: Reason.allCases) { $0.text(in: .chinese) }
        #expect(texts.values.filter { $0.count > 1 } == [])
    }

    @Test("what a field of a form must be is said in Chinese, for each that an operation takes")
    func fieldRules() throws {
        var sentences: Set<String> = []
        for route in Routes.all {
            guard case .object(let members, _)? = route.operation.body?.json?.bare else { continue }
            for member in members {
                // One of them is wrong, whatever is meant.
                for value in [JSON.text(String(repeating: "\u{1}", count: 70_000)), true] {
                    guard let detail = Self.fault(of: value, in: member.schema) else { continue }
                    guard member.schema.members.isEmpty, detail != "must be a text" else {
                        continue
                    }
                    let place = "\(route.operation.id) \(member.name): \(detail)"
                    let sentence = try #require(
                        member.schema.sentence(for: detail, in: .chinese), "\(place)")
                    #expect(sentence.hasPrefix("应为"), "\(place)")
                    #expect(member.schema.sentence(for: detail, in: .english) == detail)
                    sentences.insert(sentence)
                }
            }
        }
        #expect(sentences.contains("应为 0 至 100 的整数"))
        #expect(sentences.contains("应为 形如 ann@example.org 的电子邮箱地址"))
        #expect(sentences.count > 20)
    }

    /// The API's own words for what is wrong with a value.
    private static func fault(of value: JSON, in schema: Schema) -> String? {
        do throws(Problem) {
            try schema.check(value)
            return nil
        } catch {
            return error.errors.first { $0.pointer == "" }?.detail
        }
    }

    @Test(
        "why a form, a list or a page was refused is said in the reader's language",
        arguments: [
            ("en", "acme", "Buy codes, or assign fewer.", "must be"),
            (
                "zh", "账号中该套餐的未分配激活码不足", "请购买激活码，或减少分配数量。",
                "应为"
            ),
        ])
    func refusals(language: String, sentence: String, remedy: String, fault: String) async throws {
        let client = try Client()
        try await client.furnish()
        let (_, cookie) = try await signIn(client, Client.ownerToken.text)
        let headers = [
            "Cookie": cookie, "Accept-Language": language, "Origin": "http://test",
        ]
        let path = "/console/accounts/acme/codes"
        let page = try await client.send(.get, path, token: nil, headers: headers)
        let start = try #require(page.text.range(of: "name=\"_token\" value=\""))
        let token = page.text[start.upperBound...].prefix(64)
        func assign(_ quantity: String) async throws -> Client.Answer {
            let form =
                "_token=\(token)&_operation=assignCodes&_form=assignCodes:acme:lamp&p.account=acme"
            return try await client.send(
                .post, "\(path)?assign=lamp",
                Array("\(form)&product=lamp&quantity=\(quantity)".utf8),
                type: "application/x-www-form-urlencoded", token: nil, headers: headers)
        }
        let many = try await assign("900")
        #expect(many.status == 409)
        #expect(many.text.contains(sentence) && many.text.contains(remedy))
        let wrong = try await assign("x")
        #expect(wrong.status == 422)
        #expect(wrong.text.contains(fault))
        let nowhere = try await client.send(
            .get, "/console/products/none", token: nil, headers: headers)
        let (text, remedyOfNone) =
            language == "zh"
            ? ("没有该产品", "请查看密钥可访问的产品列表。")
            : ("there is no product none", "List the products that the key reaches.")
        #expect(nowhere.status == 404)
        #expect(nowhere.text.contains(text) && nowhere.text.contains(remedyOfNone))
    }

    @Test(
        "the language is the browser's, unless the switch was turned",
        arguments: [
            ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh"), ("de,en;q=0.8", "", "en"), ("fr", "", "en"),
            ("en-GB", "tollgate-language=zh", "zh"), ("zh", "tollgate-language=xx", "zh"),
        ])
    func languages(accept: String, cookie: String, language: String) async throws {
        let client = try Client()
        let page = try await client.send(
            .get, "/console/sign-in", token: nil,
            headers: ["Accept-Language": accept, "Cookie": cookie])
        #expect(page.text.contains("<html lang=\"\(language)\">"))
    }

    @Test("what is put into a page is text: nothing of it is markup")
    func escaping() {
        let text = "<b a='1' c=\"2\">&\u{202E}\u{0}"
        let html: HTML = "<p title=\"\(text)\">\(text)</p>"
        let escaped = "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;\\u{202e}\\u{0}"
        #expect(
            String(decoding: html.bytes, as: UTF8.self) == "<p title=\"\(escaped)\">\(escaped)</p>")
    }

    @Test("a report has links to the months beside it, as far as there are any, and is had as CSV")
    func months() async throws {
        let client = try Client()
        client.controlPlane.set { $0.now = Timestamp("2026-10-15T00:00:00Z")! }
        try await client.furnish()
        client.controlPlane.set { $0.now = Timestamp("2026-12-05T00:00:00Z")! }
        let (_, cookie) = try await signIn(client, Client.ownerToken.text)
        let path = "/console/accounts/acme/report"
        for (query, before, after) in [
            ("?month=2026-10", nil, "2026-11"), ("?month=2026-11", "2026-10", "2026-12"),
            ("", "2026-11", nil),
        ] {
            let page = try await look(client, path + query, cookie)
            #expect(page.status == 200)
            for (rel, month) in [("prev", before), ("next", after)] {
                let link = month.map { "<a rel=\"\(rel)\" href=\"\(path)?month=\($0)\">" }
                #expect(page.text.contains(link ?? "rel=\"\(rel)\"") == (link != nil), "\(query)")
            }
        }
        #expect(try await look(client, "\(path)?month=2026-09", cookie).status == 404)
        let csv = try await look(client, "\(path).csv?month=2026-10", cookie)
        #expect(csv.text.contains("\r\n2026-10,acme,,total,10,"))
        #expect(
            csv.headers[HTTPField.Name("Content-Disposition")!]
                == "attachment; filename=\"report-acme-2026-10.csv\"")
    }

    @Test("files have their digest in their names, and are kept for good")
    func assets() async throws {
        let client = try Client()
        for asset in [ConsoleAssets.style, ConsoleAssets.script, ConsoleAssets.icon] {
            let answer = try await client.send(.get, asset.path, token: nil)
            #expect(answer.bytes == asset.bytes)
            #expect(
                answer.headers[.cacheControl] == "public, max-age=31536000, immutable")
        }
        #expect(try await client.send(.get, "/console/assets/other", token: nil).status == 404)
    }

    @Test("a sign-in leads to a page of the console and nowhere else")
    func places() {
        for place in ["https://evil.example", "//evil.example", "/consolex", "/console/../v1", ""] {
            #expect(ConsoleLink.local(place) == "/console")
        }
        #expect(ConsoleLink.local("/console/keys?a=%20") == "/console/keys?a=%20")
        #expect(ConsoleLink(["a/b", "ü"], [("c", "d&e")]).text == "/console/a%2Fb/%C3%BC?c=d%26e")
    }

    @Test("a form with a file is read as browsers send it, and a broken one is refused")
    func multipart() async throws {
        let client = try Client()
        try await client.furnish()
        let (_, cookie) = try await signIn(client, Client.ownerToken.text)
        let page = try await look(client, "/console/products/lamp/import", cookie)
        let range = try #require(page.text.firstRange(of: "name=\"_token\" value=\""))
        let token = page.text[range.upperBound...].prefix { $0 != "\"" }
        func send(_ body: String) async throws -> Client.Answer {
            try await client.send(
                .post, "/console/products/lamp/import", Array(body.utf8),
                type: "multipart/form-data; boundary=xx", token: nil,
                headers: ["Cookie": cookie, "Origin": "http://test"])
        }
        func part(_ name: String, _ value: String) -> String {
            "--xx\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n"
        }
        let head =
            part("_token", String(token)) + part("_operation", "importDevices")
            + part("_form", "importDevices:lamp") + part("p.pk", "lamp")
        let file =
            "--xx\r\nContent-Disposition: form-data; name=\"_file\"; filename=\"a.csv\"\r\n"
            + "Content-Type: text/csv\r\n\r\n"
        let made = try await send(head + file + "dk,secret,name\nn-1,,One\n\r\n--xx--\r\n")
        #expect(made.status == 200)
        #expect(made.text.hasPrefix("dk,secret,name"))
        let wrong = try await send(head + file + "dk,secret,name\nn 1,,One\n\r\n--xx--\r\n")
        #expect(wrong.status == 422)
        #expect(wrong.text.contains("line 2"))
        #expect(try await send("--xx").status == 400)
        #expect(try await send("").status == 400)
    }

    @Test("every page of the navigation has an operation that shows it")
    func operations() {
        for place in ConsolePlace.allCases {
            #expect(Console.route(place.operation).method == .get)
        }
    }

    @Test("there is no console where it is switched off")
    func off() async throws {
        let client = try Client { $0.admin.console = false }
        #expect(try await client.send(.get, "/console/sign-in", token: nil).status == 404)
    }
}
