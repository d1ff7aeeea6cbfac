import Cryptography
import Gateway
import Hummingbird
import Ledger
import Linux
import Storage

/// Firmware images of products, and upgrades of devices to them.
extension Routes {
    mutating func registerFirmware() {
        on(
            .post, "products/:pk/firmware", "uploadFirmware",
            "Upload a firmware image: the body is its bytes",
            query: [
                Parameter(
                    "firmware", .id(FirmwareVersion.self), "Its version, which names it.",
                    isRequired: true),
                Parameter("sha256", .sha256, "Refused when the body has another one."),
                Parameter(
                    "signature", .firmwareSignature,
                    "Base64 of a signature, which devices are told as it is."),
            ],
            body: .bytes, answers: .created(Documents.firmware.schema),
            problems: [
                .alreadyExists, .tooManyFirmware, .firmwareNotOffered, .firmwareNoSpace,
            ], isRemembered: false
        ) { call in
            try await Self.upload(call)
        }
        on(
            .get, "products/:pk/firmware", "listFirmware", "The firmware images of a product",
            answers: .page(of: Documents.firmware.schema)
        ) { call in
            let (key, _) = try call.product()
            let (cursor, limit) = try call.page()
            let page = try call.read {
                try $0.images(of: key, cursor: cursor, limit: limit, in: $1)
            }
            return call.list(
                try await Self.documents(of: page.elements, call), cursor: page.cursor)
        }
        on(
            .get, "products/:pk/firmware/:firmware", "showFirmware", "A firmware image",
            answers: .ok(Documents.firmware.schema)
        ) { call in
            let image = try call.firmware()
            return .json(try await Self.documents(of: [image], call)[0])
        }
        on(
            .delete, "products/:pk/firmware/:firmware", "deleteFirmware",
            "Delete a firmware image that no device is upgrading to", answers: .noContent,
            problems: [.firmwareInUse], isRemembered: false
        ) { call in
            let image = try call.firmware()
            try await call.submit(.firmware(.delete(image.product, image.version)))
            try call.server.firmware.remove(image.record.file)
            return Response(status: .noContent)
        }
        registerFirmwareOffers()
    }

    private mutating func registerFirmwareOffers() {
        on(
            .post, "products/:pk/devices/:dk/firmware", "offerFirmware",
            "Have a device upgrade to a firmware image: an attempt for each 5 MB begun (rule D1)",
            access: .everyone,
            body: .json([
                "id": .id(UpgradeID.self), "firmware": .id(FirmwareVersion.self),
            ]),
            answers: .created(Documents.upgrade),
            problems: [
                .alreadyExists, .deviceDisabled, .deviceNotActive, .otaExhausted, .clockDoubted,
                .productHasNoPackage, .upgradeReported, .unknownFirmware, .firmwareUnderWay,
                .firmwareNotOffered,
            ]
        ) { call in
            let (identity, _) = try call.identity()
            let fields = try await call.fields()
            let id = try fields.required("id", UpgradeID.init)
            try Self.requireOwn(id)
            let version = try fields.required("firmware", FirmwareVersion.init)
            guard call.controlPlane.firmwareLinks != nil else {
                throw Problem(.firmwareNotOffered)
            }
            let action = FirmwareAction.start(identity, id, version)
            guard case .upgrade(let upgrade) = try await call.submit(.firmware(action)) else {
                preconditionFailure("an upgrade comes back")
            }
            let path = "/v1/products/\(identity.product)/devices/\(identity.device)/upgrades/\(id)"
            return call.created(Documents.upgrade(upgrade), at: path)
        }
        on(
            .get, "products/:pk/devices/:dk/firmware", "showFirmwareOffer",
            "The upgrade to a firmware image that a device has under way, and how far it is",
            answers: .ok(Documents.firmwareOffer), problems: [.unknownUpgrade]
        ) { call in
            let (identity, _, _) = try call.device()
            let offer = try call.read { try $0.offer(to: identity, in: $1) }
            guard let offer else {
                throw Problem(
                    .unknownUpgrade, "device \(identity) is upgrading to no firmware image")
            }
            return .json(Documents.firmwareOffer(offer))
        }
        on(
            .get, "firmware/:link", "downloadFirmware",
            "What a device downloads, whole or a range of bytes (RFC 9110, 14), by the link that it was told",
            access: .open, answers: .image, .imagePart,
            problems: [
                .firmwareLinkEnded, .firmwareNotHere, .rangeNotSatisfiable, .tooMuchAtOnce,
            ]
        ) { call in
            try Self.download(call)
        }
    }

