import ArgumentParser

struct AccountVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account", abstract: "Tenants, which own products and codes.",
        subcommands: commands(
            List.self, Show.self, Create.self, Update.self, Certify.self, SubAccounts.self,
            CreateSubAccount.self, Contacts.self, AddContact.self, RemoveContact.self))

    private static let columns =
        "id name kind codes.total codes.used codes.remaining codes.unassigned"

    struct List: Verb {
        @Option(help: "Only what is counted in that data centre.") var dataCentre: String?
        var request: APIRequest {
            .list("accounts" + query(["dataCentre": dataCentre]), by: columns)
        }
    }

    struct Show: Verb {
        @Argument var id: String
        @Option(help: "Only what is counted in that data centre.") var dataCentre: String?
        var request: APIRequest {
            .get("accounts/\(id.escaped)" + query(["dataCentre": dataCentre]))
        }
    }

    struct Create: Verb {
        @Option var name: String
        @Option(help: "enterprise or individual.") var kind = "enterprise"
        @Option(help: "Its id; made when left out.") var id: String?
        @Option(help: "The account it is a sub-account of.") var parent: String?
        @Option(help: "Its owner's e-mail address, where alerts go.") var email: String?
        @Option(help: "Where its unassigned codes are counted.") var dataCentre: String?
        var request: APIRequest {
            .post(
                "accounts",
                [
                    "id": id, "name": name, "kind": kind, "parent": parent, "email": email,
                    "dataCentre": dataCentre,
                ])
        }
    }

    struct Update: Verb {
        @Argument var id: String
        @Option var name: String?
        @Option(help: "Its owner's e-mail address, where alerts go.") var email: String?
        var request: APIRequest {
            .patch("accounts/\(id.escaped)", ["name": name, "email": email])
        }
    }

    struct Certify: Verb {
        static let about = "Makes an individual account, with its sub-accounts, an enterprise."
        @Argument var id: String
        var request: APIRequest { .post("accounts/\(id.escaped)/certify") }
    }

    struct SubAccounts: Verb {
        static let about = "The sub-accounts of one account."
        @Argument var id: String
        var request: APIRequest { .list("accounts/\(id.escaped)/sub-accounts", by: columns) }
    }

    struct CreateSubAccount: Verb {
        @Argument(help: "The account it belongs to.") var parent: String
        @Option var name: String
        @Option(help: "Its id; made when left out.") var id: String?
        @Option(help: "Its owner's e-mail address, where alerts go.") var email: String?
        var request: APIRequest {
            .post(
                "accounts/\(parent.escaped)/sub-accounts",
                ["id": id, "name": name, "email": email])
        }
    }
}

/// Who gets an account's alerts besides its owner.
extension AccountVerbs {
    struct Contacts: Verb {
        static let about =
            "Who gets alerts of an account and its sub-accounts besides their owners."
        @Argument var id: String
        var request: APIRequest {
            .list("accounts/\(id.escaped)/contacts", by: "email name at actor")
        }
    }

    struct AddContact: Verb {
        static let about = "Adds a contact, or changes the name of one."
        @Argument var id: String
        @Argument var email: String
        @Option(help: "Whose address that is.") var name = ""
        var request: APIRequest { .put(contact(id, email), ["name": name]) }
    }

    struct RemoveContact: Verb {
        @Argument var id: String
        @Argument var email: String
        var request: APIRequest { .delete(contact(id, email)) }
    }
}

private func contact(_ id: String, _ email: String) -> String {
    "accounts/\(id.escaped)/contacts/\(email.escaped)"
}
