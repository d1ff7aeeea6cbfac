import Gateway
import HTTPTypes
import Ledger
import Storage

/// Which certificates devices may show.
extension Routes {
    mutating func registerPins() {
        on(
            .put, "accounts/:account/authorities/:authority/pinning", "setAuthorityPinning",
            "Say which of an authority's certificates a device may show, from its next connection on",
            access: .wholeAccounts,
            body: .json([
                "pinning": .noted(
                    .choice(CertificatePinning.self),
                    "none: each that names it; first-use: the one that it was let in with first; listed: those in its list."
                )
            ]),
            answers: .ok(Documents.authority)
        ) { call in
            let pinning = try await call.fields().required(
                "pinning", CertificatePinning.init(named:))
            let id = try call.authorityToChange()
            return try await call.answer(.authorities(.setPinning(id, pinning))) {
                call.document(of: try call.authority())
            }
        }
        on(
            .get, "products/:pk/devices/:dk/pins", "showPins",
            "The certificates that a device may show, where their authority asks",
            answers: .ok(Documents.pins)
        ) { call in
            let (identity, _, _) = try call.device()
            return .json(try Self.pins(of: identity, call))
        }
        on(
            .put, "products/:pk/devices/:dk/pins", "setPins",
            "Say which certificates a device may show; with none, the next one is pinned where that is on first use",
            body: .json([
                "fingerprints": .noted(
                    .list(
                        .certificateFingerprint,
                        counts: 0...CertificatePinning.fingerprintMaximum),
                    "SHA-256 over the DER of each, in hexadecimal digits.")
            ]),
            answers: .ok(Documents.pins)
        ) { call in
            let (identity, _) = try call.identity()
            let texts = try await call.fields().array("fingerprints")
            let pins = texts.compactMap { $0.text.flatMap { CertificateFingerprint($0) } }
            return try await call.answer(.devices(.setPins(identity, pins))) {
                try Self.pins(of: identity, call)
            }
        }
    }

    private static func pins(of identity: DeviceIdentity, _ call: Call) throws -> JSON {
        let pins = try call.read { books, transaction throws(StoreError) in
            try books.pins(of: identity, in: transaction)
        }
        return Documents.pins((identity, pins))
    }
}

extension CertificatePinning: Choice {}

extension CertificateFingerprint: Documented {
    static var schema: Schema { .certificateFingerprint }
}

extension Schema {
    static let certificateFingerprint = text(
        .init(
            lengths: 64...64, alphabet: .bytes(where: CertificateFingerprint.allows),
            example: String(repeating: "5c", count: 32)))
}

extension Documents {
    static let pins = Shape<(identity: DeviceIdentity, fingerprints: [CertificateFingerprint])>(
        "Pins"
    ) {
        Member("dk", \.identity.device)
        Member("pk", \.identity.product)
        Member(
            "fingerprints", \.fingerprints,
            "SHA-256 over the DER of each, in hexadecimal digits, in order.")
    }
}
