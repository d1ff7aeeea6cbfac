import Bytes
import Storage

/// Which certificates of an authority a device may show; nothing when that is each.
struct PinningRecord: StorageRecord, Hashable, Sendable {
    let pinning: CertificatePinning

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    init(pinning: CertificatePinning) { self.pinning = pinning }

    func encode(into buffer: inout ByteBuffer) { buffer.append(Version.v1, pinning) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "pinning of an authority") {
        case .v1: pinning = try reader.take()
        }
    }
}

/// The certificates that a device may show; nothing when there are none.
struct PinsRecord: StorageRecord, Hashable, Sendable {
    let fingerprints: [CertificateFingerprint]

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    init(fingerprints: [CertificateFingerprint]) { self.fingerprints = fingerprints }

    func encode(into buffer: inout ByteBuffer) { buffer.append(Version.v1, fingerprints) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "pins of a device") {
        case .v1: fingerprints = try reader.take()
        }
    }
}
