import Admin
import FoundationEssentials
import Gateway
import Linux

/// A product, a device and an application key to try the gateway with, and the two lines that do it.
///
/// Everything is made by operations of the API, in process, each with an idempotency key of its own: at every later
/// start the same requests make nothing and are answered with the same secrets.
struct Demonstration {
    let configuration: GatewayConfiguration
    let gateway: Gateway

    private static let account = "demo"
    private static let product = "demo"
    private static let device = "lamp-1"

    /// Makes what is missing, and prints. A gateway with accounts of its own is left alone.
    func present(by server: AdminServer) async {
        do throws(Failure) {
            let accounts = try await ask(server, "accounts", nil)["items"]?.array ?? []
            let isOurs = accounts.contains { $0["id"]?.text == Self.account }
            guard accounts.isEmpty || isOurs else {
                return try Output.say("The books are in use: no demonstration was made.")
            }
            let (secret, key) = try await furnish(server)
            try show(secret: secret, key: key)
        } catch {
            Output.complain("no demonstration: \(error.text)")
        }
    }

    private func furnish(
        _ server: AdminServer
    ) async throws(Failure) -> (secret: String, key: JSON) {
        let account = Self.account
        let product = JSON.text(Self.product)
        _ = try await ask(
            server, "accounts",
            ["id": .text(account), "name": "Demonstration", "kind": "enterprise"])
        _ = try await ask(
            server, "packages",
            ["id": "demo", "name": "Demonstration", "validityDays": 365, "messagesPerDay": 1_500])
        _ = try await ask(
            server, "products",
            ["pk": product, "name": "Demonstration lamp", "account": .text(account)])
        _ = try await ask(
            server, "accounts/\(account)/purchases",
            ["package": "demo", "quantity": 100, "product": product])
        let devices = try await ask(
            server, "products/\(Self.product)/devices", ["devices": [["dk": .text(Self.device)]]])
        let key = try await ask(
            server, "keys",
            [
                "name": "Demonstration", "role": "application", "account": .text(account),
                "products": [product],
            ])
        guard let secret = devices["devices"]?.array?.first?["secret"]?.text else {
            throw Failure(text: "the device's secret is not in the answer")
        }
        return (secret, key)
    }

    /// Posts a body, or reads the path when there is none.
    private func ask(
        _ server: AdminServer,
        _ path: String,
        _ body: JSON?
    ) async throws(Failure) -> JSON {
        do throws(RefusedRequest) {
            return try await server.carryOut(
                path, body, idempotencyKey: "demonstration-\(path)")
        } catch {
            throw Failure(text: error.description)
        }
    }

    /// Where mosquitto's clients can connect, over TLS if possible.
    private var listener: GatewayConfiguration.Listener? {
        let listeners = configuration.listeners.filter { $0.protocol == .mqtt }
        return listeners.first(where: \.tls) ?? listeners.first
    }

    private func show(secret: String, key: JSON) throws(Failure) {
        guard let name = key["userName"]?.text, let password = key["secret"]?.text,
            let listener,
            let address = gateway.addresses[listener.name]
        else { return }
        let authority =
            URL(filePath: configuration.tls.certificate).deletingLastPathComponent()
            .relativePath + "/ca.pem"
        let server =
            "-h localhost -p \(address.port)" + (listener.tls ? " --cafile \(authority)" : "")
        let (product, device) = (Self.product, Self.device)
        try Output.say(
            """

            Tollgate is running. Paste these in two other terminals, the first one first:

              mosquitto_sub \(server) -V 5 -u \(name) -P \(password) -t 'd/\(product)/+/up/#' -v

              mosquitto_pub \(server) -V 5 -u '\(device)&\(product)' -P \(secret) \
            -q 1 -t d/\(product)/\(device)/up/hello -m 'Hello!'

            The device's first connection consumes one of the product's activation codes:

              .build/release/tollgate product list --data \(configuration.data)

            """
        )
    }
}
