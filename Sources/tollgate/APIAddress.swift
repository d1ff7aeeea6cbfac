import Gateway
import Linux

/// The API's address in a file beside the token, so that verbs that are told the data directory find the gateway.
enum APIAddress {
    static let fileName = "admin.url"

    /// What the gateway of a data directory has written last; `nil`: nothing that is an address.
    static func written(in data: String) -> String? {
        guard let text = TokenFile.read("\(data)/\(fileName)") else { return nil }
        return text.hasPrefix("http://") || text.hasPrefix("https://") ? text : nil
    }

    /// Writes it, over an older one.
    static func write(_ url: String, in data: String) throws(FileError) {
        let bytes = Array("\(url)\n".utf8)
        try FileSystem.write(bytes.span, atomicallyTo: "\(data)/\(fileName)", mode: 0o644)
    }

    /// Where the API of that configuration is reached from this machine.
    static func url(of admin: GatewayConfiguration.Admin, port: Int) -> String {
        let scheme = admin.tls.certificate == nil ? "http" : "https"
        return "\(scheme)://\(host(of: admin)):\(port)"
    }

    /// `0.0.0.0` and `::` are no addresses to connect to.
    private static func host(of admin: GatewayConfiguration.Admin) -> String {
        switch admin.address {
        case "0.0.0.0": "127.0.0.1"
        case "::": "[::1]"
        case let address: address.contains(":") ? "[\(address)]" : address
        }
    }
}
