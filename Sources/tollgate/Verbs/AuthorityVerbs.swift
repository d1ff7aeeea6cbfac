import Admin
import ArgumentParser
import Cryptography

struct AuthorityVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "authority",
        abstract: "CAs of an account, whose certificates its devices connect with.",
        subcommands: commands(
            List.self, Show.self, Code.self, Register.self, Crl.self, Enable.self, Disable.self,
            SetRules.self, SetPinning.self, Remove.self))

    struct List: Verb {
        static let about =
            "An account's authorities, when their certificates end, and when lists of revoked ones are due."
        static let example = "authority list acme"
        @Argument(help: .account) var account: String
        var request: APIRequest {
            .list(
                "accounts/\(account.escaped)/authorities",
                by:
                    "id name on notAfter daysLeft nearEnd crlNextUpdate crlOverdue revoked subject | notBefore registeredAt crlNumber crlThisUpdate"
            )
        }
    }

    struct Show: Verb {
        static let about = "An authority, with its certificate."
        static let example = "authority show acme 3f9c...e1"
        @OptionGroup var authority: AuthorityArguments
        var request: APIRequest { .get(authority.path) }
    }

    struct Code: Verb {
        static let about = "What the CN of the certificate is that proves a new authority."
        static let example = "authority code acme"
        @Argument(help: .account) var account: String
        var request: APIRequest { .get("accounts/\(account.escaped)/authority-code") }
    }

    struct Register: Verb {
        static let about = "Has certificates of an authority let the account's devices in."
        static let discussion =
            "The proof is a certificate that the authority's key has signed, with what `authority code` shows as CN."
        static let example =
            "authority register acme --name 'Factory 1' --certificate ca.pem --proof proof.pem"
        @Argument(help: .account) var account: String
        @Option(help: .name) var name: String
        @Option(help: "The authority's certificate, a file in PEM.") var certificate: String
        @Option(help: "The certificate that proves it, a file in PEM.") var proof: String
        var request: APIRequest {
            get throws(Failure) {
                .post(
                    "accounts/\(account.escaped)/authorities",
                    [
                        "name": name, "certificate": try AuthorityVerbs.text(of: certificate),
                        "proof": try AuthorityVerbs.text(of: proof),
                    ])
            }
        }
    }

    struct Crl: Irreversible {
        static let about = "Gives an authority's latest list of revoked certificates (CRL)."
        static let discussion = """
            It takes the place of the list before, and must not be older. Connections that its certificates have opened \
            end, and these let no device in any more. At most 20,000 certificates.
            """
        static let example = "authority crl acme 3f9c...e1 factory.crl --yes"
        @OptionGroup var authority: AuthorityArguments
        @Argument(help: "The list, a file in PEM or DER; - is standard input.") var file: String
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest {
            get throws(Failure) {
                let bytes = try UploadSource(file).all()
                let list =
                    Self.isList(bytes)
                    ? Base64.encoded(bytes) : try AuthorityVerbs.text(bytes, of: file)
                return .put("\(authority.path)/crl", ["crl": list])
            }
        }

        /// Whether they are DER (X.690) as lists are, a SEQUENCE that begins with another one: a private key's first is a
        /// number.
        private static func isList(_ bytes: [UInt8]) -> Bool {
            guard bytes.count > 2, bytes[0] == 0x30 else { return false }
            let begin = bytes[1] < 0x80 ? 2 : 2 + Int(bytes[1] & 0x7F)
            return begin < bytes.count && bytes[begin] == 0x30 && !bytes.allSatisfy { $0 < 0x80 }
        }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            "\(try await authority.text(at: gateway)) gets the list \(file): connections that the certificates in it have"
                + " opened end"
        }
    }

    /// What is in a file: text. A private key that was taken for the certificate does not leave the machine.
    private static func text(of file: String) throws(Failure) -> String {
        try text(UploadSource(file).all(), of: file)
    }

    private static func text(_ bytes: [UInt8], of file: String) throws(Failure) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        guard !text.contains("PRIVATE KEY") else {
            throw Failure(
                text: "\(file): has a private key in it, which was not sent;"
                    + " name a file with the certificate or the list alone", code: 2)
        }
        guard text.utf8.elementsEqual(bytes) else {
            throw Failure(text: "\(file): is not PEM, and was not sent", code: 2)
        }
        return text
    }

    struct Enable: Verb {
        static let about = "Lets devices in again with certificates of an authority."
        static let example = "authority enable acme 3f9c...e1"
        @OptionGroup var authority: AuthorityArguments
        var request: APIRequest { .patch(authority.path, ["on": true]) }
    }

    struct Disable: Irreversible {
        static let about = "Ends the connections of an authority's devices, and lets none in."
        static let example = "authority disable acme 3f9c...e1 --yes"
        @OptionGroup var authority: AuthorityArguments
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .patch(authority.path, ["on": false]) }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            "\(try await authority.text(at: gateway)) is switched off: connections that its certificates have opened end"
        }
    }

    struct SetRules: Verb {
        static let about =
            "Says how its certificates name devices, and whether they bring new ones."
        static let discussion = """
            What is not said is as for a new authority: CN PK.DK, or SAN URI urn:tollgate:device:PK:DK, and devices that are \
            not known are registered only where their product's registration is open. The account's other authorities with the \
            same name and key have the same rules.
            """
        static let example =
            "authority set-rules acme 3f9c...e1 --pattern 'cn:${dk}' --product lamp --registers-devices"
        @OptionGroup var authority: AuthorityArguments
        @Option(
            help:
                "cn:, san-dns: or san-uri:, and that name with ${dk} and, once at most, ${pk}.")
        var pattern: String?
        @Option(help: "Whose devices they are, of a pattern without ${pk}. Default: CONNECT says.")
        var product: String?
        @Flag(help: "Registers a device that is not known when it first connects.")
        var registersDevices = false
        var request: APIRequest {
            .put(
                "\(authority.path)/rules",
                [
                    "pattern": pattern, "product": product,
                    "registersDevices": registersDevices,
                ])
        }
    }

    struct SetPinning: Verb {
        static let about = "Says which of its certificates a device may show."
        static let discussion =
            """
            From a device's next connection on, and of the account's other authorities with the same name and key, too. What a \
            device may show: tollgate device pins, set-pins.
            """
        static let example = "authority set-pinning acme 3f9c...e1 first-use"
        @OptionGroup var authority: AuthorityArguments
        @Argument(
            help:
                "none: each that names it; first-use: the one that it was let in with first; listed: those in its list."
        )
        var pinning: String
        var request: APIRequest { .put("\(authority.path)/pinning", ["pinning": pinning]) }
    }

    struct Remove: Irreversible {
        static let about = "Forgets an authority; the connections of its devices end."
        static let example = "authority remove acme 3f9c...e1 --yes"
        @OptionGroup var authority: AuthorityArguments
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .delete(authority.path) }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            "\(try await authority.text(at: gateway)) is forgotten: connections that its certificates have opened end"
        }
    }
}

/// The authority that a verb is about.
struct AuthorityArguments: ParsableArguments {
    @Argument(help: .account) var account: String
    @Argument(help: "The authority's id: its certificate's SHA-256 fingerprint.") var id: String

    var path: String { "accounts/\(account.escaped)/authorities/\(id.escaped)" }

    /// For people, as the gateway knows it.
    func text(at gateway: APIClient) async throws(Failure) -> String {
        let document = try await gateway.document(.get, path)
        return "authority \(id.prefix(12)) (\(document["name"]?.text ?? "?")) of account \(account)"
    }
}
