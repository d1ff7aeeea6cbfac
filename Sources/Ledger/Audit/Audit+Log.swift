import Storage
import Time

/// Rule E3: the log has no gap, its last number is the stored one, and what it says was made is there.
extension Audit {
    mutating func checkLog(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var last: UInt64 = 0
        try read(books.events, in: transaction) { (audit, sequence, event) throws(StoreError) in
            audit.expectEqual(sequence, last &+ 1, "the event log has a gap")
            audit.expectEqual(event.sequence, sequence, "an event's number is not its key")
            last = sequence
            audit.log.count(event.change)
            try audit.check(event.change, "event \(sequence)", sequence, in: transaction)
        }
        var stored = BooksRecord(lastSequence: 0, nextSerial: 1)
        try read(books.books, in: transaction) { audit, key, record in
            audit.expectEqual(key, Books.headKey, "the key of the record of the books as a whole")
            stored = record
        }
        expectEqual(
            stored.lastSequence, last, "the stored last sequence number against the log's")
        log.nextSerial = stored.nextSerial
    }

    /// The replicated log: its last entry that was applied was somebody's.
    mutating func checkReplication(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var record: LogRecord?
        try read(books.log, in: transaction) { audit, key, found in
            audit.expectEqual(key, Books.headKey, "the key of the record of the replicated log")
            record = found
        }
        var last = record?.since ?? 0
        var senders = 0
        var removed: Set<NodeName> = []
        try read(books.senders, in: transaction) { audit, node, sender in
            senders += 1
            last = max(last, sender.position)
            if sender.isRemoved { removed.insert(node) }
            audit.expect(
                sender.epoch != 0 || sender.number == 0, "node \(node): envelopes without an epoch")
        }
        if let record {
            expectEqual(
                record.mark.position, last, "the applied position of the replicated log")
        } else {
            expect(senders == 0, "nodes of a cluster, but no place in its log")
        }
        expect(
            removed == log.removedNodes, "the removed nodes are not those that the log has removed")
        try checkPartitions(in: transaction)
        try checkFollowings(in: transaction)
    }

    /// The table of partitions is the one that was assigned last, and its nodes are the cluster's.
    private mutating func checkPartitions(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var number: UInt64 = 0
        try read(books.partitions, in: transaction) { (audit, key, record) throws(StoreError) in
            audit.expectEqual(key, Books.partitionsKey, "the key of the table of partitions")
            number = record.table.number
            for node in record.table.nodes {
                let isKnown = try audit.books.senders.contains(node, in: transaction)
                audit.expect(isKnown, "partitions of node \(node), which the log has never shown")
            }
        }
        expectEqual(number, log.partitions, "the number of the table of partitions")
    }

    /// Who keeps a node's stored sessions is as the log has said it last, and both are the cluster's.
    private mutating func checkFollowings(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var rest = log.followings
        try read(books.sessionFollowings, in: transaction) {
            (audit, node, record) throws(StoreError) in
            let expected = rest.removeValue(forKey: node)
            audit.expect(
                record.following == expected,
                "who keeps the sessions of node \(node) is not what the log has said")
            for name in [node, record.following.follower].compactMap(\.self) {
                let isKnown = try audit.books.senders.contains(name, in: transaction)
                audit.expect(
                    isKnown,
                    "sessions of node \(node): the log has never shown node \(name)")
            }
        }
        for node in rest.keys.sorted() {
            expect(false, "who keeps the sessions of node \(node) is not there")
        }
    }

    /// Names the records that the log has not made, when there are another number of them than it has;
    /// that all it has made are there is found while it is read.
    ///
    /// - Parameter made: the keys that a change has made.
    mutating func expectMade<Key: StorageKey & Hashable, Record: StorageRecord>(
        _ table: Table<Key, Record>,
        _ count: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ made: (Change) -> [Key],
        where isCounted: (Record) -> Bool = { _ in true }
    ) throws(StoreError) {
        var found = 0
        try read(table, in: transaction) { _, _, record in
            if isCounted(record) { found += 1 }
        }
        expectEqual(found, count, "records in table \(table.name) against what the log has made")
        if found == count { return }
        var keys: Set<Key> = []
        try read(books.events, in: transaction) { _, _, event in
            keys.formUnion(made(event.change))
        }
        try read(table, in: transaction) { audit, key, record in
            if isCounted(record) {
                audit.expect(keys.contains(key), "table \(table.name): the log has not made \(key)")
            }
        }
    }

