import Admin
import ArgumentParser

/// What a new top-up pack is made of.
struct PackOptions: ParsableArguments {
    @Argument var account: String
    @Option(help: "messages or ota.") var kind: String
    @Option(help: "Messages, or OTA attempts of 5 MiB.") var quantity: Int64
    @Option(help: "When it ends, like 2027-01-01T00:00:00Z.") var expiresAt: String

    func enter(_ source: String, _ api: APIOptions) async throws {
        try await api.show(
            .post,
            "accounts/\(account.escaped)/topups",
            [
                "kind": .text(kind), "source": .text(source), "quantity": .integer(quantity),
                "expiresAt": .text(expiresAt),
            ]
        )
    }
}