    private static func upload(_ call: Call) async throws -> Response {
        let (key, _) = try call.product()
        let configuration = call.configuration.firmware
        guard call.controlPlane.firmwareLinks != nil else { throw Problem(.firmwareNotOffered) }
        guard let version = try call.query("firmware", FirmwareVersion.init) else {
            preconditionFailure("the version is required")
        }
        let signature = try call.query("signature") {
            Base64.decoded($0).flatMap { FirmwareSignature($0) }
        }
        guard let slot = call.server.firmwareUploads.slot() else {
            throw Problem(
                .tooMuchAtOnce, "as many images as may are being uploaded", retryAfterSeconds: 5)
        }
        let files = call.server.firmware
        let received = try await files.receive(call, upTo: configuration.imageBytes)
        let new = NewImage(
            product: key, version: version, file: received.file, size: received.size,
            digest: received.digest, signature: signature,
            maximum: UInt32(configuration.imagesPerProduct))
        do {
            try await call.submit(.firmware(.add(new)))
        } catch StoreError.unanswered(let seconds) {
            // It may be carried out still, and then the image needs its file; if not, the next start removes it.
            throw StoreError.unanswered(seconds: seconds)
        } catch {
            try? files.remove(received.file)
            throw error
        }
        let image = try call.read(or: .firmware(.unknown(key, version))) {
            try $0.image(version, of: key, in: $1)
        }
        if image.record.file != received.file {
            // The image was known. It takes the file when it has lost its own.
            if files.has(image.record) {
                try files.remove(received.file)
            } else {
                try files.move(received.file, to: image.record.file)
            }
        }
        withExtendedLifetime(slot) {}
        return call.created(
            try await documents(of: [image], call)[0],
            at: "/v1/products/\(key)/firmware/\(version)")
    }

    /// With the nodes on which their bytes are.
    private static func documents(
        of images: [FirmwareImage], _ call: Call
    ) async throws -> [JSON] {
        let files = call.server.firmware
        let places = try await call.controlPlane.imagePlaces(of: images.map(\.record.file))
        return images.map { image in
            Documents.firmware(StoredImage(image, isHere: files.has(image.record), places))
        }
    }

    /// When a device asks again for an image that is not here: another node may have it, or people have to bring it.
    private static func retrySeconds(_ call: Call) throws -> Int {
        try call.controlPlane.nodes().count > 1 ? 5 : 60
    }

    private static func download(_ call: Call) throws -> Response {
        let token = call.parameter("link") { $0 }
        let now = call.controlPlane.now
        guard let grant = call.controlPlane.firmwareLinks?.grant(of: token, at: now),
            let offer = try call.read({ try $0.offer(to: grant.identity, in: $1) }),
            offer.record.upgrade == grant.upgrade, offer.image.file == grant.file
        else { throw Problem(.firmwareLinkEnded) }
        guard let file = call.server.firmware.open(offer.image) else {
            throw Problem(.firmwareNotHere, retryAfterSeconds: try retrySeconds(call))
        }
        return try call.server.firmwareDownloads.response(
            to: call.request, by: grant.identity, image: offer.image, file: file)
    }
}

extension Call {
    /// The image that the path names.
    fileprivate func firmware() throws -> FirmwareImage {
        let (key, _) = try product()
        let version = parameter("firmware", FirmwareVersion.init)
        return try read(or: .firmware(.unknown(key, version))) {
            try $0.image(version, of: key, in: $1)
        }
    }
}

extension Body {
    /// Bytes of any kind.
    fileprivate static let bytes = Body(
        contents: [.init(type: "application/octet-stream", schema: .anyText)], jsonLimit: .small)
}

extension Answer {
    fileprivate static let image = Answer(
        status: .ok, note: "All of it.",
        headers: [
            .init(name: "ETag", note: "Tells the image from others, for If-Range."),
            .init(name: "Accept-Ranges", note: "bytes."),
        ]
    ).or("application/octet-stream")

    fileprivate static let imagePart = Answer(
        status: .partialContent, note: "The range that the header Range asks for.",
        headers: image.headers + [
            .init(name: "Content-Range", note: "Which bytes of how many: bytes 0-99/5000.")
        ]
    ).or("application/octet-stream")
}

extension Routes {
    /// Names of upgrades that campaigns start are theirs.
    static func requireOwn(_ id: UpgradeID) throws(Problem) {
        guard CampaignID(of: id) == nil else {
            throw Problem.invalid("id: ids that begin with campaign. are of campaigns")
        }
    }
}