    /// Whether there is what a change has made.
    ///
    /// - Parameter sequence: the number of its event, when it is read from that.
    private mutating func check(
        _ change: Change,
        _ source: @autoclosure () -> String,
        _ sequence: UInt64?,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        switch change {
        case .accounts(.created(let id, let kind, let parent)):
            let record = try get(id, of: books.accounts, in: transaction)
            expect(
                record != nil && record?.parent == parent
                    && (record?.kind == kind || record?.certifiedAt != nil),
                "\(source()): account \(id) is not as it was created")
        case .accounts(.certified(let id)):
            let record = try get(id, of: books.accounts, in: transaction)
            expect(record?.certifiedAt != nil, "\(source()): account \(id) is not certified")
        case .packages(.created(let id, let allowance)):
            let record = try get(id, of: books.packages, in: transaction)
            expect(
                record?.allowance == allowance,
                "\(source()): package \(id) is not as it was created")
        case .products(.created(let key, let account)):
            let record = try get(key, of: books.products, in: transaction)
            expect(
                record?.account == account, "\(source()): product \(key) is not as it was created")
        case .products(.deleted(let key, _)):
            let record = try get(key, of: books.products, in: transaction)
            expect(record?.isDeleted == true, "\(source()): product \(key) is not deleted")
        case .keys(.created(let id, let role)):
            let record = try get(id, of: books.keys, in: transaction)
            expect(record?.role == role, "\(source()): key \(id) is not as it was created")
        case .keys(.revoked(let id)):
            let record = try get(id, of: books.keys, in: transaction)
            expect(record?.revokedAt != nil, "\(source()): key \(id) is not revoked")
        case .keys(.sealingKeysAdopted(let numbers)):
            for number in numbers {
                let record = try get(UInt32(number), of: books.sealingKeys, in: transaction)
                expect(record != nil, "\(source()): sealing key \(number) is not there")
            }
        case .codes(.bought(let account, let package, let quantity, let product, let first)),
            .codes(.granted(let account, let package, let quantity, let product, let first)):
            var origin = CodeSource.grant
            if case .codes(.bought) = change { origin = .purchase }
            let batch = try get(first.serial, of: books.batches, in: transaction)
            expect(
                batch?.account == account && batch?.package == package && batch?.source == origin
                    && batch?.quantity == quantity && batch?.product == product
                    && (sequence == nil || batch?.sequence == sequence),
                "\(source()): batch \(first) is not as it was bought or granted")
        case .codes(.assigned(let account, let product, let package, let quantity)):
            guard let sequence else { return }
            let record = try get(
                KeyPair(account, sequence), of: books.assignments, in: transaction)
            expect(
                record?.product == product && record?.package == package
                    && record?.quantity == quantity,
                "\(source()): the assignment to \(product) is not in the history as it was")
            let isListed = try books.productAssignments.contains(
                KeyPair(product, sequence), in: transaction)
            expect(isListed, "\(source()): the assignment is not found by product \(product)")
        case .devices(.activated(let identity, let entitlement, let dataCentre)):
            let place = KeyTriple(
                identity.product, entitlement.activatedAt, entitlement.code.serial)
            let made = Activation(
                identity: identity, entitlement: entitlement, dataCentre: dataCentre)
            let record = try get(place, of: books.consumptions, in: transaction)
            if record.map({ Books.activation(at: place, $0.unmoved) }) == made { return }
            let isVoid = try wasVoided(made, at: place, in: transaction)
            expect(
                isVoid,
                "\(source()): the activation of \(identity) is not in the history as it was")
        case .corrections(let correction):
            try check(correction, source(), sequence, in: transaction)
        case .upgrades(let change):
            guard let sequence, case .requested = change.entry else { return }
            let place = KeyPair(change.identity, change.id)
            let record = try get(place, of: books.upgrades, in: transaction)
            expect(
                record?.sequence == sequence,
                "\(source()): upgrade \(change.id) of \(change.identity) is not there")
        case .accounts(.updated), .accounts(.contactPut), .accounts(.contactRemoved),
            .products(.updated), .products(.packageUpgraded), .products(.uplinkNamed),
            .products(.dialectSet), .products(.limitsSet), .products(.tokenKeyAdded),
            .products(.tokenKeyRemoved), .devices(.limitsSet), .imports, .products(.stateCounted),
            .devices(.desiredChanged), .devices(.pinsSet), .products(.uncountedSet),
            .topUps, .devices(.registered), .devices(.entitlementReopened),
            .devices(.entitlementEnded), .devices(.disabled), .devices(.deleted),
            .devices(.renewalSet), .devices(.secretReset), .devices(.secretConfirmed),
            .devices(.messagesDeleted), .clock, .limits, .productSecrets, .cluster, .webhooks,
            .alerts, .authorities, .devices(.renamed), .packages(.renamed), .keys(.renamed),
            .metadata, .firmware, .campaigns:
            // A later change may have written over it, or its own tables are held against the log.
            return
        }
    }

