import Time

@testable import Ledger
@testable import LedgerModel

/// Values about accounts, one of each case.
extension BytesTests {
    static let email = EmailAddress("ann@example.org")!
    static let west = DataCentreID("west")!
    static let terms = FreeCodeTerms(
        policy: .perProduct,
        package: Desk.small,
        allowance: Allowance(validityDays: 9, messagesPerDay: nil, otaPerMonth: 2, storageDays: 3)!
    )

    static let accountActions: [Action] = [
        .createAccount(
            NewAccount(
                id: AccountID("s")!,
                name: "",
                kind: .individual,
                parent: Desk.acme,
                email: email,
                dataCentre: west,
                freeCodes: terms
            )
        ),
        .account(.update(Desk.acme, AccountUpdate())),
        .account(.update(Desk.acme, AccountUpdate(name: "Ä", email: email))),
        .account(.certify(Desk.acme, freeCodes: nil)),
        .account(.certify(Desk.acme, freeCodes: terms)),
        .account(.putContact(Desk.acme, Contact(email: email, name: "Ann"))),
        .account(.removeContact(Desk.acme, email)),
        .createProduct(
            NewProduct(
                key: ProductKey("PK9")!,
                name: "n",
                account: Desk.acme,
                secret: SealedSecret([1])!,
                dataCentre: west,
                freeCodes: terms
            )
        ),
    ]

    static let accountChanges: [Change] = [
        .codesGranted(
            Desk.acme,
            package: Desk.small,
            quantity: 2,
            product: nil,
            first: ActivationCode(serial: 5)
        ),
        .account(.updated(Desk.acme, AccountUpdate(name: "n"))),
        .account(.certified(Desk.acme)),
        .account(.contactPut(Desk.acme, Contact(email: email, name: "Ann"))),
        .account(.contactRemoved(Desk.acme, email)),
    ]
}
