internal import TLS

/// PEM files of a certificate for each client.
public struct CertificateTemplates: Sendable {
    public let certificate: Template
    public let key: Template

    public init(certificate: Template, key: Template) {
        self.certificate = certificate
        self.key = key
    }
}

/// The clients' certificates, each read once, however many clients show it.
struct ClientCertificates: Sendable {
    private let credentials: [TLSCredentials]

    /// Which of them a client shows: those of numbers from `first` on, and then anew.
    private let places: [Int32]
    private let first: Int

    private struct Pair: Hashable {
        let certificate: String
        let key: String
    }

    /// - Parameter count: clients have the numbers `first` to `first + count - 1`.
    /// - Throws: `TLSError` with the first file that can't be read, or is not what it should be.
    init(
        _ templates: CertificateTemplates,
        _ identities: Identities,
        first: Int,
        count: Int
    ) throws(TLSError) {
        self.first = first
        var period = count
        if case .fleet(let devices) = identities, !templates.certificate.needsNumber,
            !templates.key.needsNumber
        {
            period = min(count, devices.count)
        }
        var credentials: [TLSCredentials] = []
        var known: [Pair: Int32] = [:]
        var places: [Int32] = []
        places.reserveCapacity(period)
        for number in first..<first + period {
            let device = identities.device(number)
            let pair = Pair(
                certificate: templates.certificate.text(number, device),
                key: templates.key.text(number, device))
            if let place = known[pair] {
                places.append(place)
                continue
            }
            let place = Int32(credentials.count)
            credentials.append(
                try TLSCredentials(
                    certificateChainFile: pair.certificate, privateKeyFile: pair.key))
            known[pair] = place
            places.append(place)
        }
        self.credentials = credentials
        self.places = places
    }

    /// The place, among the certificates, of what the client with that number shows.
    func index(_ number: Int) -> Int { Int(places[(number - first) % places.count]) }

    subscript(number: Int) -> TLSCredentials { credentials[index(number)] }
}
