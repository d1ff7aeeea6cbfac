import ArgumentParser

/// The verbs that are one request each.
extension DeviceVerbs {
    struct Show: DeviceVerb {
        static let configuration = CommandConfiguration(abstract: "Its state and its activation.")
        static let method = HTTPClient.Method.get
        static let suffix = ""

        @Argument var pk: String
        @Argument var dk: String
        @OptionGroup var api: APIOptions
    }

    struct Disable: DeviceVerb {
        static let configuration = CommandConfiguration(
            abstract: "Disconnects and refuses it; its activation runs on.")
        static let method = HTTPClient.Method.post
        static let suffix = "/disable"

        @Argument var pk: String
        @Argument var dk: String
        @OptionGroup var api: APIOptions
    }

    struct Enable: DeviceVerb {
        static let configuration = CommandConfiguration(abstract: "Lets it connect again.")
        static let method = HTTPClient.Method.post
        static let suffix = "/enable"

        @Argument var pk: String
        @Argument var dk: String
        @OptionGroup var api: APIOptions
    }

    struct Activate: DeviceVerb {
        static let configuration = CommandConfiguration(abstract: "Consumes a code for it by hand.")
        static let method = HTTPClient.Method.post
        static let suffix = "/activate"

        @Argument var pk: String
        @Argument var dk: String
        @OptionGroup var api: APIOptions
    }

    struct ResetSecret: DeviceVerb {
        static let configuration = CommandConfiguration(
            abstract: "Gives it a new secret, which is shown once.")
        static let method = HTTPClient.Method.post
        static let suffix = "/reset-secret"

        @Argument var pk: String
        @Argument var dk: String
        @OptionGroup var api: APIOptions
    }

    struct Delete: DeviceVerb {
        static let configuration = CommandConfiguration(
            abstract: "Deletes it; no code comes back, its activation runs on.")
        static let method = HTTPClient.Method.delete
        static let suffix = ""

        @Argument var pk: String
        @Argument var dk: String
        @OptionGroup var api: APIOptions
    }

    struct Usage: DeviceVerb {
        static let configuration = CommandConfiguration(
            abstract: "What it used today and on the days before.")
        static let method = HTTPClient.Method.get
        static let suffix = "/usage"

        @Argument var pk: String
        @Argument var dk: String
        @OptionGroup var api: APIOptions
    }

    struct Admission: DeviceVerb {
        static let configuration = CommandConfiguration(
            abstract: "What would happen if it connected now.")
        static let method = HTTPClient.Method.get
        static let suffix = "/admission"

        @Argument var pk: String
        @Argument var dk: String
        @OptionGroup var api: APIOptions
    }

    struct Connection: DeviceVerb {
        static let configuration = CommandConfiguration(
            abstract: "Its connection, if there is one.")
        static let method = HTTPClient.Method.get
        static let suffix = "/connection"

        @Argument var pk: String
        @Argument var dk: String
        @OptionGroup var api: APIOptions
    }

    struct Kick: DeviceVerb {
        static let configuration = CommandConfiguration(abstract: "Ends its connection.")
        static let method = HTTPClient.Method.delete
        static let suffix = "/connection"

        @Argument var pk: String
        @Argument var dk: String
        @OptionGroup var api: APIOptions
    }
}
