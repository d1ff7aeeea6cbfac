extension GatewayConfiguration {
    /// Firmware images, and upgrades of devices to them.
    public struct Firmware: Equatable, Sendable {
        /// How devices reach the API: what links to images begin with. `https://HOST[:PORT]`. Without it the gateway
        /// takes no images. Default: none.
        public var url: String?

        /// The largest image. Unit: bytes. Range: 1 to 1,073,741,824. Default: 67,108,864.
        public var imageBytes = 67_108_864

        /// Unit: images. Range: 1 to 1,000. Default: 20.
        public var imagesPerProduct = 20

        /// Devices that may download at once; more are told to come again. Range: 1 to 100,000. Default: 500.
        public var downloads = 500

        /// What all downloads take together. Unit: bytes a second. Range: 0 (no limit) to 10,000,000,000.
        /// Default: 20,000,000.
        public var bytesPerSecond = 20_000_000

        /// What a URL may have here: it stands in JSON as it is.
        private static let characters =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/[]%"

        public init() {}

        /// The URL without slashes at its end.
        var base: String {
            var base = url ?? ""
            while base.hasSuffix("/") { base.removeLast() }
            return base
        }

        func validate() throws(ConfigurationProblem) {
            if let url {
                let isPlain = url.utf8.allSatisfy { byte in
                    Self.characters.utf8.contains(byte)
                }
                let schemes = ["https://", "http://"]
                let host = schemes.first(where: url.hasPrefix).map { url.dropFirst($0.count) }
                guard isPlain, let host, let first = host.first, first != "/",
                    url.utf8.count <= 200
                else {
                    throw ConfigurationProblem(
                        path: "firmware.url",
                        reason:
                            "must be https://HOST[:PORT], at most 200 characters, and is '\(url)'")
                }
            }
            try require(imageBytes, in: 1...1_073_741_824, "firmware.imageBytes")
            try require(imagesPerProduct, in: 1...1_000, "firmware.imagesPerProduct")
            try require(downloads, in: 1...100_000, "firmware.downloads")
            try require(bytesPerSecond, in: 0...10_000_000_000, "firmware.bytesPerSecond")
        }
    }
}
