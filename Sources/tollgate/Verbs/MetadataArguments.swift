import Admin
import ArgumentParser

/// What is to be noted about an account, a product or a device.
struct MetadataArguments: ParsableArguments {
    @Argument(help: "What to note, as KEY=VALUE; what is not named stays.") var values: [String] =
        []

    @Option(parsing: .upToNextOption, help: "Keys to take away.") var remove: [String] = []

    /// The body of the request.
    var patch: JSON {
        get throws(Failure) {
            var members: [JSON.Member] = []
            for text in values {
                guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                    throw Failure(text: "\(text): must be KEY=VALUE", code: 2)
                }
                members.append(
                    JSON.Member(
                        name: String(text[..<equals]),
                        value: .text(String(text[text.index(after: equals)...]))))
            }
            members += remove.map { JSON.Member(name: $0, value: .null) }
            guard !members.isEmpty else {
                throw Failure(
                    text: "there is nothing to note: give KEY=VALUE, or --remove KEY", code: 2)
            }
            return .object(members)
        }
    }
}
