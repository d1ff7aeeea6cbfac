public import Gateway
import Synchronization
public import TLS

/// What the API's port answers TLS with, where the configuration says so.
public final class APICertificate: Sendable {
    private let serving: TLSServerConfiguration
    private let tickets: TicketKeys
    private let context: Mutex<TLSContext>

    /// `nil` for a port that speaks plain HTTP. Reads the files.
    public convenience init?(_ admin: GatewayConfiguration.Admin) throws(TLSError) {
        guard let certificate = admin.tls.certificate, let key = admin.tls.key else { return nil }
        try self.init(
            TLSServerConfiguration(
                certificateChainFile: certificate, privateKeyFile: key,
                applicationProtocols: Self.protocols))
    }

    /// What the API answers with where a listener shares its port: the listeners' certificate, as clients know the port
    /// by that name. `nil` when none does. Reads the files.
    public convenience init?(sharedBy configuration: GatewayConfiguration) throws(TLSError) {
        guard configuration.listeners.contains(where: \.shareWithAPI) else { return nil }
        try self.init(
            TLSServerConfiguration(configuration.tls, applicationProtocols: Self.protocols))
    }

    /// Its tickets are of its own keys: no session of a listener is resumed here, and none of these there.
    private init(_ serving: TLSServerConfiguration) throws(TLSError) {
        self.serving = serving
        tickets = try TicketKeys()
        context = Mutex(try TLSContext(serving: serving, tickets: tickets))
    }

    private static let protocols = ["http/1.1"]

    /// Reads the files again: connections that come from now on get what they have.
    public func reload() throws(TLSError) {
        let read = try TLSContext(serving: serving, tickets: tickets)
        context.withLock { $0 = read }
    }

    var current: TLSContext { context.withLock { $0 } }
}
