import TLS

extension Gateway {
    /// What a start with this configuration would end at, as far as looking tells: settings, the files and algorithms of
    /// TLS, the place of the secrets and the keys there. Opens no store and no socket, and makes and changes nothing.
    public static func faults(of configuration: GatewayConfiguration) -> [GatewayError] {
        Foundations.faults(of: configuration)
    }
}

extension Foundations {
    static func faults(of configuration: GatewayConfiguration) -> [GatewayError] {
        do throws(ConfigurationProblem) {
            try configuration.validate()
        } catch {
            return [.configuration(error)]
        }
        let secrets = SecretsDirectory(of: configuration)
        var faults: [GatewayError] = []
        func look(_ body: () throws(GatewayError) -> Void) {
            do throws(GatewayError) {
                try body()
            } catch {
                faults.append(error)
            }
        }
        look { () throws(GatewayError) in
            do throws(SecretsProblem) {
                try secrets.require(outside: configuration.data)
            } catch {
                throw .secrets(error)
            }
        }
        look { () throws(GatewayError) in _ = try SecretKeys.loaded(from: secrets.keyFile) }
        if configuration.listeners.contains(where: \.tls) {
            look { () throws(GatewayError) in try lookAtTLS(configuration) }
        }
        return faults
    }

    /// Makes what a shard would answer with.
    private static func lookAtTLS(_ configuration: GatewayConfiguration) throws(GatewayError) {
        let tickets: TicketKeys
        do throws(TLSError) {
            tickets = try TicketKeys()
        } catch {
            throw .tls(error)
        }
        _ = try contexts(configuration, tickets, count: 1, nil)
        _ = try certificates(configuration)
    }
}
