import Gateway
import HTTPTypes
import Hummingbird
import Ledger

/// The API's resources below `/v1`, registered on a router.
struct Routes {
    let group: RouterGroup<AdminContext>
    let controlPlane: any ControlPlane
    let configuration: GatewayConfiguration
    let ownerToken: OwnerToken

    func on(
        _ method: HTTPRequest.Method,
        _ path: RouterPath,
        _ answer: @escaping @Sendable (Call) async throws -> Response
    ) {
        let (controlPlane, configuration, ownerToken) = (controlPlane, configuration, ownerToken)
        group.on(path, method: method) { request, context in
            guard let principal = context.principal else { throw Problem.unauthorized }
            return try await answer(
                Call(
                    request: request,
                    parameters: context.parameters,
                    principal: principal,
                    controlPlane: controlPlane,
                    configuration: configuration,
                    ownerToken: ownerToken
                )
            )
        }
    }

    func registerAll() {
        registerAccounts()
        registerCodes()
        registerPackages()
        registerProducts()
        registerDevices()
        registerDeviceActions()
        registerKeys()
        registerEvents()
        registerCheck()
    }
}
