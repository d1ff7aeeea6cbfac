import Admin
import ArgumentParser

struct FirmwareVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "firmware",
        abstract: "Firmware images of products, and upgrades of devices to them.",
        subcommands: [Upload.self]
            + commands(List.self, Show.self, Delete.self, Start.self, Progress.self))

    struct Upload: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Uploads a firmware image of a product.",
            discussion: """
                The file is sent as it is read, and progress is shown on standard error. The answer is the image as \
                the gateway has it, as JSON, with the SHA-256 that it has found. The same image again changes nothing.
                """
                .followed(byExamples: "firmware upload lamp 2.1.0 lamp-2.1.0.bin")
        )

        @Argument(help: .product) var pk: String
        @Argument(help: "What the image is called: 1 to 64 of A-Z a-z 0-9 _ . -") var version:
            String
        @Argument(help: "The file; - is standard input.") var file: String
        @Option(help: "64 hexadecimal digits: refused when the file has another SHA-256.")
        var sha256: String?
        @Option(help: "Base64 of a signature, which devices are told as it is.")
        var signature: String?
        @OptionGroup var place: GatewayPlace

        func run() async throws {
            var query = "firmware=\(version.escaped)"
            if let sha256 { query += "&sha256=\(sha256.escaped)" }
            if let signature { query += "&signature=\(signature.escaped)" }
            try await place.client().upload(
                "products/\(pk.escaped)/firmware?\(query)", from: UploadSource(file),
                type: "application/octet-stream")
        }
    }

    struct List: Verb {
        static let about = "The firmware images of a product."
        static let example = "firmware list lamp"
        @Argument(help: .product) var pk: String
        @Option(help: .limit) var limit: Int?
        var request: APIRequest {
            .list(
                "products/\(pk.escaped)/firmware",
                by:
                    "firmware sizeBytes attempts devices stored storedOn nodes createdAt | sha256 createdBy",
                limit: limit)
        }
    }

    struct Show: Verb {
        static let about = "A firmware image."
        static let example = "firmware show lamp 2.1.0"
        @OptionGroup var image: ImageArguments
        var request: APIRequest { .get("\(image)") }
    }

    struct Delete: Irreversible {
        static let about = "Deletes a firmware image that no device is upgrading to."
        static let example = "firmware delete lamp 2.1.0 --yes"
        @OptionGroup var image: ImageArguments
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .delete("\(image)") }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let found = try await gateway.document(.get, "\(image)")
            let size = found["sizeBytes"]?.integer ?? 0
            return "firmware \(image.version) of product \(image.pk) is deleted, \(size) bytes"
        }
    }

    struct Start: Verb {
        static let about = "Has a device upgrade to a firmware image, and pays for it."
        static let example = "firmware start lamp lamp-1 to-2.1 2.1.0"
        static let discussion = """
            Each 5 MB (5,242,880 bytes) begun take an attempt. The device is told at once if it is connected, else when it \
            comes.
            """
        @OptionGroup var device: DeviceArguments
        @Argument(help: "The upgrade's id.") var id: String
        @Argument(help: "The image's version.") var version: String
        var request: APIRequest { .post("\(device)/firmware", ["id": id, "firmware": version]) }
    }

    struct Progress: Verb {
        static let about = "The upgrade to a firmware image that a device has under way."
        static let example = "firmware progress lamp lamp-1"
        @OptionGroup var device: DeviceArguments
        var request: APIRequest { .get("\(device)/firmware") }
    }
}

/// An image of a product; its text is its path.
struct ImageArguments: ParsableArguments, CustomStringConvertible {
    @Argument(help: .product) var pk: String
    @Argument(help: "The image's version.") var version: String

    var description: String { "products/\(pk.escaped)/firmware/\(version.escaped)" }
}
