import Admin
import ArgumentParser

struct ClockVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clock", abstract: "The gateway's clock, and whether its books believe it.",
        subcommands: commands(Show.self, Confirm.self))

    struct Show: Verb {
        static let about = "What the clock says, and whether the books believe it."
        static let example = "clock show"
        var request: APIRequest { .get("clock") }
    }

    struct Confirm: Irreversible {
        static let about = "Says that the clock is right: codes are consumed again."
        static let example = "clock confirm"
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .post("clock/confirm") }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let clock = try await gateway.document(.get, "clock")
            let now = clock["now"]?.text ?? "?"
            guard let doubt = clock["doubt"]?.text else {
                return "the books believe the clock, which says \(now), as it is"
            }
            let known = clock["known"]?.text ?? "?"
            return
                "the clock says \(now), \(doubt) of what the books know (\(known)): activations begin and end by it"
        }
    }
}
