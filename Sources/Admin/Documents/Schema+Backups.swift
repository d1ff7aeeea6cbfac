public import Gateway

extension Backup.State: Choice {
    var name: String { rawValue }
}

extension Schema {
    static let backup = named(
        "Backup",
        .object([
            "id": .count,
            "directory": .noted(.anyText, "Where it is once it is done; there is nothing before."),
            "state": .choice(Backup.State.self),
            "startedAt": .time,
            "finishedAt": .nullable(.time),
            "bytes": .noted(.count, "Written so far."),
            "expectedBytes": .noted(.count, "As many as it takes, about."),
            "lastEvent": .noted(.nullable(.count), "The number of the newest event in it."),
            "problem": .noted(.nullable(.anyText), "Why it failed."),
        ])
    )
}

extension JSON {
    public init(_ backup: Backup) {
        self = [
            "id": JSON(backup.id),
            "directory": .text(backup.directory),
            "state": .text(backup.state.name),
            "startedAt": JSON(backup.startedAt),
            "finishedAt": JSON(backup.finishedAt),
            "bytes": JSON(backup.bytes),
            "expectedBytes": JSON(backup.expectedBytes),
            "lastEvent": JSON(backup.lastEvent),
            "problem": JSON(backup.problem),
        ]
    }
}
