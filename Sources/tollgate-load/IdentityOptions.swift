import ArgumentParser
import FoundationEssentials
import Linux
import Load
import TLS

/// Who connects.
struct IdentityOptions: ParsableArguments {
    @Option(
        help: """
            File of devices that sign: pk,dk,secret; --prepare writes one. With pk,dk only, they show certificates.
            """)
    var fleet: String?
    @Option(help: "First make so many devices over the API, with codes, and write --fleet.")
    var prepare: Int?
    @Option(help: "The gateway's API, for --prepare: http://HOST:PORT or https://HOST:PORT.")
    var api = "http://127.0.0.1:8080"
    @Option(
        name: .customLong("api-ca"),
        help: """
            PEM file of the authorities of an https API's certificate. Default: TOLLGATE_CA, else those that the system \
            trusts.
            """)
    var authorities: String?
    @Option(help: "File of the API's token. Default: TOLLGATE_TOKEN.") var tokenFile: String?
    @Option(help: "The product that they belong to.") var product = "loadtest"
    @Flag(
        help: "Any MQTT server: clients with an id, and a user name and password if you give them.")
    var noActivation = false
    @Option(help: "With %d for a client's number; %06d: in six digits.")
    var clientID = "load-%d"
    @Option(help: "User name, with %d as well.") var user: String?
    @Option(help: "Password, with %d as well. Default: TOLLGATE_LOAD_PASSWORD.")
    var password: String?
    @Option(help: "The number of the first client.") var first = 0

    func identities() throws(Failure) -> Identities {
        guard noActivation else {
            guard let fleet else {
                throw Failure(
                    text:
                        "who connects? Name the devices of a gateway with --fleet FILE, or give --no-activation "
                        + "for any MQTT server", code: 2)
            }
            if user != nil || password != nil {
                throw Failure(text: "--user and --password need --no-activation", code: 2)
            }
            if let prepare { return .fleet(try prepared(prepare, fleet)) }
            do throws(FleetFileError) {
                return .fleet(try FleetFile.read(fleet))
            } catch {
                throw Failure(text: error.text, code: 2)
            }
        }
        if fleet != nil || prepare != nil {
            throw Failure(
                text: "--no-activation has no devices: leave --fleet and --prepare out", code: 2)
        }
        let password = password ?? ProcessInfo.processInfo.environment["TOLLGATE_LOAD_PASSWORD"]
        if password != nil, user == nil {
            throw Failure(text: "a password needs a user name: give --user", code: 2)
        }
        return .templates(
            clientID: try Self.template("--client-id", clientID),
            userName: try user.map { text throws(Failure) in try Self.template("--user", text) },
            password: try password.map { text throws(Failure) in
                try Self.template("--password", text)
            })
    }

    /// How many devices are to be made; `nil`: none.
    var willPrepare: Int? {
        get throws(Failure) {
            guard let prepare, !noActivation, fleet != nil else { return nil }
            guard (1...10_000_000).contains(prepare) else {
                throw Failure(text: "--prepare must be 1 to 10000000 devices", code: 2)
            }
            return prepare
        }
    }

    private func prepared(_ count: Int, _ path: String) throws(Failure) -> [Device] {
        let isName = product.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
        }
        guard isName, (1...32).contains(product.utf8.count) else {
            throw Failure(text: "--product must be 1 to 32 letters and digits", code: 2)
        }
        let preparation = Preparation(
            api: try endpoint(), token: try token(), productKey: product)
        do throws(PreparationError) {
            return try preparation.run(count: count, to: path)
        } catch {
            throw Failure(text: error.text)
        }
    }

    private func endpoint() throws(Failure) -> APIEndpoint {
        let url = try ServerURL(api: api)
        let name = url.host.contains(":") ? "[\(url.host)]" : url.host
        let host = "\(name):\(url.port)"
        guard url.isEncrypted else {
            if authorities != nil {
                throw Failure(text: "--api-ca is of an API over TLS: name https://", code: 2)
            }
            let isHere = url.host == "localhost" || IPAddress(url.host)?.isLoopback == true
            guard isHere else {
                throw Failure(
                    text:
                        "--api \(api): the token would go there in the clear, and http:// is for this machine "
                        + "alone: name https://", code: 2)
            }
            return APIEndpoint(address: try url.resolve(), host: host)
        }
        guard let file = TrustedAuthorities.file(named: authorities) else {
            throw Failure(
                text:
                    "which authorities are trusted is not known: name a PEM file of them (--api-ca FILE)",
                code: 2)
        }
        let address = try url.resolve()
        do throws(TLSError) {
            return try APIEndpoint(
                address: address, host: host, serverName: url.host, authorityFile: file)
        } catch {
            throw Failure(text: error.words, code: 2)
        }
    }

    private func token() throws(Failure) -> String {
        guard let tokenFile else {
            guard let token = ProcessInfo.processInfo.environment["TOLLGATE_TOKEN"] else {
                throw Failure(
                    text:
                        "--prepare needs the API's token: name its file with --token-file (a gateway writes "
                        + "admin.token beside its books), or set TOLLGATE_TOKEN", code: 2)
            }
            return token
        }
        do throws(FileError) {
            let bytes = try FileSystem.read(tokenFile, maximumBytes: 4_096)
            let text = bytes.prefix { $0 > 32 && $0 < 127 }
            guard !text.isEmpty else {
                throw FileError(operation: "read", path: tokenFile, code: .invalidArgument)
            }
            return String(decoding: text, as: UTF8.self)
        } catch {
            throw Failure(text: "--token-file \(tokenFile) can't be read: \(error.code)", code: 2)
        }
    }

    static func template(_ option: String, _ text: String, needsClients: Bool = true)
        throws(Failure)
        -> Template
    {
        guard let template = Template(text) else {
            throw Failure(
                text: "\(option) has a percent sign that stands for nothing: write %d, %06d or %%",
                code: 2)
        }
        if needsClients, template.needsDevice {
            throw Failure(text: "\(option) can't have %P and %D: those are a fleet's", code: 2)
        }
        return template
    }
}
