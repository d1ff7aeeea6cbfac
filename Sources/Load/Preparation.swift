internal import Cryptography
public import Linux

/// Devices that are prepared in a gateway over its API: an account, a package, a product, as many codes, and the devices,
/// whose secrets go into the fleet's file.
public struct Preparation: Sendable {
    public let api: SocketAddress

    /// As the API is named: `127.0.0.1:8080`.
    public let host: String
    public let token: String

    /// The product's key, which the account and the package are called by, too.
    public let productKey: String

    public init(api: SocketAddress, host: String, token: String, productKey: String) {
        self.api = api
        self.host = host
        self.token = token
        self.productKey = productKey
    }

    /// Devices of one request.
    private static let portion = 10_000

    /// Writes the file of `count` devices, which must not be there, and makes them. What is in the gateway already is used: a
    /// product of that name that has devices of an earlier run gets more of them.
    ///
    /// - Throws: `PreparationError` with the gateway's words.
    public func run(count: Int, to path: String) throws(PreparationError) -> [Device] {
        let name = productKey
        // Keys of their own for each run.
        let prefix = "load-\(RandomBytes.hexadecimal(4))"
        let devices = (0..<count).map { number in
            Device(
                productKey: Array(name.utf8), deviceKey: Array("\(prefix)-\(number)".utf8),
                secret: Array(RandomBytes.hexadecimal(16).utf8))
        }
        // First, so that no device is made whose secret no one has.
        do throws(FleetFileError) {
            try FleetFile.create(devices, at: path)
        } catch {
            throw PreparationError(text: error.text)
        }
        try make("accounts", "{\"id\":\"\(name)\",\"name\":\"Load test\",\"kind\":\"enterprise\"}")
        try make(
            "packages", "{\"id\":\"\(name)\",\"name\":\"Load test\",\"validityDays\":365}")
        try make(
            "products",
            "{\"pk\":\"\(name)\",\"name\":\"Load test\",\"account\":\"\(name)\"}")
        let purchase =
            "{\"package\":\"\(name)\",\"quantity\":\(count),\"product\":\"\(name)\"}"
        _ = try request("accounts/\(name)/purchases", "application/json", Array(purchase.utf8))
        for start in stride(from: 0, to: count, by: Self.portion) {
            var rows = Array("dk,secret\n".utf8)
            for device in devices[start..<min(count, start + Self.portion)] {
                rows += device.deviceKey + [44] + device.secret + [10]
            }
            _ = try request("products/\(name)/devices", "text/csv", rows)
        }
        return devices
    }

    /// Makes what may be there already.
    private func make(_ path: String, _ body: String) throws(PreparationError) {
        _ = try request(path, "application/json", Array(body.utf8), accepts: [409])
    }

    private func request(
        _ path: String,
        _ type: String,
        _ body: [UInt8],
        accepts: [Int] = []
    ) throws(PreparationError) -> [UInt8] {
        let answer: HTTPAnswer
        do throws(HTTPError) {
            answer = try HTTPRequest(
                path: "/v1/\(path)", host: host, token: token, type: type, body: body
            ).send(to: api)
        } catch {
            throw PreparationError(text: "the API at \(host): \(error.text)")
        }
        guard (200..<300).contains(answer.status) || accepts.contains(answer.status) else {
            let text = String(decoding: answer.body.prefix(500), as: UTF8.self)
            throw PreparationError(text: "the API refused \(path): \(answer.status) \(text)")
        }
        return answer.body
    }
}

/// Why a fleet could not be prepared, for people.
public struct PreparationError: Error, Sendable, Equatable {
    public let text: String
}
