@testable import LedgerModel

/// The words of the keys that devices' tokens are checked by.
extension Samples {
    static let tokenKeys = [
        TokenKey(
            id: TokenKeyID("2027-01")!, material: .es256([4] + (1...64).map { UInt8($0) }),
            audience: nil)!,
        TokenKey(
            id: TokenKeyID("ed")!, material: .edDSA((1...32).map { UInt8($0) }),
            audience: "https://iot.example.org/lämp")!,
        TokenKey(id: TokenKeyID("hs")!, material: .hs256(SealedSecret("sealed")!), audience: nil)!,
    ]

    static let tokenActions: [Action] =
        tokenKeys.map { .products(.addTokenKey(TestStore.product, $0)) } + [
            .products(.removeTokenKey(TestStore.product, TokenKeyID("2027-01")!))
        ]

    static let tokenChanges: [Change] =
        tokenKeys.map {
            .products(.tokenKeyAdded(TestStore.product, $0.id, $0.material.algorithm))
        } + [.products(.tokenKeyRemoved(TestStore.product, TokenKeyID("2027-01")!))]

    static let tokenRefusals: [Refusal] = [
        .products(.unknownTokenKey(TestStore.product, TokenKeyID("2027-01")!)),
        .products(.tooManyTokenKeys(maximum: 8)),
    ]
}
