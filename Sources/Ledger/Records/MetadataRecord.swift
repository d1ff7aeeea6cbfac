import Bytes
import Encoding

/// The metadata of one owner; without any there is no record.
struct MetadataRecord: StorageRecord, Hashable {
    let metadata: Metadata

    init(metadata: Metadata) { self.metadata = metadata }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) { buffer.append(Version.v1, metadata) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "metadata") {
        case .v1: metadata = try reader.take()
        }
    }
}
