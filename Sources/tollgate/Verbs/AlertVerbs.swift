import Admin
import ArgumentParser

struct AlertVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alert", abstract: "What crosses a threshold, and the mail about it.",
        subcommands: commands(
            List.self, Rules.self, Set.self, Reset.self, Recipients.self, Language.self,
            Letters.self, Retry.self, Test.self))

    struct List: Verb {
        static let about = "What has crossed a threshold, the oldest first."
        static let example = "alert list --account acme --open true"
        @Option(help: "Of that account.") var account: String?
        @Option(help: "Of that product.") var product: String?
        @Option(
            help:
                "Of that rule: one of those that accounts have, certificate-ending or backup-old.")
        var rule: String?
        @Option(help: "true: only those that are open; false: the others.") var open: Bool?
        var request: APIRequest {
            .list(
                "alerts"
                    + query([
                        "account": account, "product": product, "rule": rule,
                        "open": open.map { String($0) },
                    ]),
                by:
                    "id rule account product packs node open value threshold firedAt | authority authorityName productName repeatedAt resolvedAt resolvedValue"
            )
        }
    }

    struct Rules: Verb {
        static let about = "When alerts are fired for an account."
        static let example = "alert rules acme"
        @Argument(help: .account) var account: String
        var request: APIRequest {
            .list(
                "accounts/\(account.escaped)/alert-rules",
                by: "rule on number percent days source")
        }
    }

    struct Set: Verb {
        static let about = "Sets a rule for an account and its sub-accounts."
        static let example = "alert set acme codes-low --number 100 --percent 20"
        @Argument(help: .account) var account: String
        @Argument(help: .rule) var rule: String
        @Option(
            help:
                "Fewest codes or units that are enough; of what counts devices, fewest worth an alert; of what is about authorities, 1."
        )
        var number: Int64
        @Option(help: "The same as a share of all, if that is more, 0 to 100. Default: 0.")
        var percent: Int64?
        @Option(
            help:
                "How long before its end a code, a certificate or a list is near it. Default: 30; of revocation-list-due 7."
        )
        var days: Int64?
        @Option(help: "false: nothing is fired. Default: true.") var on: Bool?
        var request: APIRequest {
            .put(
                "accounts/\(account.escaped)/alert-rules/\(rule.escaped)",
                ["number": number, "percent": percent, "days": days, "on": on])
        }
    }

    struct Reset: Verb {
        static let about = "Takes an account's own rule away: what holds by default holds again."
        static let example = "alert reset acme codes-low"
        @Argument(help: .account) var account: String
        @Argument(help: .rule) var rule: String
        var request: APIRequest {
            .delete("accounts/\(account.escaped)/alert-rules/\(rule.escaped)")
        }
    }

    struct Recipients: Verb {
        static let about = "Who gets an account's alerts, and in which language."
        static let example = "alert recipients acme"
        @Argument(help: .account) var account: String
        var request: APIRequest { .get("accounts/\(account.escaped)/alert-language") }
    }

    struct Language: Verb {
        static let about = "Chooses the language of an account's alerts, or of one contact's."
        static let example = "alert language acme zh"
        @Argument(help: .account) var account: String
        @Argument(help: "en or zh.") var language: String
        @Option(help: "The e-mail address of the contact, of which alone it is.")
        var contact: String?
        var request: APIRequest {
            .put(
                "accounts/\(account.escaped)/alert-language",
                ["language": language, "contact": contact])
        }
    }

    struct Letters: Verb {
        static let about = "Mail about alerts, and how each is doing."
        static let example = "alert letters --delivery given-up"
        @Option(help: "Of that account.") var account: String?
        @Option(help: "waiting, under-way, sent or given-up.") var delivery: String?
        var request: APIRequest {
            .list(
                "notifications" + query(["account": account, "delivery": delivery]),
                by:
                    "id alert email delivery attempts status answer | account resolution language nextAt createdAt endedAt unknownOutcomes"
            )
        }
    }

    struct Retry: Verb {
        static let about = "Has a mail that was given up sent again."
        static let example = "alert retry 17"
        @Argument(help: "The mail's id.") var id: String
        var request: APIRequest { .post("notifications/\(id.escaped)/retry") }
    }

    struct Test: Verb {
        static let about = "Sends a test mail now, and says what the mail server answers."
        static let example = "alert test ann@acme.example"
        @Argument(help: "Where it goes.") var email: String
        var request: APIRequest { .post("alerts/test", ["email": email]) }
    }
}

extension ArgumentHelp {
    fileprivate static var rule: ArgumentHelp {
        "codes-low, near-expiry, packs-low, refused-for-code, at-daily-limit, authority-ending or revocation-list-due."
    }
}
