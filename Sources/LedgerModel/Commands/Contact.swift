/// Somebody who gets an account's alerts besides its owner (rule E1).
public struct Contact: Hashable, Sendable {
    public let email: EmailAddress
    public let name: String

    public init(email: EmailAddress, name: String = "") {
        self.email = email
        self.name = name
    }
}
