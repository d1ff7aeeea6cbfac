public import Ledger

/// Everything that can be set about a gateway: a plain value whose defaults can be used as they are.
///
/// The names of the properties are the keys of `config/tollgate.yaml`. `validate()` says whether the
/// values make sense together; call it before a gateway is started.
public struct GatewayConfiguration: Equatable, Sendable {
    /// Threads that serve devices. Unit: threads. Range: 0 to 64; 0 is one per core. Default: 0.
    public var shards = 0

    /// The directory of the stores; created with mode 0700 when it does not exist.
    /// Default: `./data`.
    public var data = "./data"

    /// The directory of the owner's token, the ticket key, and the keys that device secrets are
    /// sealed with; created with mode 0700 when it does not exist. It must not be in `data`.
    /// Default: the path of `data` and `.secrets`.
    public var secrets: String?

    /// The data centre that the gateway is in: where its devices connect, and the home of what is
    /// created here (rule B13). 1 to 32 of `[A-Za-z0-9_.-]`. Default: `main`.
    public var dataCentre = "main"

    public var storage = Storage()
    public var tls = TLS()

    /// Where clients connect; at least one. Default: TLS on 8883 on all addresses, and plain on 1883
    /// on loopback only.
    public var listeners = [
        Listener(name: "devices", address: "0.0.0.0", port: 8883, tls: true),
        Listener(name: "local", address: "127.0.0.1", port: 1883, tls: false),
    ]

    public var limits = Limits()
    public var metering = Metering()
    public var activation = Activation()
    public var admin = Admin()
    public var monitoring = Monitoring()
    public var backup = Backup()
    public var cluster = Cluster()
    public var uplink = Uplink()
    public var messageLog = MessageLog()
    public var firmware = Firmware()
    public var webhooks = Webhooks()
    public var smtp = SMTP()
    public var alerts = Alerts()
    public var log = Log()

    /// No setting: a test has less.
    package var ledgerPatience = LedgerPatience()

    /// `dataCentre` as the books name it. Of a valid configuration.
    public var home: DataCentreID {
        guard let home = DataCentreID(dataCentre) else {
            preconditionFailure("a configuration that was not validated")
        }
        return home
    }

    public init() {}

    /// Where the secrets directory is, said or not.
    public var secretsPath: String { secrets ?? "\(trimmedData).secrets" }

    /// Where devices' messages are stored, said or not.
    public var messageLogPath: String { messageLog.directory ?? "\(trimmedData)/messages" }

    /// Where firmware images are kept.
    public var firmwareFiles: FirmwareFiles { FirmwareFiles(in: trimmedData) }

    /// Whether images are taken, and devices upgraded to them.
    public var offersFirmware: Bool { firmware.url != nil }

    private var trimmedData: String {
        var path = data
        while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }
}
