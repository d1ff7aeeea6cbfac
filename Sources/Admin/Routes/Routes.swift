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
        routes.registerAll()
        return routes.all
    }()

    /// Declares a route (see `Operation`). A path without a leading `/` begins below `/v1/`. Traps
    /// when the operation's id is taken.
    mutating func on(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ operation: Operation,
        _ answer: @escaping @Sendable (Call) async throws -> Response
    ) {
        precondition(!all.contains { $0.operation.id == operation.id }, "\(operation.id) is taken")
        let path = path.first == "/" ? path : "/v1/\(path)"
        all.append(Route(method: method, path: path, operation: operation, answer: answer))
    }

    private mutating func registerAll() {
        registerAccounts()
        registerContacts()
        registerCodes()
        registerPackages()
        registerProducts()
        registerProductUsage()
        registerProductSecrets()
        registerDevices()
        registerDeviceActions()
        registerTrace()
        registerImports()
        registerMessages()
        registerTopUps()
        registerUpgrades()
        registerKeys()
        registerEvents()
        registerCheck()
        registerCorrections()
        registerClock()
        registerBackups()
        registerHealth()
        registerDocument()
    }
}
