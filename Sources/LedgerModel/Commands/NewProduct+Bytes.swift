public import Bytes
public import Encoding

/// The parts in order, within the bytes of an action.
extension NewProduct: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(key)
        buffer.append(text: name)
        buffer.append(account)
        buffer.append(optional: package)
        buffer.append(secret)
        buffer.append(case: registration)
        buffer.append(dayOffset)
        buffer.append(dataCentre)
        buffer.append(optional: freeCodes) { $1.encode(into: &$0) }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            key: try reader.take(ProductKey.self),
            name: try reader.takeText(),
            account: try reader.take(AccountID.self),
            package: try reader.takeOptional(PackageID.self),
            secret: try reader.takeSealedSecret(),
            registration: try reader.take(case: RegistrationPolicy.self),
            dayOffset: try reader.takeOffset(),
            dataCentre: try reader.take(DataCentreID.self),
            freeCodes: try reader.takeBool() ? try FreeCodeTerms(decoding: &reader) : nil
        )
    }
}
