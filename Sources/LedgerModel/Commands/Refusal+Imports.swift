import Bytes
import Encoding

/// Refusals about imports.
extension Refusal {
    var importDescription: String {
        switch self {
        case .unknownImport(let product, let number):
            "product \(product) has no import \(number)"
        case .importNotReceiving(let number):
            "import \(number) takes no more rows: it was abandoned or is committed"
        case .importOutOfStep(let number, let staged):
            "import \(number) has \(staged) rows, and the next are other ones"
        case .importsUnderWay(let maximum):
            "at most \(maximum) imports at a time; try again when one has ended"
        default: name
        }
    }

    static func description(
        of fault: ImportFault,
        of device: DeviceKey,
        in place: String
    ) -> String {
        switch fault {
        case .exists: "\(place): device \(device) exists already"
        case .repeatedRow: "\(place): device \(device) is in an earlier row, too"
        case .nameTooLong: "\(place): the name of device \(device) is too long"
        case .arriving: "\(place): another import that is under way has device \(device), too"
        }
    }

    func encodeImports(into buffer: inout ByteBuffer) {
        switch self {
        case .importLine(let line, let device, let fault):
            buffer.append(UInt8(70))
            buffer.appendVarint(line)
            buffer.append(device)
            buffer.append(case: fault)
        case .unknownImport(let product, let number):
            buffer.append(UInt8(71))
            buffer.append(product)
            buffer.appendVarint(number)
        case .importNotReceiving(let number):
            buffer.append(UInt8(72))
            buffer.appendVarint(number)
        case .importOutOfStep(let number, let staged):
            buffer.append(UInt8(73))
            buffer.appendVarint(number)
            buffer.appendVarint(staged)
        case .importsUnderWay(let maximum):
            buffer.append(UInt8(74))
            buffer.appendVarint(UInt64(maximum))
        default: break
        }
    }

    @_lifetime(reader: copy reader)
    static func decodeImports(
        _ tag: UInt8,
        from reader: inout ByteReader
    ) throws(MalformedRecord) -> Refusal {
        switch tag {
        case 70:
            .importLine(
                line: try reader.takeVarint(),
                device: try reader.take(DeviceKey.self),
                fault: try reader.take(case: ImportFault.self)
            )
        case 71:
            .unknownImport(try reader.take(ProductKey.self), try reader.takeVarint())
        case 72:
            .importNotReceiving(try reader.takeVarint())
        case 73:
            .importOutOfStep(try reader.takeVarint(), staged: try reader.takeVarint())
        case 74:
            .importsUnderWay(maximum: try reader.takeVarint32())
        default: throw .malformed(what: "refusal")
        }
    }
}
