import Gateway
import Hummingbird
import Ledger

/// A page before it is framed.
struct ConsolePage {
    var title: String
    let place: ConsolePlace

    /// Whose pages the navigation has.
    var account: String?

    /// Above the title: where the page is.
    var crumbs: [(text: String, link: ConsoleLink)] = []

    /// Pages beside it, about the same thing.
    var tabs: [(text: Word, link: ConsoleLink, isHere: Bool)] = []
    var body = HTML()
}

/// Where in the navigation a page is.
enum ConsolePlace: CaseIterable {
    case overview, products, codes, nearExpiry, assignments, purchases, topUps, authorities,
        contacts, alerts, report
    case accounts, packages, events, keys, webhooks, connections, health, backups, settings

    var title: Word {
        switch self {
        case .overview: .overview
        case .products: .products
        case .codes: .codeManagement
        case .nearExpiry: .nearExpiry
        case .assignments: .assignmentHistory
        case .purchases: .purchases
        case .topUps: .topUps
        case .authorities: .authorities
        case .contacts: .contacts
        case .alerts: .alerts
        case .report: .report
        case .accounts: .accounts
        case .packages: .packages
        case .events: .events
        case .keys: .keys
        case .webhooks: .webhooks
        case .connections: .connections
        case .health: .health
        case .backups: .backups
        case .settings: .settings
        }
    }

    /// Whose place is shown in the navigation: who may do this.
    var operation: String {
        switch self {
        case .overview, .codes: "showAccount"
        case .products: "listProducts"
        case .nearExpiry: "listNearExpiry"
        case .assignments: "listAssignments"
        case .purchases: "listPurchases"
        case .topUps: "listTopUps"
        case .authorities: "listAuthorities"
        case .contacts: "listContacts"
        case .alerts: "listAlerts"
        case .report: "showAccountReport"
        case .accounts: "listAccounts"
        case .packages: "listPackages"
        case .events: "listEvents"
        case .keys: "listKeys"
        case .webhooks: "listWebhooks"
        case .connections: "listConnections"
        case .health, .settings: "showClock"
        case .backups: "listBackups"
        }
    }

    /// Pages of one account.
    static let ofAccount: [ConsolePlace] = [
        .overview, .products, .codes, .nearExpiry, .assignments, .purchases, .topUps,
        .authorities, .contacts, .alerts, .report,
    ]
    static let ofAll: [ConsolePlace] = [.accounts, .packages, .events, .keys, .webhooks]
    static let ofGateway: [ConsolePlace] = [.connections, .health, .backups, .settings]

    func link(of account: String?) -> ConsoleLink {
        let below: [String] = account.map { ["accounts", $0] } ?? []
        let asked: ConsoleRequest.Fields = account.map { [("account", $0)] } ?? []
        return switch self {
        case .overview: ConsoleLink(below)
        case .products: ConsoleLink(["products"], asked)
        case .codes: ConsoleLink(below + ["codes"])
        case .nearExpiry: ConsoleLink(["near-expiry"], asked)
        case .assignments: ConsoleLink(below + ["assignments"])
        case .purchases: ConsoleLink(below + ["purchases"])
        case .topUps: ConsoleLink(below + ["top-ups"])
        case .authorities: ConsoleLink(below + ["authorities"])
        case .contacts: ConsoleLink(below + ["contacts"])
        case .alerts: ConsoleLink(below + ["alerts"])
        case .report: ConsoleLink(below + ["report"])
        case .accounts: ConsoleLink(["accounts"])
        case .packages: ConsoleLink(["packages"])
        case .events: ConsoleLink(["events"])
        case .keys: ConsoleLink(["keys"])
        case .webhooks: ConsoleLink(["webhooks"])
        case .connections: ConsoleLink(["connections"])
        case .health: ConsoleLink(["health"])
        case .backups: ConsoleLink(["backups"])
        case .settings: ConsoleLink(["settings"])
        }
    }
}

/// What is around every page.
enum ConsoleFrame {
    /// What a page of the console loads: its assets, by their digests.
    private static var assets: HTML {
        """
        <link rel="icon" type="image/svg+xml" href="\(ConsoleAssets.icon.path)">
        <link rel="stylesheet" href="\(ConsoleAssets.style.path)">
        <script type="module" src="\(ConsoleAssets.script.path)"></script>
        """
    }

