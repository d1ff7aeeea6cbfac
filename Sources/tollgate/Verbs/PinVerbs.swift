import Admin
import ArgumentParser

/// The certificates that a device may show.
extension DeviceVerbs {
    struct Pins: Verb {
        static let about = "The certificates that it may show, where their authority asks."
        static let example = "device pins lamp lamp-1"
        @Argument(help: .product) var pk: String
        @Argument(help: .device) var dk: String
        var request: APIRequest { .get("products/\(pk.escaped)/devices/\(dk.escaped)/pins") }
    }

    struct SetPins: Verb {
        static let about = "Says which certificates it may show; with none, forgets them."
        static let discussion = """
            In the place of those from before. A connection by another certificate ends. Give the next one beside the present \
            one, and take that away when the device has changed. \
            openssl x509 -in FILE -outform DER | sha256sum shows a fingerprint.
            """
        static let example =
            "device set-pins lamp lamp-1 --fingerprint 5c5c...5c --fingerprint 7a7a...7a"
        @Argument(help: .product) var pk: String
        @Argument(help: .device) var dk: String
        @Option(help: "SHA-256 of a certificate, 64 digits; repeat it, four times at most.")
        var fingerprint: [String] = []
        var request: APIRequest {
            .put(
                "products/\(pk.escaped)/devices/\(dk.escaped)/pins",
                ["fingerprints": JSON.array(fingerprint.map { .text($0) })])
        }
    }
}
