import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Keys that tokens of a product's devices are checked by.
@Suite struct TokenKeyTests {
    private let product = TestStore.product

    private func key(_ id: String) -> TokenKey {
        TokenKey(
            id: TokenKeyID(id)!, material: .edDSA([UInt8](repeating: 7, count: 32)), audience: nil)!
    }

    private func ids(_ store: TestStore) throws -> [String] {
        let transaction = try ReadTransaction(in: store.environment)
        return try store.books.tokenKeys(of: product, in: transaction).map { $0.key.id.text }
    }

    private func furnished() throws -> TestStore {
        let store = try TestStore()
        try store.buy(1)
        return store
    }

    @Test("a key is added, kept as it was, and removed")
    func life() throws {
        let store = try furnished()
        for key in Samples.tokenKeys {
            #expect(
                try store.apply(.products(.addTokenKey(product, key)))
                    == .done(
                        .changed(
                            .products(.tokenKeyAdded(product, key.id, key.material.algorithm)))))
            let kept = try ReadTransaction(in: store.environment)
            #expect(try store.books.tokenKey(key.id, of: product, in: kept)?.key == key)
        }
        #expect(try ids(store) == ["2027-01", "ed", "hs"])
        let id = TokenKeyID("ed")!
        #expect(
            try store.apply(.products(.removeTokenKey(product, id)))
                == .done(.changed(.products(.tokenKeyRemoved(product, id)))))
        #expect(try ids(store) == ["2027-01", "hs"])
        #expect(
            try store.apply(.products(.removeTokenKey(product, id)))
                == .refused(.products(.unknownTokenKey(product, id))))
        #expect(try store.findings() == [])
    }

    @Test("a name is there once, and a product has eight keys at most")
    func limits() throws {
        let store = try furnished()
        for index in 1...8 {
            _ = try store.apply(.products(.addTokenKey(product, key("k\(index)"))))
        }
        #expect(
            try store.apply(.products(.addTokenKey(product, key("k1"))))
                == .refused(.commands(.alreadyExists(what: "token key k1 of product PK1"))))
        #expect(
            try store.apply(.products(.addTokenKey(product, key("k9"))))
                == .refused(.products(.tooManyTokenKeys(maximum: 8))))
        _ = try store.apply(.products(.removeTokenKey(product, TokenKeyID("k1")!)))
        #expect(try store.apply(.products(.addTokenKey(product, key("k9")))).effect != nil)
        let ghost = ProductKey("PK9")!
        #expect(
            try store.apply(.products(.addTokenKey(ghost, key("k"))))
                == .refused(.products(.unknown(ghost))))
        #expect(
            try store.apply(.products(.removeTokenKey(ghost, TokenKeyID("k")!)))
                == .refused(.products(.unknown(ghost))))
        #expect(try store.findings() == [])
    }

    @Test("a deleted product has no keys any more")
    func deletion() throws {
        let store = try furnished()
        for key in Samples.tokenKeys { _ = try store.apply(.products(.addTokenKey(product, key))) }
        _ = try store.apply(.products(.delete(product)))
        #expect(try ids(store) == [])
        #expect(try store.findings() == [])
    }

    @Test("a repeated request is the same one though its secret was sealed anew")
    func repetition() throws {
        let store = try furnished()
        func add(_ sealed: String) -> Action {
            .products(
                .addTokenKey(
                    product,
                    TokenKey(
                        id: TokenKeyID("hs")!, material: .hs256(SealedSecret(sealed)!),
                        audience: nil)!))
        }
        let first = try store.apply(add("one"), key: "k")
        let again = try store.apply(add("two"), key: "k")
        #expect(first.effect != nil && again.effect == first.effect)
    }

    @Test("what is no key of its kind can't be made")
    func forms() {
        let id = TokenKeyID("k")!
        for material: TokenKey.Material in [
            .es256([]), .es256([UInt8](repeating: 4, count: 64)),
            .es256([UInt8](repeating: 3, count: 65)), .edDSA([UInt8](repeating: 4, count: 65)),
        ] {
            #expect(TokenKey(id: id, material: material, audience: nil) == nil)
        }
        let material = TokenKey.Material.edDSA([UInt8](repeating: 4, count: 32))
        for (audience, isRight) in [
            ("", false), ("a", true), (String(repeating: "a", count: 256), true),
            (String(repeating: "a", count: 257), false),
            (String(repeating: "é", count: 129), false),
        ] {
            let key = TokenKey(id: id, material: material, audience: audience)
            #expect((key != nil) == isRight, "\(audience)")
        }
    }
}
