import Admin
import ArgumentParser

extension ProductVerbs {
    struct CountState: Verb {
        static let about =
            "Counts what its devices say of their states as messages, or holds them to a pace instead."
        static let example = "product count-state lamp on"
        @Argument(help: .product) var pk: String
        @Argument(help: "on: counted, and as often as the allowance covers; off: neither.")
        var counted: String

        func validate() throws {
            guard counted == "on" || counted == "off" else {
                throw ValidationError("COUNTED has to be on or off.")
            }
        }

        var request: APIRequest {
            .put("products/\(pk.escaped)/state", ["counted": counted == "on"])
        }
    }
}

extension DeviceVerbs {
    struct State: Verb {
        static let about = "Shows what a device is to be, and what it says that it is."
        static let example = "device state lamp lamp-1"
        @Argument(help: .product) var pk: String
        @Argument(help: .device) var dk: String
        var request: APIRequest { .get("products/\(pk.escaped)/devices/\(dk.escaped)/state") }
    }

    struct SetState: Verb {
        static let about = "Changes what a device is to be, or says it anew."
        static let example = #"device set-state lamp lamp-1 '{"brightness":40}'"#
        @Argument(help: .product) var pk: String
        @Argument(help: .device) var dk: String
        @Argument(help: "A JSON object: a merge patch, in which null takes a member away.")
        var desired: String
        @Flag(help: "In place of all that was said before, rather than merged into it.")
        var replace = false
        @Option(help: "Only if the desired document has this version.") var version: Int64?

        private var json: JSON? { JSON(parsing: Array(desired.utf8)) }

        func validate() throws {
            guard case .object? = json else {
                throw ValidationError("DESIRED has to be a JSON object.")
            }
        }

        var request: APIRequest {
            let path = "products/\(pk.escaped)/devices/\(dk.escaped)/state"
            let members: Members = ["desired": json, "version": version]
            return replace ? .put(path, members) : .patch(path, members)
        }
    }
}
