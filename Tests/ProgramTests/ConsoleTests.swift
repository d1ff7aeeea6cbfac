import Foundation
import Processes
import Support
import Testing

/// The console in a browser: Debian's Chromium, driven by scripts beside this file.
@Suite("Console", .waits, .serialized)
struct ConsoleTests {
    /// Runs a script against a gateway of its own; answers its lines.
    private static func lines(
        of script: String, _ arguments: [String] = [], in program: Program
    ) throws -> (lines: [String], errors: String) {
        let place = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "\(script).py").path
        let executable = try #require(program.process([], [:]).executableURL)
        let result = try program.python([place, executable.path] + arguments)
        let log = program.directory.appending(path: "serve.err")
        let said = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        return (
            result.output.split(separator: "\n").map(String.init), "\(result.errors)\(said)"
        )
    }

    private static func lines(of script: String, _ arguments: [String] = []) throws -> (
        lines: [String], errors: String
    ) {
        let program = try Program()
        defer { program.remove() }
        return try lines(of: script, arguments, in: program)
    }

    private func expect(
        _ script: String, says expected: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let (lines, errors) = try Self.lines(of: script)
        #expect(
            lines == expected.split(separator: "\n").map(String.init), "\(errors)",
            sourceLocation: sourceLocation)
    }

    @Test(
        "every page, in both languages, at three widths, light and dark: no error, nothing that the policy stops, nothing serious for axe, nothing too wide"
    )
    func walk() throws {
        let (lines, errors) = try Self.lines(of: "console_walk")
        #expect(lines == ["pages 588", "exit code 0"], "\(errors)")
    }

    @Test(
        "a file is sent with its progress shown, and its faults named; corrections are the owner's; metadata"
    )
    func forms() throws {
        try expect(
            "console_forms",
            says: """
                secrets 3001
                progress True True
                mended 5
                known 3004
                accounts/acme {'room': 'attic'}
                products/lamp {'room': 'attic'}
                products/lamp/devices/lamp-1 {'room': 'attic'}
                refused no such name!
                lamp {'messages': {'perSecond': 10, 'burst': 20}, 'excess': 'refuse', 'packetBytes': 4096}
                removed None
                lamp/devices/lamp-1 {'messages': {'perSecond': 10, 'burst': 20}, 'excess': 'refuse', 'packetBytes': 4096}
                removed None
                too large The file is too large.
                image 3.0 3000000 True True
                state {'on': False, 'level': 2} 2
                refused {'on': 1}
                pattern a/#/b: # stands alone in the last level
                dialect ['tollgate', 'jwt'] ['a/${dk}'] []
                authority Second False
                typed wrong 1
                authorities ['Factory']
                campaign stopped
                purchase 0
                assignment 7 1
                pack 100000
                activation inactive
                causes ['bought twice', 'wrong product', 'given back', 'never delivered']
                operator 0
                application 0 ['每秒字节数', '500', '停顿后一次可发的字节数', '500', '超出速率的消息', '断开连接']
                errors []
                exit code 0
                """)
    }

    @Test(
        "by the keyboard alone: each page forth and back, every stop seen, nothing left out, no trap; a form refused has the focus where it is mended"
    )
    func keyboard() throws {
        try expect(
            "console_keyboard",
            says: """
                wide
                skipped to main
                behind the list f-online ''
                renamed Hall 8
                refused, and the focus is on _typed
                deleted 404
                chosen meter True True
                refused, and the focus is on alert
                refused, and the focus is on down
                signed out 登录 · Tollgate True
                phone
                skipped to main
                behind the list f-online ''
                renamed Hall 9
                refused, and the focus is on _typed
                deleted 404
                chosen meter True True
                refused, and the focus is on alert
                refused, and the focus is on down
                signed out 登录 · Tollgate True
                exit code 0
                """)
    }

    @Test(
        "markup in every text that is kept: pages, lists and files show it as it is, none takes it for its own; no text of the API's document is left out"
    )
    func markup() throws {
        try expect(
            "console_markup",
            says: """
                texts without markup []
                texts True
                answers []
                pages True []
                shown account account-metadata audience authority cause client-identifier contact desired \
                detail device device-metadata down key listed package payload product product-metadata reported \
                state topic uncounted up webhook wish
                refused [422, 409, 422]
                sent 303
                mail 303
                import 422
                after forms []
                shown by forms account audience desired device device-metadata down product refused-key \
                refused-name refused-pattern refused-state reported search state uncounted up webhook \
                webhook-answer wish
                exit code 0
                """)
    }

    /// A sentence of the origin's documents, as `Console.md` has it.
    struct Sentence: CustomTestStringConvertible, Sendable {
        let name: String
        let text: String

        var testDescription: String { "\(name): \(text)" }

        static let all: [Sentence] = {
            let page = Program.root.appending(
                path: "Sources/Gateway/Gateway.docc/Operators/Console.md")
            let text = (try? String(contentsOf: page, encoding: .utf8)) ?? ""
            return text.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { line in
                let cells = line.split(separator: "|").map {
                    $0.trimmingCharacters(in: .whitespaces)
                }
                return Sentence(
                    name: cells[0].trimmingCharacters(in: ["`"]),
                    text: cells[1])
            }
        }()

        /// What was shown, all in one browser.
        static let shown = Result { try lines(of: "console_sentences") }
    }

    @Test("a sentence of the origin's documents about a page", arguments: Sentence.all)
    func sentences(_ sentence: Sentence) throws {
        let (lines, errors) = try Sentence.shown.get()
        let reason = errors.components(separatedBy: "\n").drop {
            !$0.hasPrefix("\(sentence.name) ")
        }
        #expect(lines.contains(sentence.name), "\(reason.prefix(30).joined(separator: "\n"))")
    }

    @Test("the table of sentences has each that is shown, and no other")
    func table() throws {
        let (lines, errors) = try Sentence.shown.get()
        #expect(lines == Sentence.all.map(\.name) + ["exit code 0"], "\(errors)")
        #expect(Sentence.all.count > 30)
    }

    @Test(
        "an attacker finds no fixed session, no form without its token, no way to another site or tenant, no markup"
    )
    func security() throws {
        try expect(
            "console_security",
            says: """
                signed in 303 /console
                new ids True 64
                the former one ended 303
                flags ['HttpOnly', 'Path=/', 'SameSite=Strict']
                no token 403
                a wrong token 403
                no origin 403
                another origin 403
                an opaque origin 403
                another session's token 403
                sign-in from elsewhere 403
                sign-in without its cookie 422
                none was made ['acme', 'acme-sub', 'other']
                next https://evil.example/ /console
                next //evil.example /console
                next /\\evil.example /console
                next /v1/accounts /console
                next /console/../v1 /console
                next /console//evil /console
                next /console/keys?a=b /console/keys?a=b
                language leads to /console
                others' pages [404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 403, 404, 404, 404, 404, 403, 403, 403, 403, 403]
                deleteProduct 404
                disableDevice 404
                buyCodes 403
                near expiry of others False
                escaped [True, True, True, True, True, True, True, True, True, True, True, True, True]
                Content-Security-Policy default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'
                X-Frame-Options DENY
                X-Content-Type-Options nosniff
                Referrer-Policy same-origin
                Cache-Control no-store
                before 200
                revoked 303 /console/sign-in
                signed out 303 303
                its stream broken off False
                exit code 0
                """)
    }

    @Test("under TLS the cookie is bound to the host and to TLS, and a plain origin is another one")
    func encrypted() throws {
        let program = try Program()
        defer { program.remove() }
        let line =
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem"
        #expect(try program.shell(line).code == 0)
        let (lines, errors) = try Self.lines(
            of: "console_security", ["cert.pem", "key.pem"], in: program)
        let expected = [
            "cookies ['__Host-tollgate-session']",
            "flags ['HttpOnly', 'Path=/', 'SameSite=Strict', 'Secure']",
            "a plain origin 403", "exit code 0",
        ]
        #expect(lines == expected, "\(errors)")
    }

    @Test("a page of 100 of 100,000 devices is quick, wherever in the list")
    func time() throws {
        let (lines, errors) = try Self.lines(of: "console_time", ["100000", "100"])
        #expect(lines == ["pages 100 True", "exit code 0"], "\(errors)")
    }
}
