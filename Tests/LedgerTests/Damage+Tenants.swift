import Storage
import Time

@testable import Ledger
@testable import LedgerModel

extension Damage {
    /// The log, and the record of the books as a whole.
    static let whole: [Damage] = [
        Damage(
            "no record of the whole", "the stored last sequence number against the log's: 0 is not",
            "the next serial: 1 is not 47"
        ) { (books, transaction) throws(StoreError) in
            try books.books.remove(1, in: transaction)
        },
        Damage("a wrong last number", "the stored last sequence number against the log's: 9 is") {
            (books, transaction) throws(StoreError) in
            try books.books.change(1, in: transaction) { $0.lastSequence = 9 }
        },
        Damage("a wrong next serial", "the next serial: 48 is not 47", "the end of all codes") {
            (books, transaction) throws(StoreError) in
            try books.books.change(1, in: transaction) { $0.nextSerial += 1 }
        },
        Damage("no place in the replicated log", "nodes of a cluster, but no place in its log") {
            (books, transaction) throws(StoreError) in
            try books.log.remove(1, in: transaction)
        },
        Damage(
            "a wrong place in the replicated log",
            "the applied position of the replicated log: 3 is not 4"
        ) { (books, transaction) throws(StoreError) in
            try books.senders.change(NodeName("n1")!, in: transaction) { $0.position = 4 }
        },
        Damage("an epoch that never began", "node n1: envelopes without an epoch") {
            (books, transaction) throws(StoreError) in
            try books.senders.put(
                NodeName("n1")!, SenderRecord(epoch: 0, number: 1, position: 2), in: transaction)
        },
        Damage("a removed node that is there again", "the removed nodes are not those") {
            (books, transaction) throws(StoreError) in
            try books.senders.change(NodeName("n2")!, in: transaction) { $0.isRemoved = false }
        },
        Damage("another table of partitions", "the number of the table of partitions: 2 is not 1") {
            (books, transaction) throws(StoreError) in
            try books.partitions.change(1, in: transaction) { record in
                record = PartitionsRecord(
                    table: .assigned(to: record.table.nodes, after: record.table))
            }
        },
        Damage(
            "partitions of an unknown node", "partitions of node n9, which the log has never shown"
        ) {
            (books, transaction) throws(StoreError) in
            let table = PartitionTable.assigned(to: [NodeName("n9")!], after: nil)
            try books.partitions.put(1, PartitionsRecord(table: table), in: transaction)
        },
        Damage("another follower", "who keeps the sessions of node n1 is not what the log has") {
            (books, transaction) throws(StoreError) in
            let following = SessionFollowing(
                number: 2, follower: NodeName("n2")!, isInherited: false)
            try books.sessionFollowings.put(
                NodeName("n1")!, SessionFollowingRecord(following: following), in: transaction)
        },
        Damage("a follower that is gone", "who keeps the sessions of node n2 is not there") {
            (books, transaction) throws(StoreError) in
            try books.sessionFollowings.remove(NodeName("n2")!, in: transaction)
        },
        Damage(
            "an unknown follower",
            "who keeps the sessions of node n9 is not what the log has said",
            "sessions of node n9: the log has never shown node n9",
            "sessions of node n9: the log has never shown node n8"
        ) { (books, transaction) throws(StoreError) in
            let following = SessionFollowing(
                number: 1, follower: NodeName("n8")!, isInherited: false)
            try books.sessionFollowings.put(
                NodeName("n9")!, SessionFollowingRecord(following: following), in: transaction)
        },
        Damage("a gap in the log", "the event log has a gap: 8 is not 7") {
            (books, transaction) throws(StoreError) in
            try books.events.remove(7, in: transaction)
        },
        Damage("an event under another number", "an event's number is not its key: 7 is not 8") {
            (books, transaction) throws(StoreError) in
            try books.events.copy(7, to: 8, in: transaction)
        },
        Damage("an event that says something else", "event 5: account sub is not as it was") {
            (books, transaction) throws(StoreError) in
            try books.events.put(
                5,
                Event(
                    sequence: 5, at: Timestamp(milliseconds: 0), actor: "test",
                    change: .accounts(.created(Tour.sub, kind: .individual, parent: nil))),
                in: transaction)
        },
        Damage(
            "an answer to something that was never done",
            "the answer to test's key k: account ghost is not as it was created"
        ) { (books, transaction) throws(StoreError) in
            let change = Change.accounts(
                .created(AccountID("ghost")!, kind: .enterprise, parent: nil)
            )
            let answer = AnswerRecord(
                digestHigh: 1, digestLow: 2, at: Timestamp(milliseconds: 0),
                outcome: .done(.changed(change)))
            try books.answers.put(KeyPair("test", "k"), answer, in: transaction)
        },
    ]

