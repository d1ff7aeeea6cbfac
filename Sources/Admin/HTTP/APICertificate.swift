public import Gateway
import Synchronization
public import TLS

/// What the API's port answers TLS with, where the configuration says so.
public final class APICertificate: Sendable {
    private let serving: TLSServerConfiguration
    private let tickets: TicketKeys
    private let context: Mutex<TLSContext>

    /// `nil` for a port that speaks plain HTTP. Reads the files.
    public init?(_ admin: GatewayConfiguration.Admin) throws(TLSError) {
        guard let certificate = admin.tls.certificate, let key = admin.tls.key else { return nil }
        serving = TLSServerConfiguration(
            certificateChainFile: certificate, privateKeyFile: key,
            applicationProtocols: ["http/1.1"])
        tickets = try TicketKeys()
        context = Mutex(try TLSContext(serving: serving, tickets: tickets))
    }

    /// Reads the files again: connections that come from now on get what they have.
    public func reload() throws(TLSError) {
        let read = try TLSContext(serving: serving, tickets: tickets)
        context.withLock { $0 = read }
    }

    var current: TLSContext { context.withLock { $0 } }
}
