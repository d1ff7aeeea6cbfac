import Admin
import ArgumentParser
import FoundationEssentials
import Gateway
import JetStream
import Linux
import TLS

extension ConfigVerbs {
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Says whether a gateway would start with a configuration.",
            discussion: """
                Reads file, environment and --set as serve does, makes what TLS would answer with of the \
                certificates, keys and authorities that they name, and looks whether data and secrets have their \
                places; makes and changes nothing. Whether ports are free, NATS servers answer and the stores can \
                be opened is not looked at. Exit code 0 when all is right, else 2 for what is written wrong and 1 \
                for what can't be used.
                """
                .followed(byExamples: "config check --config /etc/tollgate/tollgate.yaml"))

        @OptionGroup var settings: SettingsOptions
        @Option(help: "The directory of the stores; the same as --set data=DIR.")
        var data: String?

        func run() async throws {
            let configuration = try settings.load(data: data) { warning in
                Output.complain("\(warning)")
            }
            var problems = Self.faults(of: configuration)
            var ends: [String] = []
            for file in Self.certificates(of: configuration) {
                do {
                    let validity = try CertificateValidity(ofCertificatesIn: file)
                    let days = Self.days(until: validity.notAfterSeconds)
                    if days < 0 {
                        problems.append("\(file): the certificate has expired")
                    } else {
                        ends.append("\(file): \(counted(days, "day")) left")
                    }
                } catch  where !problems.contains(where: { $0.contains(file) }) {
                    problems.append("\(error)")
                } catch {
                    // That has been said.
                }
            }
            for problem in problems { Output.complain(problem) }
            if !problems.isEmpty { throw ExitCode(1) }
            let listeners = configuration.listeners.map(\.name).joined(separator: ", ")
            let lines =
                [
                    "the configuration is right: \(settings.config ?? "no file, the defaults")",
                    "data \(configuration.data), API on \(configuration.admin.address):\(configuration.admin.port)",
                    "listeners \(listeners)",
                ] + ends
            try Output.say(lines.joined(separator: "\n"))
        }

        /// What serve would end at, each a line.
        private static func faults(of configuration: GatewayConfiguration) -> [String] {
            var faults: [String] = []
            func look(_ body: () throws -> Void) {
                do {
                    try body()
                } catch let failure as Failure {
                    faults.append(failure.text)
                } catch {
                    faults.append("\(error)")
                }
            }
            look { _ = try APICertificate(configuration.admin) }
            if !configuration.cluster.servers.isEmpty {
                look { _ = try JetStreamSettings(configuration.cluster) }
                look { try encryption(of: configuration.cluster) }
            }
            if let uplink = configuration.uplinkAccess {
                look { _ = try JetStreamSettings(uplink: uplink.access, replicas: uplink.replicas) }
                look { try encryption(of: uplink.access) }
            }
            for place in [configuration.data, SecretsDirectory(of: configuration).path] {
                look { try directory(place) }
            }
            faults += Gateway.faults(of: configuration).map { "\($0)" }
            // Two sections may name the same file.
            return faults.enumerated().filter { faults.firstIndex(of: $1) == $0 }.map(\.element)
        }

        /// What the gateway answers NATS servers with.
        private static func encryption(of access: any NATSAccess) throws {
            guard access.usesTLS else { return }
            _ = try TLSContext(
                connecting: TLSClientConfiguration(
                    authorityFile: access.tls.ca, certificateChainFile: access.tls.certificate,
                    privateKeyFile: access.tls.key))
        }

        /// Whether it is a directory that can be written to, or can be made.
        private static func directory(_ path: String) throws {
            let files = FileManager.default
            var place = FileSystem.resolved(path)
            let isThere = files.fileExists(atPath: place)
            while place != "/", !files.fileExists(atPath: place) {
                place = FileSystem.parent(of: place)
            }
            // Throws when it is something else.
            _ = try FileSystem.isEmptyDirectory(place)
            let (canWrite, freeBytes) = (
                files.isWritableFile(atPath: place), try FileSystem.freeBytes(at: place)
            )
            guard !canWrite || freeBytes == 0 else { return }
            let cause =
                canWrite
                ? "nothing can be kept on that file system" : "this user may not write there"
            throw Failure(
                text: isThere
                    ? "\(path): \(cause)" : "\(path) can't be made in \(place): \(cause)")
        }

        private static func certificates(of configuration: GatewayConfiguration) -> [String] {
            let tls = configuration.tls
            let devices =
                configuration.listeners.contains { $0.tls }
                ? [tls.certificate, tls.alternativeCertificate] : []
            return (devices + [configuration.admin.tls.certificate]).compactMap { $0 }
        }

        static func days(until seconds: Int64) -> Int64 {
            let left = Double(seconds) - Date().timeIntervalSince1970
            return Int64((left / 86_400).rounded(.down))
        }
    }
}
