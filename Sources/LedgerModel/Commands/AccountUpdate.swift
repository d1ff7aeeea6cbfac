/// What a command changes about an account; what is `nil` stays as it is.
public struct AccountUpdate: Hashable, Sendable {
    public var name: String?

    /// Where alerts go by default (rule E1).
    public var email: EmailAddress?

    public init(name: String? = nil, email: EmailAddress? = nil) {
        self.name = name
        self.email = email
    }
}
