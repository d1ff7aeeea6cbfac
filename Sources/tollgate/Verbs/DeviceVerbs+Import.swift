import Admin
import ArgumentParser

extension DeviceVerbs {
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Imports the devices of a CSV file: dk,secret[,name], all or none.",
            discussion: """
                The file can be of any size: it is sent as it is read, and progress is shown on \
                standard error. The answer, on standard output, is the same file with the secrets that \
                were made. With an idempotency key, the same file can be sent again: it changes \
                nothing, and the answer is the same.
                """
        )

        @Argument var pk: String
        @Argument(help: "The file; - is standard input.") var file: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.upload(
                "products/\(pk.escaped)/devices",
                from: UploadSource(file),
                type: "text/csv"
            )
        }
    }

    struct Imports: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The large imports of a product, newest first.")

        @Argument var pk: String
        @Option(help: "At most so many.") var limit: Int?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "products/\(pk.escaped)/imports",
                columns: ["id", "state", "rows", "landed", "actor", "beganAt", "at"],
                limit: limit
            )
        }
    }
}
