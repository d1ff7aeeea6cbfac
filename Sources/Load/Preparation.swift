internal import Cryptography

/// Devices that are prepared in a gateway over its API: an account, a package, a product, as many codes, and the devices,
/// whose secrets go into the fleet's file.
public struct Preparation: Sendable {
    public let api: APIEndpoint
    public let token: String

    /// The product's key, which the account and the package are called by, too.
    public let productKey: String

    public init(api: APIEndpoint, token: String, productKey: String) {
        self.api = api
        self.token = token
        self.productKey = productKey
    }

    /// Devices of one request.
    private static let portion = 10_000

    /// Makes `count` devices, and writes their file, which must not be there. What is in the gateway already is used: a
    /// product of that name that has devices of an earlier run gets more of them.
    ///
    /// - Throws: `PreparationError` with the gateway's words.
    public func run(count: Int, to path: String) throws(PreparationError) -> [Device] {
        let name = productKey
        // Keys of their own for each run.
        let prefix = "load-\(RandomBytes.hexadecimal(4))"
        let secrets = (0..<count).map { _ in Array(RandomBytes.hexadecimal(16).utf8) }
        let devices = secrets.enumerated().map { number, secret in
            Device(
                productKey: Array(name.utf8), deviceKey: Array("\(prefix)-\(number)".utf8),
                secret: secret)
        }
        try Self.file { () throws(FleetFileError) in try FleetFile.refuseToReplace(path) }
        try make("accounts", "{\"id\":\"\(name)\",\"name\":\"Load test\",\"kind\":\"enterprise\"}")
        try make(
            "packages", "{\"id\":\"\(name)\",\"name\":\"Load test\",\"validityDays\":365}")
        try make(
            "products",
            "{\"pk\":\"\(name)\",\"name\":\"Load test\",\"account\":\"\(name)\"}")
        // Before the devices, so that none is made whose secret no one has.
        try Self.file { () throws(FleetFileError) in try FleetFile.write(devices, to: path) }
        let purchase =
            "{\"package\":\"\(name)\",\"quantity\":\(count),\"product\":\"\(name)\"}"
        _ = try request("accounts/\(name)/purchases", "application/json", Array(purchase.utf8))
        for start in stride(from: 0, to: count, by: Self.portion) {
            var rows = Array("dk,secret\n".utf8)
            for number in start..<min(count, start + Self.portion) {
                rows += devices[number].deviceKey + [44] + secrets[number] + [10]
            }
            _ = try request("products/\(name)/devices", "text/csv", rows)
        }
        return devices
    }

    private static func file(_ body: () throws(FleetFileError) -> Void) throws(PreparationError) {
        do throws(FleetFileError) {
            try body()
        } catch {
            throw PreparationError(text: error.text)
        }
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
                path: "/v1/\(path)", token: token, type: type, body: body
            ).send(to: api)
        } catch {
            throw PreparationError(text: "the API at \(api.host): \(error.text)")
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
