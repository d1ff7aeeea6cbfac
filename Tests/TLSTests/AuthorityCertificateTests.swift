import COpenSSL
import Glibc
import TLS
import Testing

/// What an account may register, and what is refused.
@Suite struct AuthorityCertificateTests {
    private let authority = CertifiedKey(commonName: "Acme, factory 1", isAuthority: true)
    private let code = String(repeating: "3f", count: 32)
    private var now: Int64 { Int64(time(nil)) }

    private func problem(with pem: String) -> AuthorityProblem? {
        do throws(AuthorityProblem) {
            _ = try AuthorityCertificate(pem: pem, at: now)
            return nil
        } catch {
            return error
        }
    }

    private func problem(withProof pem: String) throws -> AuthorityProblem? {
        let found = try AuthorityCertificate(pem: authority.pem, at: now)
        do throws(AuthorityProblem) {
            try found.verify(proof: pem, of: code, at: now)
            return nil
        } catch {
            return error
        }
    }

    @Test("A CA's certificate is taken with its facts, whose DER is what it was")
    func taken() throws {
        let found = try AuthorityCertificate(pem: authority.pem, at: now)
        #expect(found.subject == "CN=Acme\\, factory 1")
        #expect(found.notBeforeSeconds < now && now < found.notAfterSeconds)
        let parsed = try #require(ClientAuthority(der: found.der))
        #expect(parsed.fingerprint == found.fingerprint)
        #expect(ERR_peek_error() == 0)
    }

    @Test("What is no single, strong, valid CA certificate in PEM is refused, and says why")
    func refused() {
        let device = CertifiedKey(commonName: "lamp.d1", signer: authority)
        #expect(problem(with: device.pem) == .notAuthority)
        #expect(problem(with: "") == .notPEM)
        #expect(problem(with: "MIIB") == .notPEM)
        #expect(
            problem(with: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
                == .notPEM)
        #expect(problem(with: authority.pem + authority.pem) == .several)
        #expect(problem(with: authority.keyPEM) == .privateKey)
        #expect(problem(with: authority.pem + authority.keyPEM) == .privateKey)
        #expect(problem(with: String(repeating: "A", count: 1 << 20)) == .tooLong)
        // SHA-1 with an elliptic curve, MD5 with RSA.
        for isRSA in [false, true] {
            let weak = CertifiedKey(
                commonName: "Weak", isAuthority: true, isRSA: isRSA, hasWeakSignature: true)
            #expect(problem(with: weak.pem) == .weak)
        }
        let costly = CertifiedKey(
            commonName: "Costly", isAuthority: true, isRSA: true, exponentBits: 80)
        #expect(problem(with: costly.pem) == .weak)
        let former = CertifiedKey(
            commonName: "Former", isAuthority: true, begins: -7_200, ends: -3_600)
        #expect(problem(with: former.pem) == .ended)
        let later = CertifiedKey(commonName: "Later", isAuthority: true, begins: 3_600)
        #expect(problem(with: later.pem) == .notBegun)
        #expect(ERR_peek_error() == 0)
    }

    @Test("No text that is refused is told again")
    func untold() {
        let problems: [AuthorityProblem] = [
            .tooLong, .notPEM, .several, .privateKey, .notAuthority, .weak, .notBegun, .ended,
            .proofOfAnother, .proofOfAnotherCode, .proofEnded,
        ]
        let line = authority.keyPEM.split(separator: "\n")[1]
        for problem in problems { #expect(!"\(problem)".contains(line)) }
    }

    @Test("The proof is signed by the authority's key, and names the code, and holds now")
    func proof() throws {
        #expect(
            try problem(withProof: CertifiedKey(commonName: code, signer: authority).pem) == nil)
        let namesake = CertifiedKey(commonName: "Acme, factory 1", isAuthority: true)
        #expect(
            try problem(withProof: CertifiedKey(commonName: code, signer: namesake).pem)
                == .proofOfAnother)
        #expect(try problem(withProof: CertifiedKey(commonName: code).pem) == .proofOfAnother)
        #expect(try problem(withProof: authority.pem) == .proofOfAnotherCode)
        #expect(
            try problem(withProof: CertifiedKey(commonName: "lamp.d1", signer: authority).pem)
                == .proofOfAnotherCode)
        let former = CertifiedKey(commonName: code, begins: -7_200, ends: -3_600, signer: authority)
        #expect(try problem(withProof: former.pem) == .proofEnded)
        let weak = CertifiedKey(commonName: code, hasWeakSignature: true, signer: authority)
        #expect(try problem(withProof: weak.pem) == .weak)
        #expect(try problem(withProof: authority.keyPEM) == .privateKey)
        #expect(ERR_peek_error() == 0)
    }

    @Test("Damaged certificates are refused, whatever byte it is, and nothing else happens")
    func damaged() throws {
        let found = try AuthorityCertificate(pem: authority.pem, at: now)
        for index in found.der.indices {
            var der = found.der
            der[index] ^= 0xFF
            guard let other = ClientAuthority(der: der) else { continue }
            #expect(other.fingerprint != found.fingerprint)
        }
        for count in 0..<found.der.count {
            #expect(ClientAuthority(der: Array(found.der[..<count])) == nil)
        }
        #expect(ERR_peek_error() == 0)
    }
}
