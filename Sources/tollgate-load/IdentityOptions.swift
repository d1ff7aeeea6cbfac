import ArgumentParser
import FoundationEssentials
import Load

/// Who connects.
struct IdentityOptions: ParsableArguments {
    @Option(help: "File of devices that sign: pk,dk,secret; --prepare writes one.")
    var fleet: String?
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
            do throws(FleetFileError) {
                return .fleet(try FleetFile.read(fleet))
            } catch {
                throw Failure(text: error.text, code: 2)
            }
        }
        if fleet != nil {
            throw Failure(text: "--no-activation has no --fleet: leave one out", code: 2)
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