    private mutating func check(
        _ correction: Correction,
        _ source: @autoclosure () -> String,
        _ sequence: UInt64?,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        switch correction.entry {
        case .consumptionVoided(let identity, let entitlement):
            guard let sequence else { return }
            let key = KeyTriple(identity.product, entitlement.code.serial, sequence)
            let record = try get(key, of: books.voidedConsumptions, in: transaction)
            expect(
                record?.consumption.device == identity.device
                    && record?.activatedAt == entitlement.activatedAt,
                "\(source()): what was taken back of \(identity) is not there as it was")
        case .purchaseVoided, .assignmentVoided, .entitlementMoved, .topUpVoided:
            // Their sums are held against the log, or a later correction may have followed.
            return
        }
    }

    /// Whether that activation was taken back since. One of which that can't be read may have been.
    private func wasVoided(
        _ activation: Activation,
        at place: KeyTriple<ProductKey, Timestamp, UInt64>,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        let codes = KeyPair(place.first, place.third)
        let wasVoided = try find { () throws(StoreError) -> Bool? in
            var isFound = false
            try books.voidedConsumptions.forEach(in: transaction, prefix: codes) { _, record in
                isFound =
                    record.activatedAt == place.second
                    && Books.activation(at: place, record.consumption.unmoved) == activation
                return isFound ? .stop : .proceed
            }
            return isFound
        }
        return wasVoided ?? true
    }

    /// Answers to idempotency keys: what they say was done is there.
    mutating func checkAnswers(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        try read(books.documents, in: transaction) { (audit, key, _) throws(StoreError) in
            let isAnswer = try audit.books.answers.contains(key, in: transaction)
            audit.expect(
                isAnswer, "\(key.first) was told something of key \(key.second), which is unknown")
        }
        try read(books.answers, in: transaction) { (audit, key, answer) throws(StoreError) in
            guard case .changed(let change)? = answer.outcome.effect else { return }
            try audit.check(
                change, "the answer to \(key.first)'s key \(key.second)", nil, in: transaction)
        }
    }
}

