import ArgumentParser

/// OTA upgrades (rules D1 and D2).
extension DeviceVerbs {
    struct RequestUpgrade: Verb {
        static let about = "Asks whether an OTA upgrade may start, and pays for it."
        static let example = "device request-upgrade lamp lamp-1 v2.1 --size-bytes 3000000"
        static let discussion = "Each 5 MB (5,242,880 bytes) begun take an attempt."
        @OptionGroup var device: DeviceArguments
        @Argument(help: "The upgrade's id.") var id: String
        @Option(help: "The size of what is sent, in bytes.") var sizeBytes: Int64
        var request: APIRequest { .post("\(device)/upgrades", ["id": id, "sizeBytes": sizeBytes]) }
    }

    struct ReportUpgrade: Verb {
        static let about = "Reports how an OTA upgrade ended; a failed one costs nothing."
        static let example = "device report-upgrade lamp lamp-1 v2.1 succeeded"
        enum Outcome: String, ExpressibleByArgument, CaseIterable { case succeeded, failed }
        @OptionGroup var device: DeviceArguments
        @Argument(help: "The upgrade's id.") var id: String
        @Argument(help: "How it ended: succeeded or failed.") var outcome: Outcome
        var request: APIRequest {
            .patch("\(device)/upgrades/\(id.escaped)", ["state": outcome.rawValue])
        }
    }

    struct Upgrades: Verb {
        static let about = "Its OTA upgrades, the latest first."
        static let example = "device upgrades lamp lamp-1"
        @OptionGroup var device: DeviceArguments
        @Option(help: .limit) var limit: Int?
        var request: APIRequest {
            .list(
                "\(device)/upgrades",
                by:
                    "id state sizeBytes attempts requestedAt reportedAt | fromAllowance fromPacks month",
                limit: limit)
        }
    }
}
