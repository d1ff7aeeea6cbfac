/// How the servers are asked for what they do: each answers with its version and JetStream's configuration.
///
/// A service of the system account that the gateway's account has to import:
///
/// ```
/// accounts {
///     TOLLGATE: {
///         jetstream: enabled
///         imports: [ { service: { account: "$SYS", subject: "$SYS.REQ.SERVER.PING.JSZ" } } ]
///     }
///     "$SYS": { exports: [ { service: "$SYS.REQ.SERVER.PING.JSZ", response: stream } ] }
/// }
/// ```
public enum StandingService {
    public static let subject = "$SYS.REQ.SERVER.PING.JSZ"
}