    /// - Parameter head: what stands in it besides: the assets, or the style itself in a page that loads nothing.
    static func document(
        _ language: Language, title: String, head: HTML = assets, _ body: HTML
    ) -> HTML {
        """
        <!DOCTYPE html>
        <html lang="\(language.rawValue)">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>\(title) · Tollgate</title>
        \(head)
        </head>
        <body>
        \(body)
        </body>
        </html>

        """
    }

    private static let brand: HTML = """
        <a class="brand" href="/console"><svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d="M2 18V4h3v14zM15 18V4h3v14zM5 7h10v3H5z"/></svg>Tollgate</a>
        """

    private static func switches(_ language: Language, back: String) -> HTML {
        HTML(
            Language.allCases.map { other in
                let mark: HTML = other == language ? " aria-current=\"true\"" : ""
                let link = ConsoleLink(["language", other.rawValue], [("back", back)]).text
                return "<a href=\"\(link)\" lang=\"\(other.rawValue)\"\(mark)>\(other.name)</a>"
            })
    }

    static func signIn(_ language: Language, next: String?, token: String, problem: Problem?)
        -> HTML
    {
        func t(_ word: Word) -> String { word.text(in: language) }
        let alert: HTML =
            problem.map { problem in
                let text =
                    problem.status == .unauthorized
                    ? t(.wrongKey) : problem.sentence(in: language)
                return "<div class=\"alert\" role=\"alert\"><p>\(text)</p></div>"
            } ?? HTML()
        return document(
            language, title: t(.signIn),
            """
            <header class="bar">\(brand)<nav class="languages" aria-label="\(t(.languageName))">\(switches(language, back: "/console/sign-in"))</nav></header>
            <main class="gate" id="main">
            <h1>\(t(.signIn))</h1>
            <p class="soft">\(t(.signInHint))</p>
            <form method="post" action="/console/sign-in" class="form">
            <input type="hidden" name="_token" value="\(token)">
            <input type="hidden" name="next" value="\(ConsoleLink.local(next))">
            \(alert)
            <div class="field"><label for="token">\(t(.keyOrToken))</label>
            <input id="token" name="token" type="password" autocomplete="current-password" required maxlength="1024" autofocus></div>
            <button class="primary">\(t(.signIn))</button>
            </form>
            </main>
            """)
    }

    static func problem(_ language: Language, _ problem: Problem) -> HTML {
        let title =
            switch language {
            case .english: problem.status.reasonPhrase
            case .chinese: problem.sentence(in: language)
            }
        return document(
            language, title: String(problem.status.code),
            """
            <header class="bar">\(brand)</header>
            <main class="gate" id="main"><h1>\(title)</h1>
            \(alert(problem, language, isTitled: language == .chinese))
            <p><a href="/console">\(Word.overview.text(in: language))</a></p></main>
            """)
    }

    static func framed(_ page: ConsolePage, _ request: ConsoleRequest) -> HTML {
        func t(_ word: Word) -> String { request.t(word) }
        let asked = request.request.uri.query.map { "?\($0)" } ?? ""
        let here = request.request.uri.path + asked
        let account = request.principal.account?.text ?? page.account
        var crumbs = HTML()
        for crumb in page.crumbs {
            crumbs +=
                "<a href=\"\(crumb.link.text)\">\(crumb.text)</a><span aria-hidden=\"true\">/</span>"
        }
        var tabs = HTML()
        for tab in page.tabs {
            let mark: HTML = tab.isHere ? " aria-current=\"page\"" : ""
            tabs += "<a href=\"\(tab.link.text)\"\(mark)>\(t(tab.text))</a>"
        }
        return document(
            request.language, title: page.title,
            """
            <a class="skip" href="#main">\(t(.skip))</a>
            <header class="bar">\(brand)
            <nav class="languages" aria-label="\(t(.languageName))">\(switches(request.language, back: here))</nav>
            <span class="who">\(request.principal.actor) · \(request.label(request.principal.role.name))</span>
            <form method="post" action="/console/sign-out"><input type="hidden" name="_token" value="\(request.session.formToken)"><button class="quiet">\(t(.signOut))</button></form>
            </header>
            <div class="frame">
            <nav class="menu" aria-label="\(t(.menu))">\(menu(page, account, request))</nav>
            <main id="main">
            \(crumbs.isEmpty ? HTML() : "<nav class=\"crumbs\" aria-label=\"\(t(.breadcrumbs))\">\(crumbs)</nav>")
            <h1>\(page.title)</h1>
            \(tabs.isEmpty ? HTML() : "<nav class=\"tabs\" aria-label=\"\(page.title)\">\(tabs)</nav>")
            \(notice(request))
            \(request.refusalWithoutForm(on: page))
            \(page.body)
            <footer class="soft">\(t(.timesAreUTC))</footer>
            </main>
            </div>
            """)
    }

