import Admin
import ArgumentParser
import Foundation

extension DeviceVerbs {
    /// Messages to a device.
    struct Send: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sends it a message, if it is connected.",
            discussion: "Tells whether the message was delivered, or why not."
        )

        @Argument var pk: String
        @Argument var dk: String
        @Argument(help: "What follows d/PK/DK/down/.") var topic: String
        @Argument(help: "Text; - is standard input, as it is.") var payload: String
        @Flag(help: "PAYLOAD is Base64 of bytes.") var base64 = false
        @Option(help: "0 or 1.") var qos = 1
        @OptionGroup var api: APIOptions

        func run() async throws {
            let bytes = payload == "-" ? FileHandle.standardInput.readDataToEndOfFile() : nil
            let name = bytes != nil || base64 ? "payloadBase64" : "payload"
            let body = JSON.object(of: [
                ("topic", .text(topic)),
                (name, .text(bytes?.base64EncodedString() ?? payload)),
                ("qos", .integer(Int64(qos))),
            ])
            try await api.show(.post, DeviceVerbs.path(pk, dk) + "/messages", body)
        }
    }
}
