import Admin
import ArgumentParser
import FoundationEssentials
import Gateway
import Linux

/// The options of every verb that asks a gateway: the API's address, the token, and the form of the answer.
struct APIOptions: ParsableArguments {
    @Option(
        help: """
            The gateway's API. Default: TOLLGATE_API, else what the gateway of the data directory has written \
            there, else http://127.0.0.1:8080.
            """
    )
    var api: String?

    @Option(
        name: .customLong("ca-file"),
        help: """
            PEM file of the authorities that an https API's certificate must come from. Default: TOLLGATE_CA, or \
            those that the system trusts.
            """
    )
    var authorityFile: String?

    @Option(
        name: .customLong("token-file"),
        help:
            "A file with the token. Default: TOLLGATE_TOKEN, else admin.token of the data directory."
    )
    var tokenFile: String?

    @Option(help: "For a change: sent again with the same key, it is not made twice.")
    var idempotencyKey: String?

    @Flag(help: "JSON for programs instead of tables for people.")
    var json = false

    /// The gateway of this data directory, unless another one is named.
    func client(data: String? = nil, form: OutputForm? = nil, isWide: Bool = false) -> APIClient {
        APIClient(
            api: api, authorityFile: authorityFile, tokenFile: tokenFile,
            data: data ?? APIClient.usualData, idempotencyKey: idempotencyKey,
            form: form ?? (json ? .json : .table), isWide: isWide)
    }

    /// For the gateway that has this data directory open: its token is there, unless another one is named, or a
    /// gateway on another machine, which is not to see it.
    func at(data: String) -> APIClient {
        let host = (api ?? ProcessInfo.processInfo.environment["TOLLGATE_API"])
            .flatMap { URL(string: $0)?.host() }
        let isHere = host == nil || host == "localhost" || IPAddress(host ?? "")?.isLoopback == true
        return client(data: isHere && APIClient.hasToken(in: data) ? data : nil)
    }
}

/// Which running gateway a verb speaks to.
struct GatewayPlace: ParsableArguments {
    @OptionGroup var api: APIOptions

    @Option(
        help: "The data directory of the gateway, which has its address and token. Default: ./data."
    )
    var data: String?

    @Option(help: "The configuration that names the data directory.") var config: String?

    func validate() throws {
        if config != nil, data != nil {
            throw ValidationError("--config names the data directory: leave --data out")
        }
    }

    /// - Parameter form: that of the answer; `nil`: a table, or JSON with `--json`.
    func client(form: OutputForm? = nil, isWide: Bool = false) throws(Failure) -> APIClient {
        let named = try config.map { file throws(Failure) in
            var settings = SettingsOptions()
            settings.config = file
            settings.set = []
            return try settings.load(data: nil).data
        }
        return api.client(data: named ?? data, form: form, isWide: isWide)
    }
}

/// The options of a verb that speaks to a running gateway: which one, and the form of the answer.
struct GatewayOptions: ParsableArguments {
    @OptionGroup var place: GatewayPlace

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: "table, json, ndjson (a line of JSON each) or csv. Default: table."
    )
    var form: OutputForm?

    @Flag(help: "Tables with all columns, and nothing shortened to fit the terminal.")
    var wide = false

    func validate() throws {
        if place.api.json, let form, form != .json {
            throw ValidationError("--json is --output json: leave one of them out")
        }
    }

    var client: APIClient {
        get throws(Failure) { try place.client(form: form, isWide: wide) }
    }
}
