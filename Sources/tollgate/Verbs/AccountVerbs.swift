import Admin
import ArgumentParser

struct AccountVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account", abstract: "Tenants, which own products and codes.",
        subcommands: commands(
            List.self, Show.self, Create.self, Update.self, Rename.self, Note.self, Certify.self,
            SubAccounts.self, CreateSubAccount.self, Contacts.self, AddContact.self,
            RemoveContact.self, Usage.self, Online.self) + [Report.self])

    private static let columns: Columns =
        "id name kind codes.total codes.used codes.remaining codes.unassigned | parent email dataCentre createdAt"

    struct List: Verb {
        static let about = "The accounts, by id."
        static let example = "account list --data-centre eu-west"
        @Option(help: .dataCentre) var dataCentre: String?
        var request: APIRequest {
            .list("accounts" + query(["dataCentre": dataCentre]), by: columns)
        }
    }

    struct Show: Verb {
        static let about = "An account, its codes, and how many devices are near expiry."
        static let example = "account show acme"
        @Argument(help: .account) var id: String
        @Option(help: .dataCentre) var dataCentre: String?
        var request: APIRequest {
            .get("accounts/\(id.escaped)" + query(["dataCentre": dataCentre]))
        }
    }

    struct Create: Verb {
        static let about = "Makes an account, with its free codes."
        static let example = "account create --id acme --name 'Acme Ltd.' --email ops@acme.example"
        @Option(help: .name) var name: String
        @Option(help: "enterprise or individual.") var kind = "enterprise"
        @Option(help: .id) var id: String?
        @Option(help: "The account it is a sub-account of.") var parent: String?
        @Option(help: .email) var email: String?
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
        static let about = "Changes an account; what is left out stays."
        static let example = "account update acme --email ops@acme.example"
        @Argument(help: .account) var id: String
        @Option(help: .name) var name: String?
        @Option(help: .email) var email: String?
        var request: APIRequest {
            .patch("accounts/\(id.escaped)", ["name": name, "email": email])
        }
    }

    struct Rename: Verb {
        static let about = "Gives an account another name; its id stays."
        static let example = "account rename acme 'Acme Limited'"
        @Argument(help: .account) var id: String
        @Argument(help: "The new name.") var name: String
        var request: APIRequest { .patch("accounts/\(id.escaped)", ["name": name]) }
    }

    struct Note: Verb {
        static let about = "Notes something about an account, as metadata, or takes it away."
        static let example = "account note acme crm-id=4711 region=north --remove old"
        @Argument(help: .account) var id: String
        @OptionGroup var metadata: MetadataArguments
        var request: APIRequest {
            get throws(Failure) {
                .show(.patch, "accounts/\(id.escaped)/metadata", try metadata.patch)
            }
        }
    }

    struct Certify: Irreversible {
        static let about = "Makes an individual account, with its sub-accounts, an enterprise."
        static let example = "account certify ann"
        @Argument(help: .account) var id: String
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .post("accounts/\(id.escaped)/certify") }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let account = try await gateway.document(.get, "accounts/\(id.escaped)")
            return
                "account \(id) (\(account["name"]?.text ?? "?")) becomes an enterprise, with its sub-accounts,"
                + " and can't become an individual again"
        }
    }

    struct SubAccounts: Verb {
        static let about = "The sub-accounts of one account."
        static let example = "account sub-accounts acme"
        @Argument(help: .account) var id: String
        var request: APIRequest { .list("accounts/\(id.escaped)/sub-accounts", by: columns) }
    }

    struct CreateSubAccount: Verb {
        static let about = "Makes a sub-account, of the kind that its parent is."
        static let example = "account create-sub-account acme --id acme-west --name 'Acme West'"
        @Argument(help: "The account it belongs to.") var parent: String
        @Option(help: .name) var name: String
        @Option(help: .id) var id: String?
        @Option(help: .email) var email: String?
        var request: APIRequest {
            .post(
                "accounts/\(parent.escaped)/sub-accounts",
                ["id": id, "name": name, "email": email])
        }
    }
}

extension AccountVerbs {
    struct Usage: Verb {
        static let about = "The messages of all its products' devices, day by day."
        static let example = "account usage acme --from 2026-11-01"
        @Argument(help: .account) var id: String
        @OptionGroup var span: UsageSpan
        var request: APIRequest {
            span.request(of: "accounts/\(id.escaped)", by: "day used topUp missing")
        }
    }

    struct Online: Verb {
        static let about =
            "The devices of all its products over time: how many, and the most that were online at once."
        static let example = "account online acme --from 2026-11-01"
        @Argument(help: .account) var id: String
        @OptionGroup var span: OnlineSpan
        var request: APIRequest { span.request(of: "accounts/\(id.escaped)") }
    }
}

/// Who gets an account's alerts besides its owner.
extension AccountVerbs {
    struct Contacts: Verb {
        static let about =
            "Who gets alerts of an account and its sub-accounts besides their owners."
        static let example = "account contacts acme"
        @Argument(help: .account) var id: String
        var request: APIRequest {
            .list("accounts/\(id.escaped)/contacts", by: "email name at actor")
        }
    }

    struct AddContact: Verb {
        static let about = "Adds a contact, or changes the name of one."
        static let example = "account add-contact acme ann@acme.example --name Ann"
        @Argument(help: .account) var id: String
        @Argument(help: "The contact's e-mail address.") var email: String
        @Option(help: "Whose address that is.") var name = ""
        var request: APIRequest { .put(contact(id, email), ["name": name]) }
    }

    struct RemoveContact: Verb {
        static let about = "Removes a contact."
        static let example = "account remove-contact acme ann@acme.example"
        @Argument(help: .account) var id: String
        @Argument(help: "The contact's e-mail address.") var email: String
        var request: APIRequest { .delete(contact(id, email)) }
    }
}

private func contact(_ id: String, _ email: String) -> String {
    "accounts/\(id.escaped)/contacts/\(email.escaped)"
}
