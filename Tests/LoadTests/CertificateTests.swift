import Foundation
import Processes
import Support
import Testing

/// Clients that show a certificate each, to a gateway that verifies them.
@Suite(.waits) struct CertificateTests {
    /// An authority: `ca.pem`, `ca-key.pem`.
    private func makeAuthority(_ program: LoadProgram) throws {
        let made = try program.shell(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=authority "
                + "-keyout ca-key.pem -out ca.pem")
        try #require(made.code == 0, "\(made.errors)")
    }

    /// A gateway with so many activated devices, each with a certificate `certs/DK.pem` and a key `certs/DK.key`;
    /// `devices.csv` has their names, and no secrets.
    private func prepared(_ program: LoadProgram, devices: Int) throws -> LoadedGateway {
        try makeAuthority(program)
        let gateway = try LoadedGateway(program, .clientCertificates)
        let made = try program.shell(
            """
            set -e
            tollgate-load activate --url \(gateway.url("local")) --fleet fleet.csv --prepare \(devices) \
            --count \(devices) --quiet --api \(gateway.api) --token-file data/admin.token
            cut -d, -f1,2 fleet.csv >devices.csv
            mkdir certs
            tail -n +2 devices.csv | while IFS=, read -r pk dk; do
                openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$pk.$dk" \
                    -keyout "certs/$dk.key" -out request.pem
                openssl x509 -req -days 3 -in request.pem -CA ca.pem -CAkey ca-key.pem -set_serial 1 \
                    -out "certs/$dk.pem"
            done
            """)
        try #require(made.code == 0, "\(made.errors)")
        return gateway
    }

    @Test("Two devices connect by certificates of their own, and publish to their own topics")
    func devices() throws {
        let program = try LoadProgram()
        let gateway = try prepared(program, devices: 2)
        let own = "--certificate certs/%D.pem --key certs/%D.key --ca cert.pem --json --quiet"
        for listener in ["secure", "safeweb"] {
            let result = try program.shell(
                "tollgate-load publish --url \(gateway.url(listener)) --fleet devices.csv --count 2 --rate 200 "
                    + "--seconds 0.5 --threads 2 \(own)")
            #expect(result.code == 0, "\(result.errors) \(result.output)")
            #expect(result.integer("done") == 100)
        }
        // By number, with certificate and key in one file.
        let numbered = try program.shell(
            """
            i=0; for c in certs/*.pem; do cat $c ${c%.pem}.key >$i.pem; i=$((i+1)); done
            tollgate-load publish --url \(gateway.url("secure")) --fleet devices.csv --count 2 --rate 100 \
            --seconds 0.2 --certificate %d.pem --json --quiet
            """)
        #expect(numbered.code == 0, "\(numbered.errors) \(numbered.output)")
        // One who shows another's certificate is another device, and may not publish to this one's topics.
        let crossed = try program.shell(
            """
            mv 0.pem x.pem; mv 1.pem 0.pem; mv x.pem 1.pem
            tollgate-load publish --url \(gateway.url("secure")) --fleet devices.csv --count 2 --rate 100 \
            --seconds 0.2 --certificate %d.pem --json --quiet
            """)
        #expect(crossed.code == 1 && (crossed.integer("failed") ?? 0) > 0, "\(crossed.output)")
    }

    @Test("A session is taken up again only with the certificate that it was made with")
    func resumption() throws {
        let program = try LoadProgram()
        let gateway = try prepared(program, devices: 2)
        for version in ["", "--tls1.2"] {
            let result = try program.shell(
                "tollgate-load connect --url \(gateway.url("secure")) --fleet devices.csv --count 20 --concurrency 1 "
                    + "--certificate certs/%D.pem --key certs/%D.key --resume --json --quiet \(version)"
            )
            #expect(result.code == 0, "\(result.errors) \(result.output)")
            #expect(result.integer("resumed") == 18)
        }
    }

    @Test("What is wrong with a certificate's files is said before anything connects")
    func wrong() throws {
        let program = try LoadProgram()
        let gateway = try prepared(program, devices: 2)
        let broken = try program.shell(
            """
            cd certs; set -- *.pem; cp $1 whole.pem; ln -s whole.pem 0; ln -s whole.pem 1; echo x >text.pem#0
            openssl ec -aes128 -passout pass:x -in ${1%.pem}.key -out locked.key; echo $1 $2
            """)
        let names = broken.output.split(whereSeparator: \.isWhitespace)
        try #require(names.count == 2, "\(broken.errors)")
        let other = names[1].replacing(".pem", with: ".key")
        for (words, text) in [
            ("", "devices without secrets connect by certificate"),
            ("--certificate certs/%D.crt", ".crt can't be read: is it there, and yours to read?"),
            (
                "--certificate certs/%D.pem --key keys/%D",
                " can't be read: is it there, and yours to read?"
            ),
            ("--certificate certs/whole.pem", "one certificate is one device, and the fleet has 2"),
            (
                "--certificate certs/text.pem#%d",
                "certs/text.pem#0 is no PEM file of what it should"
            ),
            ("--certificate certs/%D.pem", ".pem is no PEM file of what it should have"),
            (
                "--certificate certs/%d --key certs/\(other)",
                "certs/\(other) is not the key of its certificate"
            ),
            (
                "--certificate certs/%d --key certs/locked.key",
                "certs/locked.key is a key that is encrypted"
            ),
        ] {
            let result = try program.shell(
                "tollgate-load connect --url \(gateway.url("secure")) --fleet devices.csv --count 2 --concurrency 2 "
                    + "--quiet \(words)")
            #expect(result.code == 2, "\(words): \(result.errors) \(result.output)")
            #expect(result.errors.contains(text), "\(words): \(result.errors)")
            #expect(result.output.isEmpty)
        }
        let plain = try program.shell(
            "tollgate-load connect --url \(gateway.url("local")) --fleet devices.csv --count 2 --concurrency 2 --quiet"
        )
        #expect(plain.code == 2 && plain.errors.contains("name mqtts://"), "\(plain.errors)")
    }
}
