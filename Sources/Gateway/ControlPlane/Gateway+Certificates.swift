import Synchronization
import Telemetry
public import TLS
import Time

// How long certificates hold: said at the start, when they are read again, and once a day; in the metrics,
// and in readiness.
extension Gateway {
    /// The files of the listeners' certificates, and of the authorities that sign clients'.
    public var certificates: [CertificateValidity] { certificateFiles.withLock { $0 } }

    func certificateChecks() -> Readiness.Check {
        var expired: [String] = []
        var ending: [String] = []
        for certificate in certificates {
            let standing = CertificateStanding(
                certificate, at: now, warningDays: configuration.tls.expiryWarningDays)
            switch standing {
            case .good: break
            case .endsSoon: ending.append(standing.text(of: certificate))
            case .ended, .notBegun: expired.append(standing.text(of: certificate))
            }
        }
        return Readiness.Check(
            name: "certificates",
            problem: expired.isEmpty ? nil : expired.joined(separator: "; "),
            warning: ending.isEmpty ? nil : ending.joined(separator: "; "))
    }

    /// Logs those that have ended, or end soon.
    func sayCertificates() {
        Foundations.say(
            certificates, at: now, configuration.tls.expiryWarningDays, to: commons.log)
    }

    func writeCertificates(into page: inout PrometheusText) {
        page.begin(
            "tollgate_tls_certificate_not_after_seconds",
            help: "When the first certificate of the file ends, Unix time.",
            kind: .gauge
        )
        for certificate in certificates {
            page.sample(
                Int(certificate.notAfterSeconds),
                labels: [PrometheusLabel("file", certificate.file)])
        }
    }
}

/// Where a time is in the validity of certificates.
enum CertificateStanding: Equatable {
    case good
    case notBegun
    case endsSoon
    case ended

    init(_ certificate: CertificateValidity, at time: Timestamp, warningDays: Int) {
        let seconds = time.milliseconds / 1_000
        self =
            if seconds < certificate.notBeforeSeconds {
                .notBegun
            } else if seconds >= certificate.notAfterSeconds {
                .ended
            } else if seconds >= certificate.notAfterSeconds - Int64(warningDays) * 86_400 {
                .endsSoon
            } else {
                .good
            }
    }

    /// `config/cert.pem: a certificate has expired: 2026-11-27T08:00:00Z`
    func text(of certificate: CertificateValidity) -> String {
        let begin = Timestamp(milliseconds: certificate.notBeforeSeconds * 1_000)
        let end = Timestamp(milliseconds: certificate.notAfterSeconds * 1_000)
        return switch self {
        case .good: "\(certificate.file): good until \(end)"
        case .notBegun: "\(certificate.file): a certificate is not valid yet: \(begin)"
        case .endsSoon: "\(certificate.file): a certificate expires soon: \(end)"
        case .ended: "\(certificate.file): a certificate has expired: \(end)"
        }
    }
}

extension Foundations {
    /// What the configuration's files say; none without a TLS listener.
    static func certificates(
        _ configuration: GatewayConfiguration
    ) throws(GatewayError) -> [CertificateValidity] {
        guard configuration.listeners.contains(where: \.tls) else { return [] }
        let tls = configuration.tls
        var found: [CertificateValidity] = []
        for file in [tls.certificate, tls.alternativeCertificate, tls.clientCA] {
            guard let file else { continue }
            do throws(TLSError) {
                found.append(try CertificateValidity(ofCertificatesIn: file))
            } catch {
                throw .tls(error)
            }
        }
        return found
    }

    static func say(
        _ certificates: [CertificateValidity],
        at time: Timestamp,
        _ warningDays: Int,
        to log: GatewayLog?
    ) {
        for certificate in certificates {
            let standing = CertificateStanding(certificate, at: time, warningDays: warningDays)
            switch standing {
            case .good: break
            case .endsSoon: log?.say(.warning, standing.text(of: certificate))
            case .ended, .notBegun: log?.say(.error, standing.text(of: certificate))
            }
        }
    }
}
