internal import Linux

/// A file that names devices: a head, and a line for each, `pk,dk,secret`; or `pk,dk` for devices that show certificates.
public enum FleetFile {
    static let head = "pk,dk,secret"
    static let headWithoutSecrets = "pk,dk"

    /// The most that is read, in bytes: some ten million devices.
    private static let maximumBytes = 1 << 30

    /// - Throws: `FleetFileError` with what is wrong in it.
    public static func read(_ path: String) throws(FleetFileError) -> [Device] {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try FileSystem.read(path, maximumBytes: maximumBytes)
        } catch {
            throw FleetFileError(text: "\(path) can't be read: \(error.code)")
        }
        return try parse(bytes, path)
    }

    static func parse(_ bytes: [UInt8], _ path: String) throws(FleetFileError) -> [Device] {
        var devices: [Device] = []
        var number = 0
        var columns = 3
        for line in bytes.split(separator: 10, omittingEmptySubsequences: false) {
            number += 1
            let line = line.last == 13 ? line.dropLast() : line
            if line.isEmpty { continue }
            if number == 1 {
                columns = line.elementsEqual(headWithoutSecrets.utf8) ? 2 : 3
                guard columns == 2 || line.elementsEqual(head.utf8) else {
                    throw FleetFileError(
                        text:
                            "\(path): its first line must be \(head), or \(headWithoutSecrets) for devices with certificates"
                    )
                }
                continue
            }
            let cells = line.split(separator: 44, omittingEmptySubsequences: false)
            guard cells.count == columns, cells.allSatisfy({ !$0.isEmpty && $0.count <= 255 })
            else {
                let what =
                    columns == 3
                    ? "a PK, a DK and a secret: \(head)" : "a PK and a DK: \(headWithoutSecrets)"
                throw FleetFileError(text: "\(path), line \(number): must have \(what)")
            }
            devices.append(
                Device(
                    productKey: Array(cells[0]), deviceKey: Array(cells[1]),
                    secret: columns == 3 ? Array(cells[2]) : nil))
        }
        guard !devices.isEmpty else { throw FleetFileError(text: "\(path) names no device") }
        return devices
    }

    /// Fails when the file is there: it has the secrets of another fleet, which are nowhere else.
    static func refuseToReplace(_ path: String) throws(FleetFileError) {
        guard !isThere(path) else {
            throw FleetFileError(
                text:
                    "\(path) is there already, with the secrets of a fleet: leave --prepare out to use it, or name another file"
            )
        }
    }

    private static func isThere(_ path: String) -> Bool {
        do throws(FileError) {
            _ = try FileSystem.read(path, maximumBytes: 1)
            return true
        } catch {
            return error.code != .noSuchFile
        }
    }

    /// Writes the file of devices that sign, for its owner only: secrets are in it.
    static func write(_ devices: [Device], to path: String) throws(FleetFileError) {
        var bytes = Array("\(head)\n".utf8)
        for device in devices {
            let secret = device.secret ?? []
            bytes += device.productKey + [44] + device.deviceKey + [44] + secret + [10]
        }
        do throws(FileError) {
            try FileSystem.write(bytes.span, atomicallyTo: path, mode: 0o600)
        } catch {
            throw FleetFileError(text: "\(path) can't be written: \(error.code)")
        }
    }
}

/// What is wrong with a fleet's file, for people.
public struct FleetFileError: Error, Sendable, Equatable {
    public let text: String
}
