import COpenSSL
import Glibc
import TLS
import Testing

/// Which lists of revoked certificates are taken, and what is refused.
@Suite struct RevocationListTests {
    private let authority = CertifiedKey(commonName: "Acme, factory 1", isAuthority: true)
    private var now: Int64 { Int64(time(nil)) }

    private func parsed(_ key: CertifiedKey) throws -> ClientAuthority {
        try AuthorityCertificate(pem: key.pem, at: now).authority
    }

    private func problem(
        with der: [UInt8], of key: CertifiedKey? = nil
    ) throws -> RevocationListProblem? {
        let authority = try parsed(key ?? authority)
        do throws(RevocationListProblem) {
            _ = try CertificateRevocationList(der: der, of: authority, at: now)
            return nil
        } catch {
            return error
        }
    }

    @Test("A list is taken with its facts, in PEM and in DER")
    func taken() throws {
        let fixture = RevocationListFixture(serials: [0x1001, 0, 0xFF])
        for list in [
            try CertificateRevocationList(
                der: fixture.der(by: authority), of: parsed(authority), at: now),
            try CertificateRevocationList(
                pem: fixture.pem(by: authority), of: parsed(authority), at: now),
        ] {
            #expect(list.number == [3])
            #expect(list.serialNumbers == [[0x10, 0x01], [], [0xFF]])
            #expect(abs(list.thisUpdateSeconds - now + 3_600) < 60)
            #expect(abs((list.nextUpdateSeconds ?? 0) - now - 86_400) < 60)
        }
        let bare = try CertificateRevocationList(
            der: RevocationListFixture(serials: [], number: nil, ends: nil).der(by: authority),
            of: parsed(authority), at: now)
        #expect(bare.number == nil && bare.nextUpdateSeconds == nil && bare.serialNumbers == [])
        #expect(ERR_peek_error() == 0)
    }

    @Test("A certificate's serial number is the one that a list names")
    func serials() throws {
        let key = CertifiedKey(commonName: "lamp.d1", signer: authority)
        let serial = unsafe ASN1_INTEGER_get(X509_get0_serialNumber(key.certificate))
        let list = try CertificateRevocationList(
            der: RevocationListFixture(serials: [Int64(serial)]).der(by: authority),
            of: parsed(authority), at: now)
        let named = list.serialNumbers[0].reduce(0) { $0 << 8 | Int($1) }
        #expect(named == serial)
    }

    @Test("What is no whole list that the authority's key has signed is refused, and says why")
    func refused() throws {
        let list = RevocationListFixture()
        let namesake = CertifiedKey(commonName: "Acme, factory 1", isAuthority: true)
        #expect(try problem(with: list.der(by: namesake)) == .ofAnother)
        let other = CertifiedKey(commonName: "Other", isAuthority: true)
        #expect(try problem(with: list.der(by: authority, as: other)) == .ofAnother)
        #expect(try problem(with: []) == .notList)
        #expect(try problem(with: [0x30, 0x00]) == .notList)
        #expect(try problem(with: [UInt8](repeating: 0, count: 1_048_577)) == .tooLong)
        var weak = list
        weak.hasWeakSignature = true
        #expect(try problem(with: weak.der(by: authority)) == .weak)
        #expect(
            try problem(with: RevocationListFixture(begins: 3_600).der(by: authority))
                == .notBegun)
        // One whose next update is over is taken: it goes on counting.
        #expect(try problem(with: RevocationListFixture(ends: -60).der(by: authority)) == nil)
        let many = RevocationListFixture(serials: Array(1...20_001))
        #expect(try problem(with: many.der(by: authority)) == .tooMany)
        #expect(ERR_peek_error() == 0)
    }

    @Test("A list that is not whole is refused; one that names where it is published is taken")
    func partial() throws {
        func problem(_ name: Int32, _ text: String) throws -> RevocationListProblem? {
            var list = RevocationListFixture()
            list.extensions = [(name, text)]
            return try self.problem(with: list.der(by: authority))
        }
        let point = NID_issuing_distribution_point
        #expect(try problem(point, "critical,onlyuser:TRUE") == nil)
        for text in [
            "critical,onlyCA:TRUE", "critical,indirectCRL:TRUE", "onlyAA:TRUE",
            "critical,onlysomereasons:keyCompromise",
            "critical,fullname:URI:http://a.example/a.crl",
        ] {
            #expect(try problem(point, text) == .notWhole, "\(text)")
        }
        #expect(try problem(NID_subject_alt_name, "critical,DNS:a") == .notWhole)
        #expect(ERR_peek_error() == 0)
    }

    @Test(
        "A serial number of more than 20 bytes is kept as it is; one of more than 64 is named in the refusal"
    )
    func longSerials() throws {
        let long = [UInt8](repeating: 0xAB, count: 64)
        var fixture = RevocationListFixture(serials: [7])
        fixture.longSerials = [[UInt8](repeating: 0xFF, count: 21), long]
        let list = try CertificateRevocationList(
            der: fixture.der(by: authority), of: parsed(authority), at: now)
        #expect(list.serialNumbers == [[7]] + fixture.longSerials)
        fixture.longSerials.append(long + [1])
        let found = try problem(with: fixture.der(by: authority))
        #expect(found == .serialTooLong(entry: 4, long + [1]))
        let told = "\(try #require(found))"
        #expect(told.hasPrefix("entry 4 has the serial number ABABABABABABABAB... of 65 bytes"))
        // As many bytes as 20,000 certificates have, with 20 each.
        fixture.serials = []
        fixture.longSerials = (0..<6_251).map { number in
            long.dropLast(2) + [UInt8(number >> 8), UInt8(number & 0xFF)]
        }
        #expect(try problem(with: fixture.der(by: authority)) == .serialsTooLong)
        fixture.longSerials.removeLast()
        #expect(try problem(with: fixture.der(by: authority)) == nil)
        #expect(ERR_peek_error() == 0)
    }

    @Test("A damaged list is refused, whatever byte it is, and nothing else happens")
    func damaged() throws {
        let der = RevocationListFixture().der(by: authority)
        for index in der.indices {
            var other = der
            other[index] ^= 0xFF
            #expect(try problem(with: other) != nil, "\(index)")
        }
        for count in 0..<der.count { #expect(try problem(with: Array(der[..<count])) != nil) }
        #expect(ERR_peek_error() == 0)
    }

    @Test("No text of a list is told again, and a private key is refused before it is read")
    func untold() throws {
        let authority = try parsed(authority)
        let key = self.authority.keyPEM
        #expect(throws: RevocationListProblem.privateKey) {
            try CertificateRevocationList(pem: key, of: authority, at: now)
        }
        let problems: [RevocationListProblem] = [
            .tooLong, .tooMany, .privateKey, .notList, .ofAnother, .mayNotSign, .weak, .notWhole,
            .notBegun, .numberTooLong, .serialTooLong(entry: 1, [1]), .serialsTooLong,
        ]
        let line = key.split(separator: "\n")[1]
        for problem in problems { #expect(!"\(problem)".contains(line)) }
    }
}