extension LogTally {
    fileprivate mutating func count(_ change: Change) {
        switch change {
        case .accounts(.created): accounts += 1
        case .packages(.created): packages += 1
        case .products(.created): products += 1
        case .products(.deleted(let key, _)):
            deletedProducts += 1
            metadata[.product(key)] = nil
            tokenKeys = tokenKeys.filter { $0.key.first != key }
            images[key] = nil
        case .devices(.deleted(let identity)):
            metadata[.device(identity)] = nil
            desired[identity] = nil
            pins[identity] = nil
        case .devices(.pinsSet(let identity, let list)):
            pins[identity] = list.isEmpty ? nil : list
        case .devices(.desiredChanged(let identity, let version)): desired[identity] = version
        case .metadata(.merged(let owner, let edits)):
            let left = (metadata[owner] ?? Metadata()).merging(edits)
            metadata[owner] = left.values.isEmpty ? nil : left
        case .accounts(.contactPut(let id, let contact)):
            contacts[KeyPair(id, contact.email)] = contact.name
        case .accounts(.contactRemoved(let id, let email)):
            contacts[KeyPair(id, email)] = nil
            contactLanguages[KeyPair(id, email)] = nil
        case .codes(.bought), .codes(.granted): batches += 1
        case .codes(.assigned): assignments += 1
        case .devices(.activated): activations += 1
        case .imports(.begun): imports += 1
        case .imports(.imported(_, let count, .some)):
            committedImports += 1
            importedRows &+= UInt64(count)
        case .keys(.created): keys += 1
        case .keys(.revoked): revokedKeys += 1
        case .keys(.sealingKeysAdopted(let numbers)): sealingKeys += numbers.count
        case .corrections(let correction): count(correction)
        case .limits(.adopted(let adopted)): limits = adopted
        case .cluster(.nodeRemoved(let node)): removedNodes.insert(node)
        case .cluster(.partitionsAssigned(let number)): partitions = number
        case .cluster(.sessionsFollowed(let node, let follower, let number)):
            followings[node] = SessionFollowing(
                number: number, follower: follower, isInherited: false,
                heirs: followings[node]?.heirs ?? [])
        case .cluster(.sessionsInherited(let node, let follower, let number)):
            let heirs = followings[node]?.heirs ?? []
            followings[node] = SessionFollowing(
                number: number, follower: follower, isInherited: true,
                heirs: heirs + [SessionHeir(node: follower, number: number)])
        case .cluster(.inheritanceSettled(let node, let heir, let number)):
            let heir = SessionHeir(node: heir, number: number)
            if let known = followings[node] {
                followings[node] = SessionFollowing(
                    number: known.number, follower: known.follower,
                    isInherited: known.isInherited, heirs: known.heirs.filter { $0 != heir })
            }
        case .upgrades(let change):
            if case .requested = change.entry { upgrades += 1 }
        case .webhooks(.created(let id, _)): webhooks.insert(id)
        case .webhooks(.deleted(let id, _)): webhooks.remove(id)
        case .alerts(let change): count(change)
        case .authorities(.registered(let id, _, _)): authorities.insert(id)
        case .authorities(.removed(let id, _)):
            authorities.remove(id)
            revocations[id] = nil
            authorityRules[id] = nil
            pinnings[id] = nil
        case .authorities(.removedWithHeir(let id, _, let heir)):
            authorities.remove(id)
            revocations[heir] = revocations.removeValue(forKey: id)
            authorityRules[id] = nil
            pinnings[id] = nil
        case .authorities(.revoked(let id, _, let count, _)): revocations[id] = count
        case .authorities(.rulesSet(let id, _, let rules)):
            authorityRules[id] = rules == .standard ? nil : rules
        case .authorities(.pinningSet(let id, _, let pinning)):
            pinnings[id] = pinning == .none ? nil : pinning
        case .products(.tokenKeyAdded(let product, let id, let algorithm)):
            tokenKeys[KeyPair(product, id)] = algorithm
        case .products(.tokenKeyRemoved(let product, let id)):
            tokenKeys[KeyPair(product, id)] = nil
        case .firmware(.added(let product, let version, _, let digest)):
            images[product, default: [:]][version] = digest
        case .firmware(.deleted(let product, let version)): images[product]?[version] = nil
        case .campaigns(.created(let product, let id, _)):
            campaigns[KeyPair(product, id)] = .running
        case .campaigns(.turned(let product, let id, let state)):
            campaigns[KeyPair(product, id)] = state
        case .accounts(.updated), .accounts(.certified), .products(.updated),
            .products(.packageUpgraded), .products(.uplinkNamed), .products(.dialectSet),
            .products(.limitsSet), .products(.stateCounted), .products(.uncountedSet),
            .devices(.limitsSet), .imports(.imported(_, _, .none)), .imports(.abandoned),
            .devices(.registered), .devices(.entitlementReopened), .devices(.entitlementEnded),
            .devices(.disabled), .devices(.renewalSet), .devices(.secretReset),
            .devices(.secretConfirmed), .devices(.messagesDeleted), .devices(.renamed),
            .packages(.renamed), .keys(.renamed), .topUps, .clock,
            .productSecrets, .cluster(.checkpoint), .webhooks(.updated),
            .webhooks(.secretRotated), .authorities(.updated), .firmware(.offered),
            .firmware(.explained):
            break
        }
    }
}