    private static let contact = KeyPair(Tour.individual, Tour.ann)

    /// Accounts, contacts, packages, keys.
    static let tenants: [Damage] = [
        Damage("an account that is gone", "account sub is not as it was created") {
            (books, transaction) throws(StoreError) in
            try books.accounts.remove(Tour.sub, in: transaction)
        },
        Damage(
            "an account too many", "records in table accounts against what the log has made: 4",
            "table accounts: the log has not made ghost"
        ) { (books, transaction) throws(StoreError) in
            try books.accounts.copy(TestStore.acme, to: AccountID("ghost")!, in: transaction)
        },
        Damage(
            "a sub-account of nobody",
            "the parent of account sub, gone, is a sub-account or not there",
            "account sub is not among the sub-accounts of gone"
        ) { (books, transaction) throws(StoreError) in
            let account = NewAccount(
                id: Tour.sub, name: "Sub", kind: .enterprise, parent: AccountID("gone")!)
            let record = AccountRecord(
                account, kind: .enterprise, createdAt: Timestamp(milliseconds: 0))
            try books.accounts.put(Tour.sub, record, in: transaction)
        },
        Damage("a sub-account of another kind", "account sub is not of the kind that its parent") {
            (books, transaction) throws(StoreError) in
            try books.accounts.change(Tour.sub, in: transaction) { $0.kind = .individual }
        },
        Damage(
            "a certified account that is not", "account individual is not certified",
            "account individual is not as it was created"
        ) { (books, transaction) throws(StoreError) in
            try books.accounts.change(Tour.individual, in: transaction) { $0.certifiedAt = nil }
        },
        Damage("a certified individual", "account individual was certified and is no enterprise") {
            (books, transaction) throws(StoreError) in
            try books.accounts.change(Tour.individual, in: transaction) { $0.kind = .individual }
        },
        Damage(
            "a contact that is gone", "contact ann@example.org of account individual is not there"
        ) { (books, transaction) throws(StoreError) in
            try books.contacts.remove(contact, in: transaction)
        },
        Damage("a contact too many", "contacts are kept for sub, which is a sub-account or not") {
            (books, transaction) throws(StoreError) in
            try books.contacts.copy(contact, to: KeyPair(Tour.sub, Tour.ann), in: transaction)
        },
        Damage(
            "a contact of another name", "ann@example.org of account individual is not as the log"
        ) { (books, transaction) throws(StoreError) in
            let record = ContactRecord(name: "Eve", at: Timestamp(milliseconds: 0), actor: "test")
            try books.contacts.put(contact, record, in: transaction)
        },
        Damage("metadata that is gone", "the metadata of account individual is not there") {
            (books, transaction) throws(StoreError) in
            try books.metadata.remove(.account(Tour.individual), in: transaction)
        },
        Damage("metadata of nobody", "the metadata of product PK9 is not as the log has left it") {
            (books, transaction) throws(StoreError) in
            try books.metadata.copy(
                .account(Tour.individual), to: .product(ProductKey("PK9")!), in: transaction)
        },
        Damage(
            "metadata of another value",
            "the metadata of account individual is not as the log has left it",
            "the metadata of account individual has 17 keys"
        ) { (books, transaction) throws(StoreError) in
            let edits = (1...17).map {
                MetadataEdit(key: MetadataKey("k\($0)")!, value: MetadataValue("v"))
            }
            try books.metadata.put(
                .account(Tour.individual),
                MetadataRecord(metadata: Metadata().merging(edits)), in: transaction)
        },
        Damage(
            "metadata that a device and a product are not listed under",
            "device PK4.g3 is not listed under its metadata room",
            "product PK2 is not listed under its metadata room"
        ) { (books, transaction) throws(StoreError) in
            let place = MetadataMatch("room=7")!.place
            try books.notedDevices.remove(
                KeyTriple(Tour.fourth, place, DeviceKey("g3")!), in: transaction)
            try books.notedProducts.remove(
                KeyTriple(place, TestStore.acme, ProductKey("PK2")!), in: transaction)
        },
        Damage(
            "devices and products that are listed under metadata that they don't have",
            "devices are listed under metadata that they don't have: 1",
            "products are listed under metadata that they don't have: 1"
        ) { (books, transaction) throws(StoreError) in
            let place = MetadataPlace(MetadataKey("k")!, 7)
            try books.notedDevices.put(
                KeyTriple(TestStore.product, place, DeviceKey("d3")!), EmptyRecord(),
                in: transaction)
            try books.notedProducts.put(
                KeyTriple(place, TestStore.acme, TestStore.product), EmptyRecord(), in: transaction)
        },
        Damage("a desired state that is gone", "what PK1.d3 is to be is not there") {
            (books, transaction) throws(StoreError) in
            try books.desiredStates.remove(TestStore.device("d3"), in: transaction)
        },
        Damage(
            "a desired state of another version",
            "what PK1.d3 is to be has another version than the log has left it with"
        ) { (books, transaction) throws(StoreError) in
            try books.desiredStates.put(
                TestStore.device("d3"),
                DesiredStateRecord(
                    state: DesiredState(
                        version: 9, changedAt: Timestamp(milliseconds: 0), document: .empty,
                        pace: StatePace())), in: transaction)
        },
        Damage("a sub-account that is not listed", "account sub is not among the sub-accounts of") {
            (books, transaction) throws(StoreError) in
            try books.subAccounts.remove(KeyPair(TestStore.acme, Tour.sub), in: transaction)
        },
        Damage("a sub-account too many", "table subAccounts: sub, acme is too many") {
            (books, transaction) throws(StoreError) in
            try books.subAccounts.put(
                KeyPair(Tour.sub, TestStore.acme), EmptyRecord(), in: transaction)
        },
        Damage("a package that is gone", "package mega is not as it was created") {
            (books, transaction) throws(StoreError) in
            try books.packages.remove(PackageID("mega")!, in: transaction)
        },
        Damage("a package too many", "table packages: the log has not made ghost") {
            (books, transaction) throws(StoreError) in
            try books.packages.copy(TestStore.small, to: PackageID("ghost")!, in: transaction)
        },
        Damage(
            "a package with another allowance", "package small is not as it was created",
            "product PK1 has not its package's allowance"
        ) { (books, transaction) throws(StoreError) in
            try books.packages.copy(TestStore.large, to: TestStore.small, in: transaction)
        },
        Damage("a key that is gone", "key k1 is not as it was created") {
            (books, transaction) throws(StoreError) in
            try books.keys.remove(KeyID("k1")!, in: transaction)
        },
        Damage("a key too many", "table keys: the log has not made ghost") {
            (books, transaction) throws(StoreError) in
            try books.keys.copy(KeyID("k1")!, to: KeyID("ghost")!, in: transaction)
        },
        Damage("a revoked key that is not", "key k2 is not revoked") {
            (books, transaction) throws(StoreError) in
            try books.keys.change(KeyID("k2")!, in: transaction) { $0.revokedAt = nil }
        },
        Damage("a key that is revoked, and was not", "table keys: the log has not made k1") {
            (books, transaction) throws(StoreError) in
            try books.keys.change(KeyID("k1")!, in: transaction) {
                $0.revokedAt = Timestamp(milliseconds: 0)
            }
        },
        Damage("a key of a product that is gone", "key k1 is bound to product PK1, which is not") {
            (books, transaction) throws(StoreError) in
            try books.products.remove(TestStore.product, in: transaction)
        },
        Damage("a key that is not listed", "key k1 is not among those of account acme") {
            (books, transaction) throws(StoreError) in
            try books.accountKeys.remove(KeyPair(TestStore.acme, KeyID("k1")!), in: transaction)
        },
        Damage("a listed key too many", "table accountKeys: acme, k2 is too many") {
            (books, transaction) throws(StoreError) in
            try books.accountKeys.put(
                KeyPair(TestStore.acme, KeyID("k2")!), EmptyRecord(), in: transaction)
        },
        Damage("a sealing key that is gone", "sealing key 1 is not there") {
            (books, transaction) throws(StoreError) in
            try books.sealingKeys.remove(1, in: transaction)
        },
        Damage("a sealing key too many", "table sealingKeys: the log has not made 2") {
            (books, transaction) throws(StoreError) in
            try books.sealingKeys.copy(1, to: 2, in: transaction)
        },
    ]
}
