import Bytes
import Encoding

/// What one device is to be; before that was said there is no record.
struct DesiredStateRecord: StorageRecord, Hashable {
    let state: DesiredState

    init(state: DesiredState) { self.state = state }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) { buffer.append(Version.v1, state) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "desired state") {
        case .v1: state = try reader.take()
        }
    }
}