extension LogTally {
    fileprivate mutating func count(_ change: AlertChange) {
        switch change {
        case .settingsAdopted(let adopted): alertSettings = adopted
        case .ruleSet(let account, let kind, let rule): alertRules[KeyPair(account, kind)] = rule
        case .ruleReset(let account, let kind): alertRules[KeyPair(account, kind)] = nil
        case .languageSet(let account, let language): alertLanguages[account] = language
        case .contactLanguageSet(let account, let email, let language):
            contactLanguages[KeyPair(account, email)] = language
        case .fired(let number, let place, _, _):
            alerts += 1
            openAlerts[place] = number
        case .resolved(_, let place, _): openAlerts[place] = nil
        case .notificationRetried, .repeated: break
        }
    }

    fileprivate mutating func count(_ correction: Correction) {
        switch correction.entry {
        case .purchaseVoided(_, _, let quantity, let first):
            voidedCodes[first.serial, default: 0] &+= quantity
        case .assignmentVoided(_, _, _, let quantity, let sequence):
            unassignedAgain[sequence, default: 0] &+= quantity
        case .consumptionVoided: voidedConsumptions += 1
        case .entitlementMoved, .topUpVoided: break
        }
    }
}

/// How many of each thing the log has made, and what is stored about the books as a whole.
struct LogTally {
    /// Whom the log has left on the lists of contacts, with their names: as many as there are.
    var contacts: [KeyPair<AccountID, EmailAddress>: String] = [:]

    /// As the log has left it.
    var metadata: [MetadataOwner: Metadata] = [:]

    /// The versions of what devices are to be.
    var desired: [DeviceIdentity: UInt64] = [:]

    /// The firmware images that it has left.
    var images: [ProductKey: [FirmwareVersion: FirmwareDigest]] = [:]

    /// How it has left them.
    var campaigns: [KeyPair<ProductKey, CampaignID>: CampaignState] = [:]
    var nextSerial: UInt64 = 1
    var accounts = 0
    var packages = 0
    var products = 0
    var deletedProducts = 0
    var batches = 0
    var assignments = 0
    var activations = 0
    var voidedConsumptions = 0

    /// Those that were adopted last.
    var limits: BooksLimits?

    /// The number of the table that was assigned last.
    var partitions: UInt64 = 0

    /// Who keeps which node's stored sessions, as it was said last.
    var followings: [NodeName: SessionFollowing] = [:]
    var removedNodes: Set<NodeName> = []

    /// By corrections: codes of a batch that are void, and of an assignment that are unassigned again.
    var voidedCodes: [UInt64: UInt64] = [:]
    var unassignedAgain: [UInt64: UInt64] = [:]
    var keys = 0
    var revokedKeys = 0
    var sealingKeys = 0
    var upgrades = 0

    /// Those that the log has left.
    var webhooks: Set<WebhookID> = []
    var authorities: Set<AuthorityID> = []

    /// How many certificates each authority's list has.
    var revocations: [AuthorityID: UInt64] = [:]

    /// Others than the standard ones.
    var authorityRules: [AuthorityID: AuthorityRules] = [:]
    var pinnings: [AuthorityID: CertificatePinning] = [:]
    var pins: [DeviceIdentity: [CertificateFingerprint]] = [:]

    /// Token keys that are left.
    var tokenKeys: [KeyPair<ProductKey, TokenKeyID>: TokenAlgorithm] = [:]

    /// Of alerts: what was adopted last, what the log has left, how many were fired, and those that are open.
    var alertSettings: AlertSettings?
    var alertRules: [KeyPair<AccountID, AlertKind>: AlertRule] = [:]
    var alertLanguages: [AccountID: AlertLanguage] = [:]
    var contactLanguages: [KeyPair<AccountID, EmailAddress>: AlertLanguage] = [:]
    var alerts: UInt64 = 0
    var openAlerts: [AlertPlace: UInt64] = [:]

    /// Imports in chunks: begun, committed, and the rows of those.
    var imports = 0
    var committedImports = 0
    var importedRows: UInt64 = 0
}
