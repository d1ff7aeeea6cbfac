import Gateway
import HTTPTypes
import Hummingbird
import Ledger

/// All that the HTTP side does: the API's resources below `/v1`, and what watches the gateway.
struct Routes {
    private(set) var all: [Route] = []

    /// Declared once: a second call costs nothing.
    static let all: [Route] = {
        var routes = Routes()
        routes.registerAccounts()
        routes.registerContacts()
        routes.registerReports()
        routes.registerCodes()
        routes.registerPackages()
        routes.registerProducts()
        routes.registerUsage()
        routes.registerOnline()
        routes.registerProductSecrets()
        routes.registerProductUplinks()
        routes.registerDialects()
        routes.registerLimits()
        routes.registerTokenKeys()
        routes.registerState()
        routes.registerDevices()
        routes.registerDeviceActions()
        routes.registerBulk()
        routes.registerConnections()
        routes.registerTrace()
        routes.registerPresence()
        routes.registerImports()
        routes.registerMessages()
        routes.registerStoredMessages()
        routes.registerTopUps()
        routes.registerUpgrades()
        routes.registerFirmware()
        routes.registerCampaigns()
        routes.registerMetadata()
        routes.registerKeys()
        routes.registerAuthorities()
        routes.registerAuthorityRules()
        routes.registerPins()
        routes.registerRevocations()
        routes.registerEvents()
        routes.registerWebhooks()
        routes.registerDeliveries()
        routes.registerAlertRules()
        routes.registerAlerts()
        routes.registerCheck()
        routes.registerCorrections()
        routes.registerClock()
        routes.registerSettings()
        routes.registerBackups()
        routes.registerCluster()
        routes.registerHealth()
        routes.registerDocument()
        return routes.all
    }()

    /// What programs that watch the gateway ask for.
    static let health: [Route] = {
        var routes = Routes()
        routes.registerHealth()
        return routes.all
    }()

    /// Declares a route (see `Operation`). A path without a leading `/` begins below `/v1/`. Traps
    /// when the operation's id is taken.
    mutating func on(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ id: String,
        _ summary: String,
        access: Access? = nil,
        query: [Parameter] = [],
        headers: [Parameter] = [],
        body: Body? = nil,
        answers: Answer...,
        problems: [Reason] = [],
        isRemembered: Bool = true,
        _ answer: @escaping @Sendable (Call) async throws -> Response
    ) {
        precondition(!all.contains { $0.operation.id == id }, "\(id) is taken")
        let paging = answers.contains { $0.isPaged } ? [Parameter.limit, .cursor] : []
        let operation = Operation(
            id: id, summary: summary, access: access, query: query + paging, headers: headers,
            body: body, answers: answers, problems: problems, isRemembered: isRemembered)
        let path = path.first == "/" ? path : "/v1/\(path)"
        all.append(Route(method: method, path: path, operation: operation, answer: answer))
    }
}
