import Foundation
import Processes
import Support
import Testing

@testable import Load

/// Fleets that are made over the API, and what its answers are taken for.
@Suite(.waits) struct PreparationTests {
    private func prepare(_ program: LoadProgram, _ gateway: LoadedGateway, _ words: String) throws
        -> LoadProgram.Result
    {
        try program.shell(
            "tollgate-load activate --url \(gateway.url("local")) --fleet fleet.csv --prepare 5 --count 5 --quiet "
                + "--token-file data/admin.token \(words)")
    }

    @Test("A fleet is made over HTTPS when the API's certificate is trusted, and only then")
    func encrypted() throws {
        let program = try LoadProgram()
        let gateway = try LoadedGateway(program, .encryptedAPI)
        try #require(gateway.api.hasPrefix("https://127.0.0.1:"))
        let named = gateway.api.replacing("127.0.0.1", with: "localhost")
        let plain = gateway.api.replacing("https", with: "http")
        for (words, problem) in [
            ("--api \(gateway.api)", "its certificate is not trusted (self"),
            ("--api \(named) --api-ca cert.pem", "its certificate is not for localhost"),
            ("--api \(plain)", "does it speak TLS? Then name https://"),
        ] {
            let result = try prepare(program, gateway, words)
            #expect(result.code == 1, "\(words): \(result.errors)")
            #expect(result.errors.contains("the API at "), "\(result.errors)")
            #expect(result.errors.contains(problem), "\(words): \(result.errors)")
            // Nothing was made, and the next one may have the file's name.
            #expect(
                !FileManager.default.fileExists(
                    atPath: program.directory.appending(path: "fleet.csv").path))
        }
        let made = try prepare(program, gateway, "--api \(gateway.api) --api-ca cert.pem --json")
        #expect(made.code == 0, "\(made.errors)")
        #expect(made.integer("done") == 5)
        let again = try prepare(program, gateway, "--api \(gateway.api) --api-ca cert.pem")
        #expect(again.errors.contains("is there already"), "\(again.errors)")
    }

    @Test("TLS to an API without it, and what the API refuses, are told in words")
    func refused() throws {
        let program = try LoadProgram()
        let gateway = try LoadedGateway(program)
        let encrypted = gateway.api.replacing("http:", with: "https:")
        let spoken = try prepare(program, gateway, "--api \(encrypted)")
        #expect(spoken.code == 1)
        #expect(spoken.errors.contains("TLS can't be agreed on"), "\(spoken.errors)")
        let refused = try program.shell(
            "TOLLGATE_TOKEN=wrong tollgate-load activate --url \(gateway.url("local")) --fleet fleet.csv --prepare 5 "
                + "--count 5 --quiet --api \(gateway.api)")
        #expect(refused.code == 1)
        #expect(refused.errors.contains("the API refused accounts: 401"), "\(refused.errors)")
    }

    @Test("An answer in chunks is shown without them, and one that is cut off is known for it")
    func chunks() throws {
        func answer(_ text: String) -> HTTPAnswer? { HTTPAnswer(Array(text.utf8)) }
        let head = "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding:  Chunked\r\n\r\n"
        let whole = try #require(answer(head + "5;a=b\r\nhello\r\n6 \r\n there\r\n0\r\n\r\n"))
        #expect(whole.status == 403 && whole.isWhole)
        #expect(String(decoding: whole.body, as: UTF8.self) == "hello there")
        let cut = try #require(answer(head + "5\r\nhello\r\nA\r\n the"))
        #expect(!cut.isWhole && String(decoding: cut.body, as: UTF8.self) == "hello the")
        let wrong = try #require(answer(head + "no length\r\n"))
        #expect(!wrong.isWhole && String(decoding: wrong.body, as: UTF8.self) == "no length\r\n")
        for length in ["-5", "fffffffff", "7fffffffffffffff"] {
            #expect(answer(head + "\(length)\r\nx\r\n")?.isWhole == false)
        }
        let sized = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
        #expect(answer(sized + "four")?.isWhole == true)
        #expect(answer(sized + "fou")?.isWhole == false)
        #expect(answer("HTTP/1.1 204 No Content\r\n\r\n")?.isWhole == true)
        for nothing in ["", "HTTP/1.1 200", "HTTP/1.1 x OK\r\n\r\n", "\u{15}\u{3}\u{3}"] {
            #expect(answer(nothing) == nil)
        }
    }
}