    private static func notice(_ request: ConsoleRequest) -> HTML {
        guard let notice = request.notice else { return HTML() }
        var lines = HTML()
        for secret in notice.secrets {
            lines += "<div><dt>\(secret.name)</dt><dd><code>\(secret.value)</code></dd></div>"
        }
        let once: HTML =
            notice.secrets.contains { $0.name == "secret" }
            ? "<p>\(request.t(.shownOnce))</p>" : ""
        return """
            <div class="notice" role="status"><p>\(request.t(notice.text))</p>\(once)\(lines.isEmpty ? HTML() : "<dl class=\"facts\">\(lines)</dl>")</div>
            """
    }

    private static func menu(_ page: ConsolePage, _ account: String?, _ request: ConsoleRequest)
        -> HTML
    {
        var html = HTML()
        if let account {
            html += group(account, ConsolePlace.ofAccount, account, page, request)
        } else {
            html += group(
                request.t(.everything), [.products, .nearExpiry], nil, page, request)
        }
        html += group(request.t(.general), ConsolePlace.ofAll, nil, page, request)
        return html + group(request.t(.gateway), ConsolePlace.ofGateway, nil, page, request)
    }

    private static func group(
        _ title: String, _ places: [ConsolePlace], _ account: String?, _ page: ConsolePage,
        _ request: ConsoleRequest
    ) -> HTML {
        let shown = places.filter { request.may($0.operation) }
        guard !shown.isEmpty else { return HTML() }
        var html: HTML = "<p>\(title)</p><ul>"
        for place in shown {
            let mark: HTML = place == page.place ? " aria-current=\"page\"" : ""
            html +=
                "<li><a href=\"\(place.link(of: account).text)\"\(mark)>\(request.t(place.title))</a></li>"
        }
        return html + "</ul>"
    }
}

extension ConsoleRequest {
    /// Which page a path names.
    func view() async throws -> Response {
        if segments.first == "csv" { return try await csv() }
        if segments.first == "live" { return try await live() }
        guard !segments.isEmpty else { return console.redirect(to: home.text) }
        if segments.count == 3, segments[0] == "accounts", segments[2] == "report.csv" {
            return try await reportCSV(of: segments[1])
        }
        var shown = self
        shown.notice = console.sessions.takeNotice(of: sessionID)
        guard let page = try await page() else { throw Problem.notFound("no such page") }
        return Response(
            .ok, "text/html; charset=utf-8", ConsoleFrame.framed(page, shown).bytes)
    }

    private var home: ConsoleLink {
        if let account = principal.account { return ConsoleLink(["accounts", account.text]) }
        return ConsoleLink(may("listAccounts") ? ["accounts"] : ["products"])
    }

    private func page() async throws -> ConsolePage? {
        let rest = Array(segments.dropFirst(2))
        switch segments[0] {
        case "accounts":
            guard segments.count > 1 else { return try await accountsPage() }
            return try await accountPage(segments[1], rest)
        case "products":
            guard segments.count > 1 else { return try await productsPage() }
            if rest.first == "devices", rest.count > 1 {
                return try await devicePage(segments[1], rest[1], Array(rest.dropFirst(2)))
            }
            return try await productPage(segments[1], rest)
        default: break
        }
        guard segments.count == 1 else { return nil }
        switch segments[0] {
        case "near-expiry": return try await nearExpiryPage()
        case "packages": return try await packagesPage()
        case "events": return try await eventsPage()
        case "keys": return try await keysPage()
        case "webhooks": return try await webhooksPage()
        case "connections": return try await connectionsPage()
        case "health": return try await healthPage()
        case "backups": return try await backupsPage()
        case "settings": return try await settingsPage()
        default: return nil
        }
    }
}
