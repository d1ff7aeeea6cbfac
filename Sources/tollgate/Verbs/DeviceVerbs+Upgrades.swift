import ArgumentParser

/// OTA upgrades (rules D1 and D2).
extension DeviceVerbs {
    struct RequestUpgrade: Verb {
        static let about = "Asks whether an OTA upgrade may start, and pays for it."
        static let discussion = "Each 5 MB (5,242,880 bytes) begun take an attempt."
        @OptionGroup var device: DeviceArguments
        @Argument(help: "The upgrade's id.") var id: String
        @Option(help: "Of the upgrade's package.") var sizeBytes: Int64
        var request: APIRequest { .post("\(device)/upgrades", ["id": id, "sizeBytes": sizeBytes]) }
    }

    struct ReportUpgrade: Verb {
        static let about = "Reports how an OTA upgrade ended; a failed one costs nothing."
        enum Outcome: String, ExpressibleByArgument, CaseIterable { case succeeded, failed }
        @OptionGroup var device: DeviceArguments
        @Argument(help: "The upgrade's id.") var id: String
        @Argument var outcome: Outcome
        var request: APIRequest {
            .patch("\(device)/upgrades/\(id.escaped)", ["state": outcome.rawValue])
        }
    }

    struct Upgrades: Verb {
        static let about = "Its OTA upgrades, the latest first."
        @OptionGroup var device: DeviceArguments
        @Option(help: "At most so many.") var limit: Int?
        var request: APIRequest {
            .list(
                "\(device)/upgrades",
                by:
                    "id state sizeBytes attempts fromAllowance fromPacks month requestedAt reportedAt",
                limit: limit)
        }
    }
}
